/* SPDX-License-Identifier: ISC */
#include "choice.h"

#include <assert.h>
#include <string.h>

#include "relayos/base/text.h"
#include "relayos/policy/route.h"

static char *put(char *at, const char *text);
static char *put_int(char *at, int64_t n);
static char *put_choice(char *at, const struct flight_choice *choice);
static uint32_t n_choices_of(const struct flight_record *flight);

struct slice
choice_format(const struct flight_record *flight, char out[CHOICE_TEXT_SIZE])
{
    uint32_t n = n_choices_of(flight);
    char *at = out;

    if (n == 0)
        return slice_of(out, 0);
    for (uint32_t i = 0; i < n; i++) {
        *at++ = i == 0 ? '[' : ',';
        at = put_choice(at, &flight->choices[i]);
    }
    if (flight->n_unlisted > 0) {
        *at++ = ',';
        at = put_int(at, flight->n_unlisted);
    }
    *at++ = ']';
    assert(at - out <= CHOICE_TEXT_SIZE);
    return slice_of(out, (size_t)(at - out));
}

/* Settlement does it for each request: no printf. At most
 * [255,"01234567",4294967295,"...","pinned"], */
static char *
put_choice(char *at, const struct flight_choice *choice)
{
    uint8_t id[4] = {(uint8_t)(choice->route_id >> 24), (uint8_t)(choice->route_id >> 16),
                     (uint8_t)(choice->route_id >> 8), (uint8_t)choice->route_id};

    *at++ = '[';
    at = put_int(at, choice->attempt);
    at = put(at, ",\"");
    text_hex(id, sizeof(id), at);
    at = put(at + 2 * sizeof(id), "\",");
    at = put_int(at, choice->score);
    at = put(at, ",\"");
    at = put(at, route_exclusion_name((enum route_exclusion)choice->exclusion));
    return put(at, choice->is_pinned != 0 ? "\",\"pinned\"]" : "\"]");
}

static char *
put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

static char *
put_int(char *at, int64_t n)
{
    return at + text_int_format(n, at);
}

static uint32_t
n_choices_of(const struct flight_record *flight)
{
    return flight->n_choices < LIMIT_CHOICES ? flight->n_choices : LIMIT_CHOICES;
}
