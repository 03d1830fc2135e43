/* SPDX-License-Identifier: ISC */
#include "gemini_usage.h"

#include "dialect_key.h"
#include "json_walk.h"
#include "relayos/base/limits.h"

/* Counters of a report; the last three are of one modality among their details. */
enum field {
    PROMPT,
    TOOL_PROMPT,
    CACHED,
    CANDIDATES,
    THOUGHTS,
    PROMPT_AUDIO,
    CACHED_AUDIO,
    CANDIDATES_AUDIO,
    CANDIDATES_IMAGE,
    N_FIELDS
};

struct report {
    int64_t count[N_FIELDS];
    bool is_said[N_FIELDS];
    bool is_invalid;
};

struct row {
    struct slice name;
    enum field field;
};

#define ROW(name, field)                                                                           \
    {                                                                                              \
        {(name), sizeof(name) - 1}, (field)                                                        \
    }
static const struct row counters[] = {
    ROW("promptTokenCount", PROMPT),
    ROW("candidatesTokenCount", CANDIDATES),
    ROW("thoughtsTokenCount", THOUGHTS),
    ROW("cachedContentTokenCount", CACHED),
    ROW("toolUsePromptTokenCount", TOOL_PROMPT),
};

/* Modalities with a price of their own; images in the prompt cost what text does. */
struct detail_row {
    struct slice name;
    const char *modality;
    enum field field;
};
#define DETAIL(name, modality, field)                                                              \
    {                                                                                              \
        {(name), sizeof(name) - 1}, (modality), (field)                                            \
    }
static const struct detail_row details[] = {
    DETAIL("promptTokensDetails", "AUDIO", PROMPT_AUDIO),
    DETAIL("cacheTokensDetails", "AUDIO", CACHED_AUDIO),
    DETAIL("candidatesTokensDetails", "AUDIO", CANDIDATES_AUDIO),
    DETAIL("candidatesTokensDetails", "IMAGE", CANDIDATES_IMAGE),
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void read_member(const struct json_member *member, struct report *report);
static void read_detail(struct slice list, const struct detail_row *row, struct report *report);
static void take_count(const struct json_member *number, enum field field, struct report *report);
static int64_t total(struct report *report, enum field field, enum field other);
static int64_t take(int64_t *left, int64_t count);

void
gemini_usage_read(struct slice metadata, struct usage *usage)
{
    struct json_walk walk = json_walk_in(metadata);
    struct json_member member;
    struct report report = {0};
    const int64_t *count = report.count;

    while (json_walk_member(&walk, &member))
        read_member(&member, &report);
    int64_t input = total(&report, PROMPT, TOOL_PROMPT);
    int64_t output = total(&report, CANDIDATES, THOUGHTS);
    int64_t answer = count[CANDIDATES];

    usage->count[USAGE_REQUEST] = 1;
    usage->is_invalid |= report.is_invalid;
    /* Nothing that we know is no report of zeros. */
    usage->is_reported |= input >= 0 || output >= 0 || report.is_invalid;
    if (input >= 0) {
        usage->count[USAGE_CACHE_READ] = take(&input, count[CACHED]);
        usage->count[USAGE_INPUT_AUDIO] = take(&input, count[PROMPT_AUDIO] - count[CACHED_AUDIO]);
        usage->count[USAGE_INPUT] = input;
        if (report.is_said[PROMPT])
            usage->totals |= USAGE_SAID_INPUT;
    }
    if (output >= 0) {
        usage->count[USAGE_OUTPUT_AUDIO] = take(&answer, count[CANDIDATES_AUDIO]);
        usage->count[USAGE_OUTPUT_IMAGE] = take(&answer, count[CANDIDATES_IMAGE]);
        usage->count[USAGE_OUTPUT] = answer + count[THOUGHTS];
        usage->reasoning_tokens = count[THOUGHTS];
        if (report.is_said[CANDIDATES])
            usage->totals |= USAGE_SAID_OUTPUT;
    }
}

static void
read_member(const struct json_member *member, struct report *report)
{
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        if (dialect_key_is(member, counters[i].name)) {
            take_count(member, counters[i].field, report);
            return;
        }
    }
    if (member->type != JSON_ARRAY)
        return;
    for (size_t i = 0; i < COUNT_OF(details); i++) {
        if (dialect_key_is(member, details[i].name))
            read_detail(member->value, &details[i], report);
    }
}

/* [{"modality":"AUDIO","tokenCount":12}, ...] */
static void
read_detail(struct slice list, const struct detail_row *row, struct report *report)
{
    struct json_member modality, number;
    struct slice item;
    enum json_type type;
    size_t cursor = 0;

    while (json_array_next(list, &cursor, &item, &type)) {
        if (type == JSON_OBJECT && json_find_in(item, "modality", &modality) &&
            json_string_is(modality.value, row->modality) &&
            json_find_in(item, "tokenCount", &number))
            take_count(&number, row->field, report);
    }
}

static void
take_count(const struct json_member *number, enum field field, struct report *report)
{
    int64_t count;

    if (number->type == JSON_NULL)
        return;
    if (json_int(number->value, &count) != 0 || count < 0 || count > LIMIT_TOKENS) {
        report->is_invalid = true;
        return;
    }
    report->count[field] = count;
    report->is_said[field] = true;
}

/* Of two counters; -1 if neither is known, or the two come to more than there can be. */
static int64_t
total(struct report *report, enum field field, enum field other)
{
    int64_t sum = report->count[field] + report->count[other];

    if (sum > LIMIT_TOKENS)
        report->is_invalid = true;
    return sum <= LIMIT_TOKENS && (report->is_said[field] || report->is_said[other]) ? sum : -1;
}

/* So much of what is left, and never more. */
static int64_t
take(int64_t *left, int64_t count)
{
    count = count < 0 ? 0 : count > *left ? *left : count;
    *left -= count;
    return count;
}
