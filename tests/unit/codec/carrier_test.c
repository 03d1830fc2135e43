/* SPDX-License-Identifier: ISC */
#include "relayos/codec/carrier.h"

#include <criterion/criterion.h>

#define OWNER 42

struct fixture {
    struct seal *seal;
    struct reply_context context;
    struct buf out;
    struct arena arena;
};

static struct fixture
make(bool is_sealed)
{
    struct secret *pepper = secret_new("pepper", 6);
    struct fixture f = {.seal = is_sealed ? seal_new(pepper) : NULL};

    secret_free(&pepper);
    f.context = (struct reply_context){.seal = f.seal, .owner_hash = OWNER};
    buf_init(&f.out, 8 << 20);
    arena_init(&f.arena, 8 << 20);
    return f;
}

static void
end(struct fixture *f)
{
    seal_free(&f->seal);
    buf_fini(&f->out);
    arena_fini(&f->arena);
}

/* What comes back of it, to that owner. */
static struct neutral_part
bring_back(struct fixture *f, struct slice raw, uint64_t owner)
{
    struct neutral_part part = {.kind = NEUTRAL_REASONING, .text = SLICE_LIT("shown")};
    struct neutral_request request = {.parts = &part, .n_parts = 1};

    if (!carrier_read(raw, &part))
        part.state = raw;
    carrier_open(&request, f->seal, owner, &f->arena);
    return part;
}

#define EXPECT(slice, text)                                                                        \
    cr_expect(slice_eq_str(slice, text), "got %.*s", (int)(slice).len, (slice).ptr)

Test(carrier, writes_what_the_handbook_shows)
{
    struct fixture f = make(false);

    carrier_write(&f.context,
                  &(struct carrier){.origin = NEUTRAL_ORIGIN_ANTHROPIC,
                                    .text = SLICE_LIT("Need the tide."),
                                    .state = SLICE_LIT("QW50U2ln")},
                  &f.out);
    EXPECT(buf_slice(&f.out),
           "relay1.ant."
           "W3sidHlwZSI6InRoaW5raW5nIiwidGhpbmtpbmciOiJOZWVkIHRoZSB0aWRlLiIsInNpZ25hdHVyZSI6IlFXNT"
           "BVMmxuIn1d");
    buf_clear(&f.out);
    carrier_write(
        &f.context,
        &(struct carrier){.origin = NEUTRAL_ORIGIN_GEMINI, .state = SLICE_LIT("c2lnLWdlbWluaQ==")},
        &f.out);
    EXPECT(buf_slice(&f.out), "relay1.gem.YzJsbkxXZGxiV2x1YVE9PQ");
    buf_clear(&f.out);
    carrier_write(&f.context, &(struct carrier){.origin = NEUTRAL_ORIGIN_TEXT}, &f.out);
    EXPECT(buf_slice(&f.out), "relay1.txt.");
    end(&f);
}

Test(carrier, brings_back_what_was_given_to_its_owner)
{
    struct fixture f = make(true);
    const struct carrier cases[] = {
        {.origin = NEUTRAL_ORIGIN_ANTHROPIC,
         .text = SLICE_LIT("a \\\"b\\\""),
         .state = SLICE_LIT("s1=")},
        {.origin = NEUTRAL_ORIGIN_ANTHROPIC, .state = SLICE_LIT("data"), .is_redacted = true},
        {.origin = NEUTRAL_ORIGIN_GEMINI, .state = SLICE_LIT("sig\\u003d\\/")},
        {.origin = NEUTRAL_ORIGIN_OPENAI, .id = SLICE_LIT("rs_1"), .state = SLICE_LIT("gAAA")},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_clear(&f.out);
        buf_append_str(&f.out, "before ");
        carrier_write(&f.context, &cases[i], &f.out);
        const struct slice raw = slice_sub(buf_slice(&f.out), 7, f.out.len);
        struct neutral_part part = bring_back(&f, raw, OWNER);

        cr_expect(part.origin == cases[i].origin && part.is_redacted == cases[i].is_redacted);
        cr_expect(slice_eq(part.state, cases[i].state) && slice_eq(part.id, cases[i].id));
        if (cases[i].origin == NEUTRAL_ORIGIN_ANTHROPIC)
            cr_expect(slice_eq(part.text, cases[i].text));
        else
            EXPECT(part.text, "shown");
    }
    end(&f);
}

Test(carrier, is_nothing_to_others)
{
    struct fixture f = make(true);

    carrier_write(&f.context,
                  &(struct carrier){.origin = NEUTRAL_ORIGIN_GEMINI, .state = SLICE_LIT("state")},
                  &f.out);
    struct neutral_part part = bring_back(&f, buf_slice(&f.out), OWNER + 1);
    cr_expect(part.origin == NEUTRAL_ORIGIN_TEXT && part.state.len == 0);
    EXPECT(part.text, "shown");
    end(&f);
}

/* Any byte changed, any length: never state, never a crash. */
Test(carrier, opens_nothing_forged)
{
    struct fixture f = make(true);
    char text[256];

    carrier_write(&f.context,
                  &(struct carrier){.origin = NEUTRAL_ORIGIN_OPENAI,
                                    .id = SLICE_LIT("rs_1"),
                                    .state = SLICE_LIT("state")},
                  &f.out);
    const size_t len = f.out.len;
    for (size_t i = 7; i < len; i++) {
        memcpy(text, f.out.ptr, len);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        cr_expect(bring_back(&f, slice_of(text, len), OWNER).state.len == 0, "byte %zu", i);
        cr_expect(bring_back(&f, slice_of(f.out.ptr, i), OWNER).state.len == 0, "length %zu", i);
    }
    struct neutral_part part = bring_back(&f, SLICE_LIT("relay1.ant.W10"), OWNER);
    cr_expect(part.state.len == 0 && part.origin == NEUTRAL_ORIGIN_TEXT);
    end(&f);
}

Test(carrier, takes_no_state_that_is_no_json)
{
    struct fixture f = make(false);

    cr_expect(bring_back(&f, SLICE_LIT("relay1.gem.IiwieCI6Ig"), OWNER).state.len ==
              0);                                                                 /* ","x":" */
    cr_expect(bring_back(&f, SLICE_LIT("relay1.ant.W10"), OWNER).state.len == 0); /* [] */
    cr_expect(bring_back(&f, SLICE_LIT("relay1.oai.e30"), OWNER).state.len == 0); /* {} */
    cr_expect(bring_back(&f, SLICE_LIT("relay1.xyz.e30"), OWNER).state.len == 0);
    cr_expect(bring_back(&f, SLICE_LIT("relay1."), OWNER).state.len == 0);
    EXPECT(bring_back(&f, SLICE_LIT("EqQBCg=="), OWNER).state, "EqQBCg==");
    end(&f);
}

Test(carrier, leaves_out_what_is_too_long)
{
    struct fixture f = make(false);
    char *state = malloc(CARRIER_MAX_STATE + 1);

    memset(state, 'a', CARRIER_MAX_STATE + 1);
    carrier_write(&f.context,
                  &(struct carrier){.origin = NEUTRAL_ORIGIN_GEMINI,
                                    .state = slice_of(state, CARRIER_MAX_STATE + 1)},
                  &f.out);
    EXPECT(buf_slice(&f.out), "relay1.txt.");
    free(state);
    end(&f);
}

/* User, assistant, user with a result, assistant, user: "k" of a turn stands for its kind. */
static void
strip(const char *kinds, const char *left)
{
    struct neutral_part parts[16];
    struct neutral_turn turns[16];
    struct neutral_request request = {.parts = parts, .turns = turns};
    char has[16];

    for (const char *kind = kinds; *kind != '\0'; kind++) {
        const uint32_t n = request.n_parts++;

        turns[request.n_turns++] = (struct neutral_turn){
            .role = *kind == 't' ? NEUTRAL_ASSISTANT : NEUTRAL_USER, .first_part = n, .n_parts = 1};
        parts[n] = (struct neutral_part){.kind = *kind == 't'   ? NEUTRAL_REASONING
                                                 : *kind == 'r' ? NEUTRAL_RESULT
                                                                : NEUTRAL_TEXT,
                                         .state = *kind == 't' ? SLICE_LIT("s") : SLICE_LIT("")};
    }
    carrier_strip(&request);
    for (uint32_t i = 0; i < request.n_parts; i++)
        has[i] = parts[i].state.len > 0 ? 's' : '-';
    has[request.n_parts] = '\0';
    cr_expect_str_eq(has, left, "%s: %s", kinds, has);
}

Test(carrier, refused_state_goes_from_turns_that_are_over_first)
{
    strip("utut", "---s");   /* the last is being answered to */
    strip("uturt", "----s"); /* one more before the last word of the user */
    strip("utrtr", "-----"); /* only the loop that runs has any */
    strip("utrturt", "---"
                     "---s");
    strip("u", "-");
    strip("", "");
}
