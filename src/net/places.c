/* SPDX-License-Identifier: ISC */
#include "places.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "relayos/base/hash.h"
#include "relayos/base/mem.h"

struct places_client {
    struct places_link link; /* first: of its level, if any of its strangers wait */
    struct places_client *next;
    uint64_t address;
    uint32_t n, n_strangers, n_waiting; /* connections; of these strangers'; of these that wait */
    struct place line;                  /* those that wait */
};

static struct places_client **find(const struct places *places, uint64_t address);
static void count_waiting(struct places *places, struct places_client *client, int change);
static unsigned level_of(uint32_t n_waiting);
static struct place *first_of(const struct place *line);

void
places_init(struct places *places, uint32_t n_expected)
{
    uint32_t n_slots = 16;

    while (n_slots < n_expected && n_slots < UINT32_C(1) << 20)
        n_slots *= 2;
    *places = (struct places){.mask = n_slots - 1,
                              .table = mem_zalloc(n_slots * sizeof(struct places_client *))};
    places->known.prev = places->known.next = &places->known;
    for (unsigned i = 0; i < PLACES_LEVELS; i++)
        places->levels[i].prev = places->levels[i].next = &places->levels[i];
    /* Clients choose their addresses: not so that all meet in one slot. */
    (void)!getrandom(&places->seed, sizeof places->seed, GRND_NONBLOCK);
}

void
places_fini(struct places *places)
{
    assert(places->n_clients == 0);
    free(places->table);
    places->table = NULL;
}

uint64_t
places_address(const uint8_t *bytes, size_t len)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint64_t address = 0;
    size_t from = 0, n = len == 16 ? 8 : len;

    if (len == 16 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        from = sizeof mapped;
        n = 4;
    }
    for (size_t i = 0; i < n; i++)
        address = address << 8 | bytes[from + i];
    return n == 4 ? address | UINT64_C(1) << 32 : address; /* no IPv6 network begins like that */
}

void
places_join(struct places *places, struct place *place, uint64_t address)
{
    struct places_client **slot = find(places, address), *client = *slot;

    assert(place->client == NULL);
    if (client == NULL) {
        client = mem_zalloc(sizeof *client);
        client->address = address;
        client->line.prev = client->line.next = &client->line;
        *slot = client;
        places->n_clients++;
    }
    client->n++;
    client->n_strangers++;
    *place = (struct place){.client = client};
}

void
places_leave(struct places *places, struct place *place)
{
    struct places_client *client = place->client;

    places_work(places, place);
    client->n_strangers -= !place->is_known;
    *place = (struct place){0};
    if (--client->n > 0)
        return;
    *find(places, client->address) = client->next;
    places->n_clients--;
    free(client);
}

void
places_know(struct places *places, struct place *place)
{
    bool is_waiting = place->next != NULL;

    if (place->is_known)
        return;
    places_work(places, place);
    place->is_known = true;
    place->client->n_strangers--;
    if (is_waiting)
        places_wait(places, place);
}

void
places_wait(struct places *places, struct place *place)
{
    struct place *line = place->is_known ? &places->known : &place->client->line;

    places_work(places, place);
    place->prev = line->prev;
    place->next = line;
    line->prev->next = place;
    line->prev = place;
    places->n_waiting++;
    if (!place->is_known)
        count_waiting(places, place->client, 1);
}

void
places_work(struct places *places, struct place *place)
{
    if (place->next == NULL)
        return;
    place->prev->next = place->next;
    place->next->prev = place->prev;
    place->prev = place->next = NULL;
    places->n_waiting--;
    if (!place->is_known)
        count_waiting(places, place->client, -1);
}

bool
places_is_full(const struct places *places, uint64_t address)
{
    const struct places_client *client = *find(places, address);

    return client != NULL &&
           ((places->max_each > 0 && client->n >= places->max_each) ||
            (places->max_strangers > 0 && client->n_strangers >= places->max_strangers));
}

struct place *
places_victim(const struct places *places)
{
    for (unsigned level = PLACES_LEVELS; level-- > 0;) {
        const struct places_link *link = places->levels[level].next;

        if (link != &places->levels[level])
            return first_of(&((const struct places_client *)link)->line);
    }
    return first_of(&places->known);
}

struct place *
places_victim_of(const struct places *places, uint64_t address)
{
    const struct places_client *client = *find(places, address);

    return client == NULL ? NULL : first_of(&client->line);
}

/* Where the client's pointer is, or NULL stands for it. */
static struct places_client **
find(const struct places *places, uint64_t address)
{
    struct places_client **slot =
        &places->table[(uint32_t)hash_mix64(address ^ places->seed) & places->mask];

    while (*slot != NULL && (*slot)->address != address)
        slot = &(*slot)->next;
    return slot;
}

static void
count_waiting(struct places *places, struct places_client *client, int change)
{
    uint32_t old = client->n_waiting, now = old + (uint32_t)change;
    struct places_link *link = &client->link;

    client->n_waiting = now;
    if (old > 0 && now > 0 && level_of(old) == level_of(now))
        return;
    if (old > 0) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
    }
    if (now == 0)
        return;
    struct places_link *level = &places->levels[level_of(now)];
    link->prev = level->prev;
    link->next = level;
    level->prev->next = link;
    level->prev = link;
}

static unsigned
level_of(uint32_t n_waiting)
{
    return 31 - (unsigned)__builtin_clz(n_waiting);
}

static struct place *
first_of(const struct place *line)
{
    return line->next == line ? NULL : line->next;
}
