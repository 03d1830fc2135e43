/* SPDX-License-Identifier: ISC */
#include "choice.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/text.h"
#include "relayos/policy/route.h"
#include "route_name.h"

static char *put(char *at, const char *text);
static char *put_int(char *at, int64_t n);
static char *put_choice(char *at, const struct flight_choice *choice);
static uint32_t n_choices_of(const struct flight_record *flight);
static void from_record(const struct flight_record *flight, struct store_choice *out);
static void write_one(const struct store_trace *trace, const struct store_choice *choice,
                      const struct route_names *names, struct frame_out *out);
static const char *explain(const char *exclusion);

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

void
choice_models(struct ledger *ledger, const struct flight_record *flight,
              const char *out[LIMIT_ATTEMPTS])
{
    for (uint32_t n = 0; n < LIMIT_ATTEMPTS; n++) {
        bool is_other = n < flight->n_attempts && flight->attempts[n].model_id != flight->model_id;

        out[n] =
            is_other ? catalog_model_name(ledger->catalog, flight->attempts[n].model_id) : NULL;
    }
}

int
choice_write(struct ledger *ledger, const struct store_trace *trace, bool is_running,
             struct frame_out *out)
{
    struct store_choice choices[LIMIT_CHOICES];
    struct route_names names;
    int64_t n_unlisted = trace->flight.n_unlisted;
    size_t n = n_choices_of(&trace->flight);
    int rc = 0;

    if (is_running)
        from_record(&trace->flight, choices);
    else
        rc = store_trace_choices(ledger->store, trace->flight.request_id, choices, LIMIT_CHOICES,
                                 &n, &n_unlisted);
    if (rc != 0)
        return rc;
    if (n > 0)
        route_name_prepare(ledger->catalog, trace, &names);
    frame_array(out, "choices");
    for (size_t i = 0; i < n; i++)
        write_one(trace, &choices[i], &names, out);
    frame_end(out);
    frame_int(out, "n_unlisted", n_unlisted);
    return 0;
}

static void
from_record(const struct flight_record *flight, struct store_choice *out)
{
    for (uint32_t i = 0; i < n_choices_of(flight); i++) {
        const struct flight_choice *choice = &flight->choices[i];

        out[i] = (struct store_choice){.route_id = choice->route_id,
                                       .score = choice->score,
                                       .attempt = choice->attempt,
                                       .is_pinned = choice->is_pinned != 0};
        snprintf(out[i].exclusion, sizeof(out[i].exclusion), "%s",
                 route_exclusion_name((enum route_exclusion)choice->exclusion));
    }
}

static void
write_one(const struct store_trace *trace, const struct store_choice *choice,
          const struct route_names *names, struct frame_out *out)
{
    const struct flight_record *flight = &trace->flight;
    char name[ROUTE_NAME_SIZE];

    route_name_find(names, choice->route_id, name);
    frame_map(out, NULL);
    frame_int(out, "attempt", choice->attempt);
    frame_cstr(out, "route", name);
    frame_int(out, "score", choice->score);
    frame_cstr(out, "exclusion", explain(choice->exclusion));
    frame_bool(out, "is_pinned", choice->is_pinned);
    frame_bool(out, "is_taken",
               choice->attempt < LIMIT_ATTEMPTS && choice->attempt < flight->n_attempts &&
                   flight->attempts[choice->attempt].route_id == choice->route_id);
    frame_end(out);
}

/* What a person reads; a name that this version does not know is better than nothing. */
static const char *
explain(const char *exclusion)
{
    for (int i = 0; i < ROUTE_N_EXCLUSIONS; i++) {
        if (strcmp(exclusion, route_exclusion_name((enum route_exclusion)i)) == 0)
            return route_exclusion_text((enum route_exclusion)i);
    }
    return exclusion;
}
