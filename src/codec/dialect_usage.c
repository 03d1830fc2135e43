/* SPDX-License-Identifier: ISC
 *
 * Usage as the providers report it, into disjoint buckets. A counter that is not an integer of
 * 0..LIMIT_TOKENS makes the report invalid and leaves what was known; null and absent leave it too.
 * The report is gone through once, by tables of the names; what its figures mean is worked out from
 * what was found. Prefix: dialect_.
 */
#include "dialect_parts.h"
#include "json_walk.h"
#include "relayos/base/limits.h"

/* What is read of a report, whatever the protocol calls it. */
enum field {
    FIELD_INPUT,
    FIELD_INPUT_DETAILS,
    FIELD_CACHE_READ,
    FIELD_CACHE_WRITE,
    FIELD_CACHE_WRITE_5M,
    FIELD_CACHE_WRITE_1H,
    FIELD_CACHE_SPLIT,
    FIELD_INPUT_AUDIO,
    FIELD_INPUT_IMAGE,
    FIELD_OUTPUT,
    FIELD_OUTPUT_DETAILS,
    FIELD_OUTPUT_AUDIO,
    FIELD_OUTPUT_IMAGE,
    FIELD_REASONING,
    FIELD_SERVER_TOOLS,
    FIELD_WEB_SEARCH,
    FIELD_TIER,
    N_FIELDS
};

/*
 * A member of a report: a counter, or an object of counters. Tables end with a row without name,
 * and are in the order that providers write them in.
 */
struct row {
    struct slice name;
    enum field field;
    const struct row *inner;
};

#define COUNTER(name, FIELD)                                                                       \
    {                                                                                              \
        {(name), sizeof(name) - 1}, FIELD_##FIELD, NULL                                            \
    }
#define OBJECT(name, FIELD, inner)                                                                 \
    {                                                                                              \
        {(name), sizeof(name) - 1}, FIELD_##FIELD, (inner)                                         \
    }
#define ROWS_END                                                                                   \
    {                                                                                              \
        {NULL, 0}, N_FIELDS, NULL                                                                  \
    }

static const struct row openai_input_details[] = {
    COUNTER("cached_tokens", CACHE_READ),
    COUNTER("audio_tokens", INPUT_AUDIO),
    COUNTER("cache_write_tokens", CACHE_WRITE),
    COUNTER("image_tokens", INPUT_IMAGE),
    ROWS_END,
};
static const struct row openai_output_details[] = {
    COUNTER("reasoning_tokens", REASONING),
    COUNTER("audio_tokens", OUTPUT_AUDIO),
    COUNTER("image_tokens", OUTPUT_IMAGE),
    ROWS_END,
};
static const struct row chat_rows[] = {
    COUNTER("prompt_tokens", INPUT),
    COUNTER("completion_tokens", OUTPUT),
    OBJECT("prompt_tokens_details", INPUT_DETAILS, openai_input_details),
    OBJECT("completion_tokens_details", OUTPUT_DETAILS, openai_output_details),
    ROWS_END,
};
static const struct row response_rows[] = {
    COUNTER("input_tokens", INPUT),
    COUNTER("output_tokens", OUTPUT),
    OBJECT("input_tokens_details", INPUT_DETAILS, openai_input_details),
    OBJECT("output_tokens_details", OUTPUT_DETAILS, openai_output_details),
    ROWS_END,
};

static const struct row anthropic_cache_split[] = {
    COUNTER("ephemeral_5m_input_tokens", CACHE_WRITE_5M),
    COUNTER("ephemeral_1h_input_tokens", CACHE_WRITE_1H),
    ROWS_END,
};
static const struct row anthropic_output_details[] = {
    COUNTER("thinking_tokens", REASONING),
    ROWS_END,
};
static const struct row anthropic_server_tools[] = {
    COUNTER("web_search_requests", WEB_SEARCH),
    ROWS_END,
};
static const struct row message_rows[] = {
    COUNTER("input_tokens", INPUT),
    COUNTER("output_tokens", OUTPUT),
    COUNTER("cache_read_input_tokens", CACHE_READ),
    COUNTER("cache_creation_input_tokens", CACHE_WRITE),
    OBJECT("cache_creation", CACHE_SPLIT, anthropic_cache_split),
    OBJECT("output_tokens_details", OUTPUT_DETAILS, anthropic_output_details),
    OBJECT("server_tool_use", SERVER_TOOLS, anthropic_server_tools),
    COUNTER("service_tier", TIER), /* no count, but read like one */
    ROWS_END,
};

static const struct row *const rows_of[] = {
    [OPERATION_CHAT] = chat_rows,
    [OPERATION_COMPLETION] = chat_rows,
    [OPERATION_EMBEDDING] = chat_rows,
    [OPERATION_RESPONSE] = response_rows,
    [OPERATION_MESSAGE] = message_rows,
    [OPERATION_COUNT_TOKENS] = message_rows,
    [OPERATION_INPUT_TOKENS] = response_rows,
    [OPERATION_COMPACTION] = response_rows,
};

#define BIT(field) (UINT32_C(1) << (field))

/* What was found, by bits of fields. Null is neither valid nor nonsense. */
struct report {
    uint32_t is_said, is_valid, is_nonsense;
    bool is_twice; /* a member of the report itself was said twice: nothing of it is believed */
    bool is_clean;
    struct json_member tier;
    int64_t count[N_FIELDS]; /* of valid counters */
};

static void read_report(const struct row *rows, struct slice value, struct report *out);
static bool is_counter(const struct row *row);
static const struct row *row_of(const struct row *rows, const struct json_member *member);
static void note_count(struct report *report, const struct row *row, const struct row *outer,
                       int64_t count);
static void note(struct report *report, const struct row *row, const struct json_member *member);
static void note_twice(struct report *report, const struct row *outer);
static bool read_tokens(struct slice value, int64_t *out);
static void read_openai(const struct report *report, struct usage *usage);
static void read_anthropic(const struct report *report, struct usage *usage);
static void read_cache_writes(const struct report *report, struct usage *usage);
static int64_t take(int64_t *left, const struct report *details, enum field field,
                    struct usage *usage);
static bool read_count(const struct report *report, enum field field, struct usage *usage,
                       int64_t *out);
static const struct report *inner_of(const struct report *report, enum field field,
                                     struct usage *usage);

void
dialect_usage_clear(struct usage *usage)
{
    *usage = (struct usage){.tier_permille = 1000};
}

bool
dialect_usage_read(enum operation operation, struct slice value, struct usage *usage)
{
    struct report report = {.is_clean = true};

    usage->count[USAGE_REQUEST] = 1;
    if (value.ptr[0] == '{')
        read_report(rows_of[operation], value, &report);
    if (value.ptr[0] != '{' || report.is_twice) {
        usage->is_reported = usage->is_invalid = true;
        return false;
    }
    /* Nothing but null, or nothing we know, is no report of zeros. */
    if ((report.is_valid | report.is_nonsense) != 0)
        usage->is_reported = true;
    if ((report.is_valid & BIT(FIELD_INPUT)) != 0)
        usage->totals |= USAGE_SAID_INPUT;
    if ((report.is_valid & BIT(FIELD_OUTPUT)) != 0)
        usage->totals |= USAGE_SAID_OUTPUT;
    if (rows_of[operation] == message_rows)
        read_anthropic(&report, usage);
    else
        read_openai(&report, usage);
    return report.is_clean;
}

void
dialect_usage_begin(struct usage *usage)
{
    const int64_t *count = usage->count;
    int64_t prompt = count[USAGE_INPUT] + count[USAGE_CACHE_READ] + count[USAGE_CACHE_WRITE_5M] +
                     count[USAGE_CACHE_WRITE_1H];

    usage->totals &= (uint8_t)~USAGE_SAID_OUTPUT;
    if (prompt > 0 || (usage->totals & USAGE_SAID_INPUT) == 0)
        return;
    usage->totals &= (uint8_t)~USAGE_SAID_INPUT;
    usage->totals |= USAGE_SAID_EMPTY;
}

static void
read_report(const struct row *rows, struct slice value, struct report *out)
{
    struct json_walk walk = json_walk_in(value);
    const struct row *outer = NULL; /* the object the walk is in */
    const struct row *next = rows;  /* of the next member, if the provider keeps to the order */
    struct json_member member;
    int64_t count;

    for (;;) {
        if (is_counter(next) && json_walk_count(&walk, next->name, &count)) {
            note_count(out, next++, outer, count);
            continue;
        }
        if (!json_walk_next(&walk, &member))
            return;
        if (walk.depth == 1 && outer != NULL) { /* no row of the inner table is meant any more */
            outer = NULL;
            next = rows;
        }
        const struct row *row = row_of(outer == NULL ? rows : outer->inner, &member);

        if (row == NULL)
            out->is_clean &= outer != NULL || !dialect_is_private(&member);
        else if ((out->is_said & BIT(row->field)) != 0)
            note_twice(out, outer);
        else
            note(out, row, &member);
        if (row != NULL && row->inner != NULL && member.type == JSON_OBJECT)
            outer = row;
        else if (member.type >= JSON_ARRAY)
            json_walk_over(&walk);
        if (row != NULL)
            next = outer == row ? row->inner : row + 1;
    }
}

static inline bool
is_counter(const struct row *row)
{
    return row->inner == NULL && row->field < FIELD_TIER;
}

static inline const struct row *
row_of(const struct row *rows, const struct json_member *member)
{
    for (; rows->name.len > 0; rows++) {
        if (dialect_key_is(member, rows->name))
            return rows;
    }
    return NULL;
}

static void
note_count(struct report *report, const struct row *row, const struct row *outer, int64_t count)
{
    uint32_t bit = BIT(row->field);

    if ((report->is_said & bit) != 0) {
        note_twice(report, outer);
        return;
    }
    report->is_said |= bit;
    report->count[row->field] = count;
    if (count <= LIMIT_TOKENS)
        report->is_valid |= bit;
    else
        report->is_nonsense |= bit;
}

static void
note(struct report *report, const struct row *row, const struct json_member *member)
{
    uint32_t bit = BIT(row->field);
    bool is_valid = row->inner == NULL ? read_tokens(member->value, &report->count[row->field])
                                       : member->type == JSON_OBJECT;

    report->is_said |= bit;
    if (row->field == FIELD_TIER)
        report->tier = *member;
    else if (is_valid)
        report->is_valid |= bit;
    else if (member->type != JSON_NULL)
        report->is_nonsense |= bit;
}

/* Of two counters none can be believed, nor their neighbours. */
static void
note_twice(struct report *report, const struct row *outer)
{
    if (outer == NULL) {
        report->is_twice = true;
        return;
    }
    report->is_valid &= ~BIT(outer->field);
    report->is_nonsense |= BIT(outer->field);
}

static inline bool
read_tokens(struct slice value, int64_t *out)
{
    return json_int(value, out) == 0 && *out >= 0 && *out <= LIMIT_TOKENS;
}

/* OpenAI's totals include their details: these are taken off, and never more than there is. */
static void
read_openai(const struct report *report, struct usage *usage)
{
    int64_t left;

    if (read_count(report, FIELD_INPUT, usage, &left)) {
        const struct report *details = inner_of(report, FIELD_INPUT_DETAILS, usage);

        usage->count[USAGE_CACHE_READ] = take(&left, details, FIELD_CACHE_READ, usage);
        usage->count[USAGE_CACHE_WRITE_5M] = take(&left, details, FIELD_CACHE_WRITE, usage);
        usage->count[USAGE_INPUT_AUDIO] = take(&left, details, FIELD_INPUT_AUDIO, usage);
        usage->count[USAGE_INPUT_IMAGE] = take(&left, details, FIELD_INPUT_IMAGE, usage);
        usage->count[USAGE_INPUT] = left;
    }
    if (read_count(report, FIELD_OUTPUT, usage, &left)) {
        const struct report *details = inner_of(report, FIELD_OUTPUT_DETAILS, usage);
        int64_t total = left;

        usage->count[USAGE_OUTPUT_AUDIO] = take(&left, details, FIELD_OUTPUT_AUDIO, usage);
        usage->count[USAGE_OUTPUT_IMAGE] = take(&left, details, FIELD_OUTPUT_IMAGE, usage);
        usage->count[USAGE_OUTPUT] = left;
        usage->reasoning_tokens = take(&total, details, FIELD_REASONING, usage);
    }
}

/* Anthropic's counters are disjoint as they come, but for the two lives of cache writes. */
static void
read_anthropic(const struct report *report, struct usage *usage)
{
    read_count(report, FIELD_INPUT, usage, &usage->count[USAGE_INPUT]);
    read_count(report, FIELD_CACHE_READ, usage, &usage->count[USAGE_CACHE_READ]);
    read_cache_writes(report, usage);
    read_count(report, FIELD_OUTPUT, usage, &usage->count[USAGE_OUTPUT]);
    read_count(inner_of(report, FIELD_OUTPUT_DETAILS, usage), FIELD_REASONING, usage,
               &usage->reasoning_tokens);
    if (usage->reasoning_tokens > usage->count[USAGE_OUTPUT])
        usage->reasoning_tokens = usage->count[USAGE_OUTPUT];
    read_count(inner_of(report, FIELD_SERVER_TOOLS, usage), FIELD_WEB_SEARCH, usage,
               &usage->count[USAGE_SERVER_TOOL]);
    if ((report->is_said & BIT(FIELD_TIER)) != 0)
        dialect_usage_read_tier(OPERATION_MESSAGE, &report->tier, usage);
}

/* The total may come without its split: what is not known to last an hour lasts five minutes. */
static void
read_cache_writes(const struct report *report, struct usage *usage)
{
    int64_t *short_lived = &usage->count[USAGE_CACHE_WRITE_5M];
    int64_t *long_lived = &usage->count[USAGE_CACHE_WRITE_1H];
    const struct report *split = inner_of(report, FIELD_CACHE_SPLIT, usage);
    int64_t total;

    read_count(split, FIELD_CACHE_WRITE_5M, usage, short_lived);
    read_count(split, FIELD_CACHE_WRITE_1H, usage, long_lived);
    if (!read_count(report, FIELD_CACHE_WRITE, usage, &total))
        return;
    if (*long_lived > total)
        *long_lived = total;
    *short_lived = total - *long_lived;
}

/* A detail of a total of which `left` is left; it is taken off that. */
static inline int64_t
take(int64_t *left, const struct report *details, enum field field, struct usage *usage)
{
    int64_t count = 0;

    read_count(details, field, usage, &count);
    if (count > *left)
        count = *left;
    *left -= count;
    return count;
}

/* True and *out set if there is a valid counter of that name. */
static inline bool
read_count(const struct report *report, enum field field, struct usage *usage, int64_t *out)
{
    if ((report->is_nonsense & BIT(field)) != 0)
        usage->is_invalid = true;
    if ((report->is_valid & BIT(field)) == 0)
        return false;
    *out = report->count[field];
    return true;
}

/* Where the counters of an inner object are found: nowhere if that is no object. */
static inline const struct report *
inner_of(const struct report *report, enum field field, struct usage *usage)
{
    static const struct report nothing;

    if ((report->is_nonsense & BIT(field)) != 0)
        usage->is_invalid = true;
    return (report->is_valid & BIT(field)) != 0 ? report : &nothing;
}

void
dialect_usage_read_tier(enum operation operation, const struct json_member *tier,
                        struct usage *usage)
{
    bool is_anthropic = dialect_operation_protocol(operation) == PROTOCOL_ANTHROPIC_MESSAGES;
    char room[16]; /* no tier that counts has a longer name */
    struct slice name;

    if (tier == NULL || tier->type != JSON_STRING)
        return;
    if (json_string_view(tier->value, room, sizeof(room), &name) != 0)
        name = SLICE_LIT("");
    if (slice_eq(name, SLICE_LIT("flex")))
        usage->service_tier = USAGE_TIER_FLEX;
    else if (slice_eq(name, SLICE_LIT("batch")))
        usage->service_tier = USAGE_TIER_BATCH;
    else if (slice_eq(name, SLICE_LIT("priority")) && !is_anthropic)
        usage->service_tier = USAGE_TIER_PRIORITY;
    else
        usage->service_tier = USAGE_TIER_STANDARD;
}

/* Members of the items of an array stand at depth 2. */
void
dialect_usage_count_tools(struct slice output, struct usage *usage)
{
    struct json_walk walk = json_walk_in(output);
    struct json_member member;
    int64_t n = 0;

    while (json_walk_next(&walk, &member)) {
        if (walk.depth == 2 && json_key_is(&member, "type") &&
            json_string_is(member.value, "web_search_call"))
            n++;
        json_walk_over(&walk);
    }
    usage->count[USAGE_SERVER_TOOL] = n;
}
