/* SPDX-License-Identifier: ISC */
#include "refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"

#define N_ENTRIES 32
#define AGAIN_US  (INT64_C(60) * 1000000) /* between two rows of the same */
#define N_ROWS    20                      /* at a time; then */
#define ROW_US    (INT64_C(60) * 1000000) /* one in this: 60 an hour, whoever knocks */

/* The same account, from the same address, for the same reason. */
struct entry {
    bool is_used;
    enum refusals_reason reason;
    char account[LIMIT_NAME];
    char address[USER_ADDRESS_SIZE];
    int64_t n; /* not told yet */
    int64_t since_us;
    int64_t due_us; /* monotonic: before, it is not told again */
};

struct refusals {
    struct link *link;
    struct entry entries[N_ENTRIES];
    struct entry others; /* that found no place: how many, all together */
    int64_t n_rows, paid_us;
};

static struct entry *find(struct refusals *refusals, const char *account, const char *address,
                          enum refusals_reason reason);
static bool may_write(struct refusals *refusals, int64_t now_us);
static bool tell(struct refusals *refusals, struct entry *entry, int64_t now_us);

struct refusals *
refusals_new(struct link *link)
{
    struct refusals *refusals = mem_zalloc(sizeof(*refusals));

    refusals->link = link;
    refusals->n_rows = N_ROWS;
    return refusals;
}

void
refusals_free(struct refusals **refusals)
{
    free(*refusals);
    *refusals = NULL;
}

void
refusals_note(struct call *call, const char *account, enum refusals_reason reason)
{
    refusals_add(call->console->refusals, account, call->address, reason);
}

void
refusals_add(struct refusals *refusals, const char *account, const char *address,
             enum refusals_reason reason)
{
    struct entry *entry = find(refusals, account, address, reason);

    if (entry->n++ == 0)
        entry->since_us = clock_real_us();
}

/* Its entry, a new one in the place of one that is told and over, or that of all others. */
static struct entry *
find(struct refusals *refusals, const char *account, const char *address,
     enum refusals_reason reason)
{
    struct entry *room = NULL;

    for (size_t n = 0; n < N_ENTRIES; n++) {
        struct entry *entry = &refusals->entries[n];

        if (entry->is_used && entry->reason == reason && strcmp(entry->account, account) == 0 &&
            strcmp(entry->address, address) == 0)
            return entry;
        if (room == NULL && !entry->is_used)
            room = entry;
    }
    if (room == NULL)
        return &refusals->others;
    *room = (struct entry){.is_used = true, .reason = reason};
    snprintf(room->account, sizeof(room->account), "%s", account);
    snprintf(room->address, sizeof(room->address), "%s", address);
    return room;
}

void
refusals_tell(struct refusals *refusals, int64_t now_us)
{
    bool can_write = true;

    for (size_t n = 0; n <= N_ENTRIES; n++) {
        struct entry *entry = n < N_ENTRIES ? &refusals->entries[n] : &refusals->others;

        if (entry->due_us > now_us)
            continue;
        if (entry->n == 0)
            entry->is_used = false;
        else
            can_write = can_write && may_write(refusals, now_us) && tell(refusals, entry, now_us);
    }
}

static bool
may_write(struct refusals *refusals, int64_t now_us)
{
    int64_t n_earned = (now_us - refusals->paid_us) / ROW_US;

    if (refusals->n_rows + n_earned >= N_ROWS) {
        refusals->n_rows = N_ROWS;
        refusals->paid_us = now_us;
    } else {
        refusals->n_rows += n_earned;
        refusals->paid_us += n_earned * ROW_US;
    }
    return refusals->n_rows > 0;
}

/* `who` is nobody's name: a name has no spaces. */
static bool
tell(struct refusals *refusals, struct entry *entry, int64_t now_us)
{
    static const char *const reasons[REFUSALS_N_REASONS] = {
        "wrong password",   "disabled",  "too many attempts", "wrong old password",
        "wrong setup link", "admin key", "unknown at issuer",
    };
    struct frame_out *out = link_begin(refusals->link, "session.refused");
    bool is_one = entry != &refusals->others;

    if (out == NULL)
        return false; /* the link is full: at the next beat */
    frame_cstr(out, "who", is_one ? "somebody unknown" : "several unknown");
    if (entry->account[0] != '\0')
        frame_cstr(out, "user", entry->account);
    if (is_one) {
        frame_cstr(out, "address", entry->address);
        frame_cstr(out, "reason", reasons[entry->reason]);
    }
    frame_int(out, "attempts", entry->n);
    frame_int(out, "since_us", entry->since_us);
    if (link_send(refusals->link, NULL, NULL) != 0)
        return false;
    refusals->n_rows--;
    entry->n = 0;
    entry->due_us = now_us + AGAIN_US;
    return true;
}
