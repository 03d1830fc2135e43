/* SPDX-License-Identifier: ISC */
#include "messages_parts.h"

#include "dialect_key.h"
#include "json_walk.h"

static const char *const effort_words[] = {
    [NEUTRAL_EFFORT_MINIMAL] = "low", /* there is none below */
    [NEUTRAL_EFFORT_LOW] = "low",     [NEUTRAL_EFFORT_MEDIUM] = "medium",
    [NEUTRAL_EFFORT_HIGH] = "high",   [NEUTRAL_EFFORT_XHIGH] = "xhigh",
    [NEUTRAL_EFFORT_MAX] = "max",
};

void
messages_parts_fields(struct slice object, const struct slice *keys, size_t n, struct slice *fields)
{
    struct json_walk walk = json_walk_in(object);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        size_t i = 0;

        while (i < n && !dialect_key_is(&member, keys[i]))
            i++;
        if (i < n && member.type != JSON_NULL)
            fields[i] = member.value;
    }
}

struct slice
messages_parts_trim_end(struct slice raw)
{
    for (;;) {
        size_t backslashes = 0;

        if (raw.len == 0)
            return raw;
        if (raw.ptr[raw.len - 1] == ' ') {
            raw.len--;
            continue;
        }
        if (raw.len < 2 || strchr("nrt", raw.ptr[raw.len - 1]) == NULL)
            return raw;
        while (backslashes < raw.len - 1 && raw.ptr[raw.len - 2 - backslashes] == '\\')
            backslashes++;
        if (backslashes % 2 == 0)
            return raw;
        raw.len -= 2;
    }
}

enum neutral_effort
messages_parts_effort(struct slice value)
{
    for (size_t i = NEUTRAL_EFFORT_LOW; i < sizeof(effort_words) / sizeof(effort_words[0]); i++) {
        if (json_string_is(value, effort_words[i]))
            return (enum neutral_effort)i;
    }
    return NEUTRAL_EFFORT_UNSAID;
}

const char *
messages_parts_effort_word(enum neutral_effort effort)
{
    return effort_words[effort];
}
