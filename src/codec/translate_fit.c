/* SPDX-License-Identifier: ISC
 *
 * What any writer would say and its model does not take. Messages has a way around most of it, and
 * chat and Responses around sampling: those writers see to it themselves.
 */
#include "dialect_parts.h"
#include "relayos/codec/translate.h"

static int refuse_foreign(const struct neutral_request *request, struct refusal_reason *why);
static int refuse_type(struct slice part, struct refusal_reason *why);
static int refuse_images(const struct neutral_request *request, struct refusal_reason *why);
static void drop_stops(struct neutral_request *request, struct translate_dropped *dropped);
static void drop_sampling(struct neutral_request *request, struct translate_dropped *dropped);

int
translate_fit(struct neutral_request *request, enum protocol upstream,
              const struct capability *capability, struct translate_dropped *dropped,
              struct refusal_reason *why)
{
    const uint32_t lacks = ~capability->flags;
    const bool is_forced =
        request->choice == NEUTRAL_CHOICE_TOOL || request->choice == NEUTRAL_CHOICE_REQUIRED;

    if (upstream != request->protocol && refuse_foreign(request, why) != 0)
        return ERR_UNSUPPORTED_PARAMETER;
    if ((lacks & CAP_STOP) != 0)
        drop_stops(request, dropped);
    if ((lacks & CAP_IMAGES) != 0 && refuse_images(request, why) != 0)
        return ERR_UNSUPPORTED_PARAMETER;
    if (upstream == PROTOCOL_ANTHROPIC_MESSAGES)
        return 0;
    if (upstream == PROTOCOL_GEMINI && (lacks & CAP_SAMPLING) != 0)
        drop_sampling(request, dropped);
    if (is_forced && (lacks & CAP_FORCED_TOOL) != 0)
        return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "",
                              "A tool_choice that demands a call");
    if (request->format == NEUTRAL_FORMAT_SCHEMA && (lacks & CAP_JSON_SCHEMA) != 0)
        return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "", "An answer by a JSON schema");
    return 0;
}

/* What a user shows and nobody else can see. In an assistant's turns it is done with: what a
 * provider's tools have found. */
static int
refuse_foreign(const struct neutral_request *request, struct refusal_reason *why)
{
    for (uint32_t i = 0; i < request->n_turns; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        for (uint32_t n = 0; turn->role != NEUTRAL_ASSISTANT && n < turn->n_parts; n++) {
            const struct neutral_part *part = &request->parts[turn->first_part + n];

            if (part->kind == NEUTRAL_FOREIGN && part->text.len == 0)
                return refuse_type(part->json, why);
        }
    }
    return 0;
}

static int
refuse_type(struct slice part, struct refusal_reason *why)
{
    struct json_member type = {0};

    (void)json_find_in(part, "type", &type);
    return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "messages", "Content of the type %.*s",
                          (int)(type.value.len < 64 ? type.value.len : 64), type.value.ptr);
}

/* Those in results, too: they are parts as any. */
static int
refuse_images(const struct neutral_request *request, struct refusal_reason *why)
{
    for (uint32_t i = 0; i < request->n_parts; i++) {
        if (request->parts[i].kind == NEUTRAL_IMAGE)
            return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "", "Image input");
    }
    return 0;
}

static void
drop_stops(struct neutral_request *request, struct translate_dropped *dropped)
{
    if (request->n_stops > 0)
        translate_drop(dropped, "stop");
    request->n_stops = 0;
}

static void
drop_sampling(struct neutral_request *request, struct translate_dropped *dropped)
{
    const struct {
        const char *name;
        struct slice *value;
    } rows[] = {{"temperature", &request->temperature},
                {"top_p", &request->top_p},
                {"top_k", &request->top_k}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].value->len > 0)
            translate_drop(dropped, rows[i].name);
        *rows[i].value = (struct slice){0};
    }
}
