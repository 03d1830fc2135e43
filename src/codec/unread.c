/* SPDX-License-Identifier: ISC */
#include "unread.h"

#include "dialect_parts.h"

static const struct row {
    enum protocol protocol;
    struct slice name;
    const char *usual;
    enum neutral_fate own, others;
} rows[] = {
#define UNREAD(its_protocol, name, usual, own, others)                                             \
    {PROTOCOL_##its_protocol, {(name), sizeof(name) - 1}, (usual), NEUTRAL_##own, NEUTRAL_##others},
#include "unread.def"
#undef UNREAD
};

static bool asks_for_nothing(const struct json_member *member, const char *usual);

void
unread_take(struct neutral_request *out, const struct json_member *member)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];

        if (row->protocol != out->protocol || !dialect_key_is(member, row->name))
            continue;
        if (!asks_for_nothing(member, row->usual) && out->n_unread < NEUTRAL_UNREAD_MAX)
            out->unread[out->n_unread++] =
                (struct neutral_unread){row->name.ptr, member->value, row->own, row->others};
        return;
    }
}

static bool
asks_for_nothing(const struct json_member *member, const char *usual)
{
    struct json_member first;
    size_t cursor = 0;

    switch (member->type) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_STRING:
        return member->value.len == 2 || json_string_is(member->value, usual);
    case JSON_ARRAY:
        return !json_array_next(member->value, &cursor, &first.value, &first.type);
    case JSON_OBJECT:
    case JSON_TRUE:
    case JSON_NUMBER:
        break;
    }
    return false;
}

int
unread_write(const struct neutral_request *request, enum protocol upstream, struct json_out *json,
             struct translate_dropped *dropped, struct refusal_reason *why)
{
    for (uint32_t i = 0; i < request->n_unread; i++) {
        const struct neutral_unread *unread = &request->unread[i];

        switch (request->protocol == upstream ? unread->own : unread->others) {
        case NEUTRAL_KEEP:
            json_out_raw(json, unread->name, unread->json);
            break;
        case NEUTRAL_DROP:
            translate_drop(dropped, unread->name);
            break;
        case NEUTRAL_REFUSE:
            return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, unread->name, "%s", unread->name);
        }
    }
    return 0;
}
