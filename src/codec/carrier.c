/* SPDX-License-Identifier: ISC */
#include "relayos/codec/carrier.h"

#include <string.h>

#include "json_simd.h"
#include "json_walk.h"
#include "relayos/base/secret.h"
#include "relayos/base/text.h"

/* Words of the origins, all of one length. */
static const char *const words[] = {
    [NEUTRAL_ORIGIN_NONE] = "txt",   [NEUTRAL_ORIGIN_ANTHROPIC] = "ant",
    [NEUTRAL_ORIGIN_GEMINI] = "gem", [NEUTRAL_ORIGIN_OPENAI] = "oai",
    [NEUTRAL_ORIGIN_TEXT] = "txt",
};
enum { N_ORIGINS = sizeof(words) / sizeof(words[0]), WORD_LEN = 3 };

static void write_state(const struct carrier *carrier, struct buf *out);
static void encode_tail(struct buf *out, size_t from);
static void append_quoted(struct buf *out, const char *before, struct slice raw);
static void open_part(struct neutral_part *part, struct seal *seal, uint64_t owner_hash,
                      struct arena *arena);
static struct slice payload_of(struct slice carrier, struct seal *seal, uint64_t owner_hash);
static struct slice decode(struct slice payload, enum neutral_origin origin, struct arena *arena);
static bool take(struct neutral_part *part, struct slice state);
static bool take_block(struct neutral_part *part, struct slice blocks);
static bool take_item(struct neutral_part *part, struct slice item);
static struct slice raw_of(const struct json_member *member);
static uint32_t count_over(const struct neutral_request *request);
static bool strip(struct neutral_request *request, uint32_t from, uint32_t to);

void
carrier_write(const struct reply_context *context, const struct carrier *carrier, struct buf *out)
{
    const size_t from = out->len;
    uint8_t mac[SEAL_MAC_SIZE];

    if (carrier->state.len == 0 || carrier->origin == NEUTRAL_ORIGIN_TEXT ||
        carrier->state.len + carrier->text.len > CARRIER_MAX_STATE) {
        buf_append_slice(out, SLICE_LIT(CARRIER_MARK "txt."));
        return;
    }
    buf_append_slice(out, SLICE_LIT(CARRIER_MARK));
    buf_append_str(out, words[carrier->origin]);
    buf_append_byte(out, '.');
    const size_t at = out->len;
    write_state(carrier, out);
    encode_tail(out, at);
    if (context->seal == NULL || out->overflow)
        return;
    seal_mac(context->seal, context->owner_hash, slice_sub(buf_slice(out), from, out->len), mac);
    buf_append_byte(out, '.');
    text_base64url(slice_of(mac, sizeof(mac)), out);
}

static void
write_state(const struct carrier *carrier, struct buf *out)
{
    if (carrier->origin == NEUTRAL_ORIGIN_ANTHROPIC && carrier->is_redacted) {
        append_quoted(out, "[{\"type\":\"redacted_thinking\",\"data\":", carrier->state);
        buf_append_slice(out, SLICE_LIT("}]"));
    } else if (carrier->origin == NEUTRAL_ORIGIN_ANTHROPIC) {
        append_quoted(out, "[{\"type\":\"thinking\",\"thinking\":", carrier->text);
        append_quoted(out, ",\"signature\":", carrier->state);
        buf_append_slice(out, SLICE_LIT("}]"));
    } else if (carrier->origin == NEUTRAL_ORIGIN_OPENAI) {
        append_quoted(out, "{\"id\":", carrier->id);
        append_quoted(out, ",\"encrypted_content\":", carrier->state);
        buf_append_byte(out, '}');
    } else {
        buf_append_slice(out, carrier->state);
    }
}

static void
append_quoted(struct buf *out, const char *before, struct slice raw)
{
    buf_append_str(out, before);
    buf_append_byte(out, '"');
    buf_append_slice(out, raw);
    buf_append_byte(out, '"');
}

/* The bytes from `from` on become their base64url: room is made first, so that none moves. */
static void
encode_tail(struct buf *out, size_t from)
{
    const size_t len = out->len - from;

    if (out->overflow || buf_reserve(out, len / 3 * 4 + 4) == NULL)
        return;
    text_base64url(slice_of(out->ptr + from, len), out);
    const size_t encoded = out->len - from - len;
    memmove(out->ptr + from, out->ptr + from + len, encoded);
    out->len = from + encoded;
}

bool
carrier_read(struct slice raw, struct neutral_part *part)
{
    const struct slice prefix = SLICE_LIT(CARRIER_MARK);

    if (!slice_starts_with(raw, prefix))
        return false;
    const struct slice rest = slice_sub(raw, prefix.len, raw.len);
    part->carrier = raw;
    part->origin = NEUTRAL_ORIGIN_TEXT;
    for (size_t i = NEUTRAL_ORIGIN_ANTHROPIC; i < N_ORIGINS; i++) {
        if (rest.len > WORD_LEN && rest.ptr[WORD_LEN] == '.' &&
            memcmp(rest.ptr, words[i], WORD_LEN) == 0)
            part->origin = (enum neutral_origin)i;
    }
    return true;
}

void
carrier_open(struct neutral_request *request, struct seal *seal, uint64_t owner_hash,
             struct arena *arena)
{
    for (uint32_t i = 0; i < request->n_parts; i++) {
        if (request->parts[i].carrier.len > 0)
            open_part(&request->parts[i], seal, owner_hash, arena);
    }
}

static void
open_part(struct neutral_part *part, struct seal *seal, uint64_t owner_hash, struct arena *arena)
{
    struct slice payload = payload_of(part->carrier, seal, owner_hash);

    part->carrier.len = 0;
    if (part->origin == NEUTRAL_ORIGIN_TEXT)
        return;
    if (payload.len == 0 || !take(part, decode(payload, part->origin, arena)))
        part->origin = NEUTRAL_ORIGIN_TEXT;
}

/* What stands between the origin and the MAC, if that is right; else "". */
static struct slice
payload_of(struct slice carrier, struct seal *seal, uint64_t owner_hash)
{
    const size_t at = sizeof(CARRIER_MARK) - 1 + WORD_LEN + 1;
    uint8_t mac[SEAL_MAC_SIZE], said[SEAL_MAC_SIZE];

    if (carrier.len <= at)
        return (struct slice){0};
    const char *dot = memchr(carrier.ptr + at, '.', carrier.len - at);
    const size_t end = dot == NULL ? carrier.len : (size_t)(dot - carrier.ptr);
    if (seal == NULL)
        return slice_sub(carrier, at, end);
    if (dot == NULL || text_base64url_parse(slice_sub(carrier, end + 1, carrier.len), said,
                                            sizeof(said)) != sizeof(said))
        return (struct slice){0};
    seal_mac(seal, owner_hash, slice_sub(carrier, 0, end), mac);
    return secret_equal(mac, said, sizeof(mac)) ? slice_sub(carrier, at, end) : (struct slice){0};
}

/* The state as valid JSON: of GEMINI, a string, with its quotes. "" for what is none. */
static struct slice
decode(struct slice payload, enum neutral_origin origin, struct arena *arena)
{
    const size_t size = payload.len / 4 * 3 + 3;
    const bool is_string = origin == NEUTRAL_ORIGIN_GEMINI;
    char *room = payload.len > 2 * CARRIER_MAX_STATE ? NULL : arena_alloc(arena, size + 2);
    struct json_error error;
    enum json_type type;

    if (room == NULL)
        return (struct slice){0};
    const long len = text_base64url_parse(payload, (uint8_t *)room + is_string, size);
    if (len <= 0)
        return (struct slice){0};
    if (is_string)
        room[0] = room[len + 1] = '"';
    const struct slice state = slice_of(room, (size_t)len + 2 * is_string);
    return json_scan_value(state, &type, &error) == 0 ? state : (struct slice){0};
}

static bool
take(struct neutral_part *part, struct slice state)
{
    if (state.len <= 2)
        return false;
    if (part->origin == NEUTRAL_ORIGIN_ANTHROPIC)
        return take_block(part, state);
    if (part->origin == NEUTRAL_ORIGIN_OPENAI)
        return take_item(part, state);
    part->state = slice_sub(state, 1, state.len - 1);
    return state.ptr[0] == '"';
}

static bool
take_block(struct neutral_part *part, struct slice blocks)
{
    struct json_member type, text, state;
    struct slice block;
    enum json_type block_type;
    size_t cursor = 0;

    if (!json_array_next(blocks, &cursor, &block, &block_type) ||
        !json_find_in(block, "type", &type))
        return false;
    part->is_redacted = json_string_is(type.value, "redacted_thinking");
    if (!json_find_in(block, part->is_redacted ? "data" : "signature", &state) ||
        (!part->is_redacted && !json_find_in(block, "thinking", &text)))
        return false;
    part->text = part->is_redacted ? (struct slice){0} : raw_of(&text);
    part->state = raw_of(&state);
    return part->state.len > 0;
}

static bool
take_item(struct neutral_part *part, struct slice item)
{
    struct json_member id, state;

    if (!json_find_in(item, "id", &id) || !json_find_in(item, "encrypted_content", &state))
        return false;
    part->id = raw_of(&id);
    part->state = raw_of(&state);
    return part->state.len > 0;
}

static struct slice
raw_of(const struct json_member *member)
{
    return member->type != JSON_STRING ? (struct slice){0}
                                       : slice_sub(member->value, 1, member->value.len - 1);
}

bool
carrier_stands_in(struct slice body)
{
    static const struct slice mark = {"\"" CARRIER_MARK, sizeof("\"" CARRIER_MARK) - 1};

    return json_simd_contains(body, &mark, 1);
}

/* ---- without state ---- */

void
carrier_strip(struct neutral_request *request)
{
    const uint32_t n_over = count_over(request);

    if (!strip(request, 0, n_over))
        strip(request, n_over, request->n_turns);
}

/* Turns up to the last in which the user speaks for himself. */
static uint32_t
count_over(const struct neutral_request *request)
{
    for (uint32_t i = request->n_turns; i > 0; i--) {
        const struct neutral_turn *turn = &request->turns[i - 1];
        const struct neutral_part *parts = &request->parts[turn->first_part];

        /* Results stand in front. */
        if (turn->role == NEUTRAL_USER && turn->n_parts > 0 &&
            parts[turn->n_parts - 1].kind != NEUTRAL_RESULT)
            return i - 1;
    }
    return 0;
}

static bool
strip(struct neutral_request *request, uint32_t from, uint32_t to)
{
    bool is_any = false;

    for (uint32_t i = from; i < to; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        for (uint32_t k = 0; k < turn->n_parts; k++) {
            struct neutral_part *part = &request->parts[turn->first_part + k];

            if (part->kind != NEUTRAL_REASONING || part->state.len == 0)
                continue;
            part->state = (struct slice){0};
            is_any = true;
        }
    }
    return is_any;
}
