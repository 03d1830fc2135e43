/* SPDX-License-Identifier: ISC */
#include "relayos/conf/conf_key.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/conf/conf.h"

/* Some of a configuration's keys, in a row. */
struct span {
    struct conf_key **keys;
    size_t n;
};

static struct span copy(const struct conf *conf, size_t from, size_t until);
static int compare_addresses(const void *a, const void *b);
static void drop_shared(struct span *old, struct span *new);
static int compare_digests(const void *a, const void *b);

/* Most often one has changed, been added or taken out: all before it and behind it is shared, in
 * the same order. */
void
conf_key_changes(const struct conf *a, const struct conf *b, struct conf_key_changes *out)
{
    size_t n_old = a == NULL ? 0 : a->n_keys, n_new = b == NULL ? 0 : b->n_keys, from = 0;

    while (from < n_old && from < n_new && a->keys[from] == b->keys[from])
        from++;
    while (n_old > from && n_new > from && a->keys[n_old - 1] == b->keys[n_new - 1]) {
        n_old--;
        n_new--;
    }

    struct span old = copy(a, from, n_old), new = copy(b, from, n_new);

    drop_shared(&old, &new);
    qsort(old.keys, old.n, sizeof(*old.keys), compare_digests);
    qsort(new.keys, new.n, sizeof(*new.keys), compare_digests);
    *out =
        (struct conf_key_changes){.old = old.keys, .n_old = old.n, .new = new.keys, .n_new = new.n};
}

static struct span
copy(const struct conf *conf, size_t from, size_t until)
{
    struct span span = {.keys = mem_array(NULL, until - from, sizeof(*span.keys)),
                        .n = until - from};

    if (span.n > 0)
        memcpy(span.keys, conf->keys + from, span.n * sizeof(*span.keys));
    return span;
}

static int
compare_addresses(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct conf_key *const *)a;
    uintptr_t y = (uintptr_t) * (struct conf_key *const *)b;

    return (x > y) - (x < y);
}

/* No configuration has one twice. */
static void
drop_shared(struct span *old, struct span *new)
{
    size_t i = 0, j = 0, n_old = 0, n_new = 0;

    qsort(old->keys, old->n, sizeof(*old->keys), compare_addresses);
    qsort(new->keys, new->n, sizeof(*new->keys), compare_addresses);
    while (i < old->n || j < new->n) {
        int order = i == old->n   ? 1
                    : j == new->n ? -1
                                  : compare_addresses(&old->keys[i], &new->keys[j]);

        if (order < 0)
            old->keys[n_old++] = old->keys[i];
        if (order > 0)
            new->keys[n_new++] = new->keys[j];
        i += order <= 0;
        j += order >= 0;
    }
    old->n = n_old;
    new->n = n_new;
}

static int
compare_digests(const void *a, const void *b)
{
    const struct conf_key *const *x = a, *const *y = b;

    return memcmp((*x)->record.digest, (*y)->record.digest, KEY_DIGEST_SIZE);
}

void
conf_key_changes_free(struct conf_key_changes *changes)
{
    free(changes->old);
    free(changes->new);
}
