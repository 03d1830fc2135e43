/* SPDX-License-Identifier: ISC */
#include "report_choice.h"

#include <stdio.h>
#include <string.h>

#include "relayos/policy/route.h"
#include "route_name.h"

static void from_record(const struct flight_record *flight, struct store_choice *out);
static void write_one(const struct store_trace *trace, const struct store_choice *choice,
                      const struct route_names *names, struct frame_out *out);
static const char *explain(const char *exclusion);
static uint32_t n_choices_of(const struct flight_record *flight);

int
report_choice_write(const struct report *report, const struct store_trace *trace, bool is_running,
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
        rc = store_trace_choices(report->store, trace->flight.request_id, choices, LIMIT_CHOICES,
                                 &n, &n_unlisted);
    if (rc != 0)
        return rc;
    if (n > 0)
        route_name_prepare(report->catalog, trace, &names);
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

static uint32_t
n_choices_of(const struct flight_record *flight)
{
    return flight->n_choices < LIMIT_CHOICES ? flight->n_choices : LIMIT_CHOICES;
}

void
report_choice_models(const struct catalog *catalog, const struct flight_record *flight,
                     const char *out[LIMIT_ATTEMPTS])
{
    for (uint32_t n = 0; n < LIMIT_ATTEMPTS; n++) {
        bool is_other = n < flight->n_attempts && flight->attempts[n].model_id != flight->model_id;

        out[n] = is_other ? catalog_model_name(catalog, flight->attempts[n].model_id) : NULL;
    }
}
