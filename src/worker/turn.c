/* SPDX-License-Identifier: ISC
 *
 * turn - one place a row, more or less: what is lost is somebody's patience.
 */
#include "turn.h"

#include "relayos/shm/health.h"

/* A little longer than a panic waits. */
#define OTHERS_US (HEALTH_PANIC_US * 3 / 2)

static uint32_t place(uint32_t health_row);

void
turn_note(struct turns *turns, uint32_t health_row, uint64_t key_id, int64_t now_us)
{
    turns->turn[place(health_row)] = (struct turn){key_id, now_us + OTHERS_US, health_row};
}

bool
turn_is_others(const struct turns *turns, uint32_t health_row, uint64_t key_id, int64_t now_us)
{
    const struct turn *turn = &turns->turn[place(health_row)];

    return turn->health_row == health_row && turn->key_id == key_id && now_us < turn->until_us;
}

static uint32_t
place(uint32_t health_row)
{
    return health_row % TURN_SLOTS;
}
