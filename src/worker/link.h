/* SPDX-License-Identifier: ISC
 *
 * link - a place in a doubly linked list; zeroed = in none. Joining and leaving cost nothing.
 */
#ifndef RELAYOS_WORKER_LINK_H
#define RELAYOS_WORKER_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *previous;
};

static inline void
link_init_list(struct link *list)
{
    list->next = list->previous = list;
}

static inline bool
link_is_in_list(const struct link *link)
{
    return link->next != NULL;
}

/* First of the list, or NULL. */
static inline struct link *
link_first(const struct link *list)
{
    return list->next == list ? NULL : list->next;
}

static inline void
link_append(struct link *list, struct link *link)
{
    link->next = list;
    link->previous = list->previous;
    list->previous->next = link;
    list->previous = link;
}

static inline void
link_prepend(struct link *list, struct link *link)
{
    link_append(list->next, link);
}

static inline void
link_remove(struct link *link)
{
    if (!link_is_in_list(link))
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

#endif
