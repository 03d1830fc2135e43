/* SPDX-License-Identifier: ISC
 *
 * contents: the turns of a conversation as Gemini wants them (protocols.md 7.1, 7.2, 8).
 */
#include "call_input.h"
#include "gemini_request.h"
#include "translate_id.h"

#define NOWHERE UINT32_MAX
/* The sentinel that Google documents for calls whose signature is lost. */
#define NO_SIGNATURE "skip_thought_signature_validator"

struct contents {
    struct gemini_request *g;
    bool is_open;
    enum neutral_role role; /* of what is open */
    /* Of the assistant's turn at hand: */
    struct slice signature; /* for the part at signed_part */
    uint32_t signed_part;
    bool has_call;
};

static int write_turn(struct contents *c, const struct neutral_turn *turn);
static int write_part(struct contents *c, const struct neutral_turn *turn, uint32_t at);
static void begin(struct contents *c, enum neutral_role role);
static void end(struct contents *c);
static void write_text(struct contents *c, enum neutral_role role, struct slice text, uint32_t at);
static void write_call(struct contents *c, const struct neutral_part *part, uint32_t at);
static void keep_signature(struct contents *c, const struct neutral_turn *turn, uint32_t at);
static struct slice take_signature(struct contents *c, uint32_t at);
static bool has_state(const struct neutral_part *part);
static int write_result(struct contents *c, const struct neutral_part *part);
static struct slice result_text(struct contents *c, const struct neutral_part *part);
static struct slice join(struct arena *arena, struct slice a, struct slice b);
static int write_media_of(struct contents *c, const struct neutral_part *result);
static int write_media(struct contents *c, const struct neutral_part *part);
static struct slice media_type_of(struct arena *arena, const struct neutral_part *part);
static bool is_media(const struct neutral_part *part);

int
gemini_contents_write(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    struct contents c = {.g = g};
    int err = 0;

    json_out_array(&g->json, "contents");
    for (uint32_t i = 0; i < request->n_turns && err == 0; i++) {
        if (request->turns[i].role != NEUTRAL_SYSTEM)
            err = write_turn(&c, &request->turns[i]);
    }
    if (!c.is_open)
        write_text(&c, NEUTRAL_USER, SLICE_LIT("."), NOWHERE);
    end(&c);
    json_out_end_array(&g->json);
    return err;
}

/* Results first, which they are; then what lay in them and has no place there. */
static int
write_turn(struct contents *c, const struct neutral_turn *turn)
{
    const struct neutral_part *parts = c->g->request->parts;
    const uint32_t last = turn->first_part + turn->n_parts;
    uint32_t at = turn->first_part;
    int err = 0;

    c->signed_part = NOWHERE;
    c->has_call = false;
    for (; at < last && parts[at].kind == NEUTRAL_RESULT && err == 0; at++)
        err = write_result(c, &parts[at]);
    for (uint32_t i = turn->first_part; i < at && err == 0; i++) {
        if (!gemini_request_can(c->g, CAP_SIGNED_CALLS))
            err = write_media_of(c, &parts[i]);
    }
    for (; at < last && err == 0; at++)
        err = write_part(c, turn, at);
    return err;
}

static int
write_part(struct contents *c, const struct neutral_turn *turn, uint32_t at)
{
    const struct neutral_part *part = &c->g->request->parts[at];

    switch (part->kind) {
    case NEUTRAL_TEXT:
    case NEUTRAL_REFUSAL:
    case NEUTRAL_FOREIGN:
        write_text(c, turn->role, part->text, at);
        return 0;
    case NEUTRAL_IMAGE:
    case NEUTRAL_FILE:
    case NEUTRAL_AUDIO:
        begin(c, turn->role);
        return write_media(c, part);
    case NEUTRAL_CALL:
        begin(c, turn->role);
        write_call(c, part, at);
        return 0;
    case NEUTRAL_REASONING:
        keep_signature(c, turn, at);
        return 0;
    case NEUTRAL_RESULT: /* they stand in front */
        break;
    }
    return 0;
}

/* Parts of one role that follow each other are one content: roles must alternate, and the user's
 * comes first. */
static void
begin(struct contents *c, enum neutral_role role)
{
    struct json_out *json = &c->g->json;

    if (!c->is_open && role == NEUTRAL_ASSISTANT)
        write_text(c, NEUTRAL_USER, SLICE_LIT("."), NOWHERE);
    if (c->is_open && c->role == role)
        return;
    end(c);
    c->is_open = true;
    c->role = role;
    json_out_object(json, NULL);
    json_out_str(json, "role", role == NEUTRAL_ASSISTANT ? "model" : "user");
    json_out_array(json, "parts");
}

static void
end(struct contents *c)
{
    if (!c->is_open)
        return;
    json_out_end_array(&c->g->json);
    json_out_end_object(&c->g->json);
}

static void
write_text(struct contents *c, enum neutral_role role, struct slice text, uint32_t at)
{
    struct json_out *json = &c->g->json;
    const struct slice signature = take_signature(c, at);

    if (text.len == 0)
        return;
    begin(c, role);
    json_out_object(json, NULL);
    json_out_raw_string(json, "text", text);
    if (signature.len > 0)
        json_out_raw_string(json, "thoughtSignature", signature);
    json_out_end_object(json);
}

/* The first call of a turn must be signed from Gemini 3 on. */
static void
write_call(struct contents *c, const struct neutral_part *part, uint32_t at)
{
    struct gemini_request *g = c->g;
    struct slice signature = take_signature(c, at);

    if (signature.len == 0 && !c->has_call && gemini_request_can(g, CAP_SIGNED_CALLS))
        signature = SLICE_LIT(NO_SIGNATURE);
    c->has_call = true;
    json_out_object(&g->json, NULL);
    json_out_object(&g->json, "functionCall");
    json_out_raw_string(&g->json, "name", translate_name(g->arena, part->name));
    json_out_raw(&g->json, "args",
                 part->is_custom ? call_input_wrap(g->arena, part->input) : part->input);
    json_out_end_object(&g->json);
    if (signature.len > 0)
        json_out_raw_string(&g->json, "thoughtSignature", signature);
    json_out_end_object(&g->json);
}

/*
 * Reasoning itself is not said again, but for its signature, which goes back to the part that it
 * came with: the next call in front of the next signature, or else the next text.
 */
static void
keep_signature(struct contents *c, const struct neutral_turn *turn, uint32_t at)
{
    const struct neutral_part *parts = c->g->request->parts;
    const uint32_t last = turn->first_part + turn->n_parts;

    if (!has_state(&parts[at]))
        return;
    c->signature = parts[at].state;
    c->signed_part = NOWHERE;
    for (uint32_t i = at + 1; i < last && !has_state(&parts[i]); i++) {
        if (parts[i].kind == NEUTRAL_CALL ||
            (parts[i].kind == NEUTRAL_TEXT && c->signed_part == NOWHERE))
            c->signed_part = i;
        if (parts[i].kind == NEUTRAL_CALL)
            return;
    }
}

static struct slice
take_signature(struct contents *c, uint32_t at)
{
    return at != NOWHERE && at == c->signed_part ? c->signature : (struct slice){0};
}

static bool
has_state(const struct neutral_part *part)
{
    return part->kind == NEUTRAL_REASONING && part->origin == NEUTRAL_ORIGIN_GEMINI &&
           part->state.len > 0;
}

static int
write_result(struct contents *c, const struct neutral_part *part)
{
    struct gemini_request *g = c->g;
    struct json_out *json = &g->json;
    int err = 0;

    begin(c, NEUTRAL_USER);
    json_out_object(json, NULL);
    json_out_object(json, "functionResponse");
    json_out_raw_string(json, "name", translate_name(g->arena, part->name));
    json_out_object(json, "response");
    json_out_raw_string(json, part->is_error ? "error" : "output", result_text(c, part));
    json_out_end_object(json);
    if (gemini_request_can(g, CAP_SIGNED_CALLS)) {
        bool has_media = false;

        for (uint32_t i = 0; i < part->n_children; i++)
            has_media |= is_media(&g->request->parts[part->first_child + i]);
        if (has_media) {
            json_out_array(json, "parts");
            err = write_media_of(c, part);
            json_out_end_array(json);
        }
    }
    json_out_end_object(json);
    json_out_end_object(json);
    return err;
}

static struct slice
result_text(struct contents *c, const struct neutral_part *part)
{
    struct slice text = part->text;

    for (uint32_t i = 0; i < part->n_children; i++) {
        const struct neutral_part *child = &c->g->request->parts[part->first_child + i];

        if (!is_media(child))
            text = join(c->g->arena, text, child->text);
    }
    return text;
}

/* Two raw strings with a line end between them. */
static struct slice
join(struct arena *arena, struct slice a, struct slice b)
{
    const struct slice line_end = SLICE_LIT("\\n");

    if (a.len == 0 || b.len == 0)
        return a.len == 0 ? b : a;
    char *room = arena_alloc(arena, a.len + line_end.len + b.len);
    if (room == NULL)
        return a;
    memcpy(room, a.ptr, a.len);
    memcpy(room + a.len, line_end.ptr, line_end.len);
    memcpy(room + a.len + line_end.len, b.ptr, b.len);
    return slice_of(room, a.len + line_end.len + b.len);
}

static int
write_media_of(struct contents *c, const struct neutral_part *result)
{
    int err = 0;

    for (uint32_t i = 0; i < result->n_children && err == 0; i++) {
        const struct neutral_part *child = &c->g->request->parts[result->first_child + i];

        if (is_media(child))
            err = write_media(c, child);
    }
    return err;
}

static int
write_media(struct contents *c, const struct neutral_part *part)
{
    struct gemini_request *g = c->g;
    struct json_out *json = &g->json;
    const struct slice type = media_type_of(g->arena, part);

    if (part->source != NEUTRAL_INLINE)
        return dialect_refuse(g->why, ERR_UNSUPPORTED_PARAMETER, "",
                              part->source == NEUTRAL_URL ? "An image or file given by its URL"
                                                          : "An image or file given by its id");
    json_out_object(json, NULL);
    json_out_object(json, "inlineData");
    if (type.len > 0)
        json_out_raw_string(json, "mimeType", type);
    json_out_raw_string(json, "data", part->data);
    json_out_end_object(json);
    json_out_end_object(json);
    return 0;
}

/* "wav" and "mp3" are how chat calls sounds. */
static struct slice
media_type_of(struct arena *arena, const struct neutral_part *part)
{
    const struct slice type = part->media_type, family = SLICE_LIT("audio/");

    if (part->kind == NEUTRAL_AUDIO && memchr(type.ptr, '/', type.len) == NULL) {
        char *room = arena_alloc(arena, family.len + type.len);

        if (room == NULL)
            return family;
        memcpy(room, family.ptr, family.len);
        memcpy(room + family.len, type.ptr, type.len);
        return slice_of(room, family.len + type.len);
    }
    if (type.len > 0 || part->source != NEUTRAL_INLINE)
        return type;
    return part->kind == NEUTRAL_IMAGE ? SLICE_LIT("image/png") : SLICE_LIT("application/pdf");
}

static bool
is_media(const struct neutral_part *part)
{
    return part->kind == NEUTRAL_IMAGE || part->kind == NEUTRAL_FILE || part->kind == NEUTRAL_AUDIO;
}
