/* SPDX-License-Identifier: ISC
 *
 * places - who has a server's connections, and who gives up his when there is none left.
 *
 * A connection waits while nothing is asked on it: before its first request, while a head drips in,
 * between two requests. It works otherwise, and is then never taken from its client. Until a good
 * key is shown on it, it is a stranger's.
 *
 * Of those that wait, strangers go first: of the address that has most of them (to within a factor
 * of two), the one that has waited longest. So whoever opens thousands of connections pushes out
 * his own. Then those that are known, the longest idle first. An address is a host; of IPv6 a /64,
 * which is what one customer gets.
 *
 * Pure but for memory: no descriptor, no clock. All of it takes the same time however many there
 * are.
 */
#ifndef NET_PLACES_H
#define NET_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACES_LEVELS 32

struct places_client;

struct place {                 /* zeroed = of no server */
    struct place *prev, *next; /* in the line that it waits in; NULL: it works */
    struct places_client *client;
    bool is_known;
};

struct places_link {
    struct places_link *prev, *next;
};

struct places {
    uint32_t max_each, max_strangers; /* of one address; 0: no limit */
    uint32_t n_waiting;
    uint32_t n_clients;
    struct place known;                       /* the line of those; the longest idle first */
    struct places_link levels[PLACES_LEVELS]; /* clients with 2^n strangers waiting, and more */
    struct places_client **table;
    uint64_t seed;
    uint32_t mask;
};

void places_init(struct places *places, uint32_t n_expected);
void places_fini(struct places *places);

/* What counts as one address: of 4 or 16 bytes; of others (UNIX sockets) all are one. */
uint64_t places_address(const uint8_t *bytes, size_t len);

/* A stranger of that address, at work. */
void places_join(struct places *places, struct place *place, uint64_t address);
void places_leave(struct places *places, struct place *place);
/* A good key was shown on it. */
void places_know(struct places *places, struct place *place);
/* At the end of its line, wherever it was. */
void places_wait(struct places *places, struct place *place);
void places_work(struct places *places, struct place *place);

/* Has that address as many as it may, of all or of strangers? */
bool places_is_full(const struct places *places, uint64_t address);
/* Who is to go, or NULL: all work. */
struct place *places_victim(const struct places *places);
/* The same among the strangers of one address. */
struct place *places_victim_of(const struct places *places, uint64_t address);

#endif
