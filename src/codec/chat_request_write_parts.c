/* SPDX-License-Identifier: ISC */
#include "chat_request_write.h"
#include "file_text.h"

static bool is_text(const struct neutral_part *part);
static bool is_all_text(const struct chat_writing *w, const struct neutral_turn *turn);
static void write_text(struct chat_writing *w, const struct neutral_turn *turn);
static void write_list(struct chat_writing *w, const struct neutral_turn *turn);
static void write_part(struct chat_writing *w, const struct neutral_part *part);
static void write_text_part(struct chat_writing *w, struct slice text);
static void write_image(struct chat_writing *w, const struct neutral_part *part);
static void write_data_url(struct chat_writing *w, const char *key,
                           const struct neutral_part *part);
static void write_file(struct chat_writing *w, const struct neutral_part *part);
static void write_text_file(struct chat_writing *w, const struct neutral_part *part);
static void write_audio(struct chat_writing *w, const struct neutral_part *part);

/* A string wherever a string will do: small servers know nothing else. */
void
chat_request_write_content(struct chat_writing *w, const struct neutral_turn *turn)
{
    if (is_all_text(w, turn))
        write_text(w, turn);
    else
        write_list(w, turn);
}

bool
chat_request_write_is_media(const struct neutral_part *part)
{
    return part->kind == NEUTRAL_IMAGE || part->kind == NEUTRAL_FILE || part->kind == NEUTRAL_AUDIO;
}

static bool
is_text(const struct neutral_part *part)
{
    return (part->kind == NEUTRAL_TEXT || part->kind == NEUTRAL_FOREIGN ||
            part->kind == NEUTRAL_REFUSAL) &&
           part->text.len > 0;
}

static bool
is_all_text(const struct chat_writing *w, const struct neutral_turn *turn)
{
    const struct neutral_part *parts = w->request->parts;

    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &parts[turn->first_part + i];

        if (chat_request_write_is_media(part))
            return false;
        for (uint32_t k = 0; k < part->n_children; k++) {
            if (chat_request_write_is_media(&parts[part->first_child + k]))
                return false;
        }
    }
    return true;
}

static void
write_text(struct chat_writing *w, const struct neutral_turn *turn)
{
    uint32_t n = 0;

    chat_request_write_open(w, "content");
    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &w->request->parts[turn->first_part + i];

        if (!is_text(part))
            continue;
        if (n++ > 0)
            buf_append_str(w->json.buf, "\\n\\n");
        buf_append_slice(w->json.buf, part->text);
    }
    chat_request_write_close(w);
}

static void
write_list(struct chat_writing *w, const struct neutral_turn *turn)
{
    const struct neutral_part *parts = w->request->parts;

    json_out_array(&w->json, "content");
    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &parts[turn->first_part + i];

        for (uint32_t k = 0; k < part->n_children; k++) {
            if (chat_request_write_is_media(&parts[part->first_child + k]))
                write_part(w, &parts[part->first_child + k]);
        }
    }
    for (uint32_t i = 0; i < turn->n_parts; i++)
        write_part(w, &parts[turn->first_part + i]);
    json_out_end_array(&w->json);
}

static void
write_part(struct chat_writing *w, const struct neutral_part *part)
{
    switch (part->kind) {
    case NEUTRAL_IMAGE:
        write_image(w, part);
        break;
    case NEUTRAL_FILE:
        write_file(w, part);
        break;
    case NEUTRAL_AUDIO:
        write_audio(w, part);
        break;
    case NEUTRAL_TEXT:
    case NEUTRAL_REFUSAL:
    case NEUTRAL_FOREIGN:
        if (part->text.len > 0)
            write_text_part(w, part->text);
        break;
    case NEUTRAL_CALL:
    case NEUTRAL_RESULT:
    case NEUTRAL_REASONING:
        break;
    }
}

static void
write_text_part(struct chat_writing *w, struct slice text)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "text");
    json_out_raw_string(&w->json, "text", text);
    json_out_end_object(&w->json);
}

static void
write_image(struct chat_writing *w, const struct neutral_part *part)
{
    struct json_out *json = &w->json;

    if (part->source == NEUTRAL_ID)
        chat_request_write_refuse(w, "An image by the id of a file");
    json_out_object(json, NULL);
    json_out_str(json, "type", "image_url");
    json_out_object(json, "image_url");
    if (part->source == NEUTRAL_INLINE)
        write_data_url(w, "url", part);
    else
        json_out_raw_string(json, "url", part->data);
    if (part->detail.len > 0)
        json_out_raw_string(json, "detail", part->detail);
    json_out_end_object(json);
    json_out_end_object(json);
}

static void
write_data_url(struct chat_writing *w, const char *key, const struct neutral_part *part)
{
    struct buf *out = w->json.buf;

    chat_request_write_open(w, key);
    buf_append_str(out, "data:");
    buf_append_slice(out, part->media_type);
    buf_append_str(out, ";base64,");
    buf_append_slice(out, part->data);
    chat_request_write_close(w);
}

static void
write_file(struct chat_writing *w, const struct neutral_part *part)
{
    struct json_out *json = &w->json;

    if (part->source == NEUTRAL_INLINE && slice_starts_with(part->media_type, SLICE_LIT("text/"))) {
        write_text_file(w, part);
        return;
    }
    if (part->source != NEUTRAL_INLINE)
        chat_request_write_refuse(w, part->source == NEUTRAL_ID ? "A file by its id"
                                                                : "A file by its URL");
    json_out_object(json, NULL);
    json_out_str(json, "type", "file");
    json_out_object(json, "file");
    json_out_raw_string(json, "filename",
                        part->name.len > 0 ? part->name : SLICE_LIT("document.pdf"));
    write_data_url(w, "file_data", part);
    json_out_end_object(json);
    json_out_end_object(json);
}

/* Chat takes documents of few types: text is shown, under its name. */
static void
write_text_file(struct chat_writing *w, const struct neutral_part *part)
{
    struct buf *out = w->json.buf;

    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "text");
    chat_request_write_open(w, "text");
    if (part->name.len > 0) {
        buf_append_slice(out, part->name);
        buf_append_str(out, ":\\n");
    }
    json_escape(out, file_text_decode(w->arena, part->data));
    chat_request_write_close(w);
    json_out_end_object(&w->json);
}

static void
write_audio(struct chat_writing *w, const struct neutral_part *part)
{
    bool is_mp3 = slice_eq(part->media_type, SLICE_LIT("audio/mp3")) ||
                  slice_eq(part->media_type, SLICE_LIT("audio/mpeg"));
    struct json_out *json = &w->json;

    if (part->source != NEUTRAL_INLINE)
        chat_request_write_refuse(w, "Sound that is not in the request itself");
    json_out_object(json, NULL);
    json_out_str(json, "type", "input_audio");
    json_out_object(json, "input_audio");
    json_out_raw_string(json, "data", part->data);
    json_out_str(json, "format", is_mp3 ? "mp3" : "wav");
    json_out_end_object(json);
    json_out_end_object(json);
}
