/* SPDX-License-Identifier: ISC */
#include "route.h"

#include <string.h>

#include <criterion/criterion.h>

#include "explain.h"
#include "framed.h"
#include "relayos/base/clock.h"

#define US_PER_S INT64_C(1000000)

struct sample_route {
    const char *id, *name, *upstream, *model, *state;
    int64_t left_us;     /* of the state; 0 = it does not end by itself */
    int64_t answered_us; /* ago; 0 = never */
};

static const struct sample_route samples[] = {
    {"0a0a0a0a", "m/east/big", "east", "big", "open", 9030 * US_PER_S, 60 * US_PER_S},
    {"0b0b0b0b", "m/east/small", "east", "small", "up", 0, 1},
    {"0c0c0c0c", "m/west", "west", "m", "drained", 0, 0},
};

static void
write_route(struct frame_out *out, const struct sample_route *sample)
{
    int64_t now_us = clock_real_us();

    frame_map(out, NULL);
    frame_cstr(out, "id", sample->id);
    frame_cstr(out, "name", sample->name);
    frame_cstr(out, "upstream", sample->upstream);
    frame_cstr(out, "upstream_model", sample->model);
    frame_cstr(out, "state", sample->state);
    frame_cstr(out, "admin", "drained");
    if (sample->left_us > 0)
        frame_int(out, "until_us", now_us + sample->left_us);
    if (sample->answered_us > 0)
        frame_int(out, "last_success_us", now_us - sample->answered_us);
    frame_int(out, "success_permille", 1000);
    frame_int(out, "in_flight", 7);
    frame_int(out, "max_concurrent", 20);
    frame_int(out, "limit", 9);
    frame_int(out, "score", 1234567);
    frame_map(out, "probe");
    frame_cstr(out, "kind", "models");
    frame_end(out);
    frame_array(out, "credentials");
    frame_map(out, NULL);
    frame_cstr(out, "name", "spare");
    frame_cstr(out, "state", "refused");
    frame_int(out, "status", 401);
    frame_end(out);
    frame_end(out);
    frame_end(out);
}

/* A list of all of them, the first of them alone, and the model they are of. */
static struct frame_in *
sample(void)
{
    struct frame_out *out = frame_out_new();

    frame_map(out, NULL);
    frame_cstr(out, "model", "m");
    frame_array(out, "routes");
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        write_route(out, &samples[i]);
    frame_end(out);
    frame_end(out);

    struct frame_in *in = framed(out);
    frame_out_free(&out);
    return in;
}

/* What one of the verbs prints. */
static struct buf out;

static void
print(verb_print *print_result, const struct frame_in *in)
{
    const struct args args = {.n_operands = 0};

    buf_init(&out, 65536);
    print_result(frame_root(in), &args, &out);
    buf_append_byte(&out, '\0');
}

/* The line of a table or record that holds a text. */
static void
expect_line(const char *has, const char *also)
{
    const char *at = strstr(out.ptr, has), *end = at == NULL ? NULL : strchr(at, '\n');
    const char *found = at == NULL ? NULL : strstr(at, also);

    cr_expect(found != NULL && found < end, "no line with '%s' and '%s' in:\n%s", has, also,
              out.ptr);
}

Test(ctl_route, a_list_says_at_a_glance_what_is_out_and_for_how_long)
{
    struct frame_in *in = sample();

    print(route_print_list, in);
    expect_line("m/east/big", " open 2h 30m ");
    expect_line("m/east/big", " 7/9 ");
    expect_line("m/east/small", " up  ");
    expect_line("m/west", " drained  ");
    frame_in_free(&in);
    buf_fini(&out);
}

Test(ctl_route, a_share_of_success_is_shown_of_what_was_called_lately_alone)
{
    struct frame_in *in = sample();

    print(route_print_list, in);
    expect_line("m/east/big", " 7/9        -  ");
    expect_line("m/east/small", " 7/9   100.0%  ");
    expect_line("m/west", " 7/9        -  ");
    frame_in_free(&in);
    buf_fini(&out);
}

Test(ctl_route, one_route_tells_who_put_it_out_and_what_its_credentials_are_like)
{
    struct frame_in *in = sample();
    /* One of the list, in place of the only one. */
    struct frame_out *frame = frame_out_new();

    frame_map(frame, NULL);
    frame_copy(frame, "route", frame_at(frame_get(frame_root(in), "routes"), 0));
    frame_end(frame);
    struct frame_in *one = framed(frame);
    print(route_print_one, one);
    expect_line("state ", "open 2h 30m");
    expect_line("drained by the operator", "until enabled");
    expect_line("failed ", "0; the last: never");
    expect_line("probe ", "models: not yet");
    expect_line("spare", "401");
    frame_out_free(&frame);
    frame_in_free(&one);
    frame_in_free(&in);
    buf_fini(&out);
}

Test(ctl_route, explain_names_routes_as_the_list_does)
{
    struct frame_in *in = sample();

    print(explain_print, in);
    expect_line("m/east/big ", "1,234,567");
    expect_line("m/east/small ", "1,234,567");
    expect_line("m/west ", "1,234,567");
    frame_in_free(&in);
    buf_fini(&out);
}
