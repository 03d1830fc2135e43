/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "places.h"

#define N 64

/* The same, said plainly: connections in an array, the time when each began to wait. */
struct model {
    bool is_there, is_known, is_waiting;
    uint64_t address, since;
};

static struct place places_of[N];
static struct model model[N];

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint32_t
count(uint64_t address, bool of_strangers, bool that_wait)
{
    uint32_t n = 0;

    for (int i = 0; i < N; i++)
        n += model[i].is_there && model[i].address == address &&
             (!of_strangers || !model[i].is_known) && (!that_wait || model[i].is_waiting);
    return n;
}

/* The one must be a stranger of a client that has more than half of the most, and wait longest
 * there; or, without such, the known one that waits longest. */
static void
expect_fair(const struct place *victim, unsigned step)
{
    uint32_t most = 0;
    bool any = false;
    int v = victim == NULL ? -1 : (int)(victim - places_of);

    for (int i = 0; i < N; i++) {
        any |= model[i].is_there && model[i].is_waiting;
        uint32_t n = count(model[i].address, true, true);
        if (model[i].is_there && n > most)
            most = n;
    }
    cr_assert_eq(v >= 0, any, "step %u", step);
    if (v < 0)
        return;
    cr_assert(model[v].is_waiting && model[v].is_known == (most == 0), "step %u", step);
    if (most > 0)
        cr_assert_gt(2 * count(model[v].address, true, true), most, "step %u", step);
    for (int i = 0; i < N; i++) {
        if (model[i].is_there && model[i].is_waiting && model[i].is_known == model[v].is_known &&
            (model[v].is_known || model[i].address == model[v].address))
            cr_assert_leq(model[v].since, model[i].since, "step %u", step);
    }
}

static void
step_once(struct places *places, uint64_t random, uint64_t now)
{
    int i = (int)(random % N);

    if (!model[i].is_there) {
        /* Most are of one address. */
        uint64_t address = random >> 8 & 1 ? 7 : random >> 16 & 7;

        cr_assert_eq(places_is_full(places, address),
                     count(address, false, false) >= 40 || count(address, true, false) >= 20);
        places_join(places, &places_of[i], address);
        model[i] = (struct model){.is_there = true, .address = address};
        return;
    }
    switch (random >> 32 & 7) {
    case 0:
        places_leave(places, &places_of[i]);
        model[i] = (struct model){0};
        break;
    case 1:
        places_know(places, &places_of[i]);
        if (!model[i].is_known)
            model[i].since = now;
        model[i].is_known = true;
        break;
    case 2:
    case 3:
        places_work(places, &places_of[i]);
        model[i].is_waiting = false;
        break;
    default:
        places_wait(places, &places_of[i]);
        model[i].is_waiting = true;
        model[i].since = now;
        break;
    }
}

Test(places, the_one_that_goes_is_fair_over_any_history)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct places places;
        uint64_t state = seed;

        places_init(&places, 4);
        places.max_each = 40;
        places.max_strangers = 20;
        for (unsigned step = 0; step < 3000; step++) {
            step_once(&places, next_random(&state), step + 1);
            expect_fair(places_victim(&places), step);
        }
        for (int i = 0; i < N; i++) {
            if (model[i].is_there)
                places_leave(&places, &places_of[i]);
            model[i] = (struct model){0};
        }
        cr_assert_eq(places.n_waiting, 0);
        places_fini(&places);
    }
}

Test(places, a_flood_of_one_address_pushes_out_its_own)
{
    static struct place flood[1000], others[5];
    struct places places;

    places_init(&places, 16);
    for (uint64_t i = 0; i < 5; i++) {
        places_join(&places, &others[i], 100 + i);
        places_wait(&places, &others[i]);
    }
    for (int i = 0; i < 1000; i++) {
        places_join(&places, &flood[i], 1);
        places_wait(&places, &flood[i]);
    }
    for (int i = 0; i < 998; i++) { /* down to two: then they are as many as others, or nearly */
        struct place *victim = places_victim(&places);

        cr_assert_eq(victim, &flood[i]);
        places_leave(&places, victim);
    }
    places_leave(&places, &flood[998]);
    places_leave(&places, &flood[999]);
    for (int i = 0; i < 5; i++)
        places_leave(&places, &others[i]);
    places_fini(&places);
}

Test(places, an_address_is_a_host_or_a_64)
{
    static const uint8_t v4[4] = {192, 0, 2, 7};
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7};
    static const uint8_t a[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t b[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 9, 9, 9, 9, 9, 9, 9, 9};
    static const uint8_t c[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8};

    cr_expect_eq(places_address(v4, 4), places_address(mapped, 16));
    cr_expect_eq(places_address(a, 16), places_address(b, 16));
    cr_expect_neq(places_address(a, 16), places_address(c, 16));
    cr_expect_neq(places_address(v4, 4), places_address(NULL, 0));
}
