/* SPDX-License-Identifier: ISC */
#include "chat_request.h"
#include "json_walk.h"

/* What a part holds, whatever its type; absent members are like null. */
struct content_part {
    struct json_member type, text, refusal, image, audio, file, detail, cache_control;
};

static struct content_part find_members(struct slice object);
static int read_part(struct chat_reading *r, const struct content_part *in,
                     const struct chat_place *place, struct neutral_part *out);
static int read_image(struct chat_reading *r, const struct content_part *in,
                      const struct chat_place *place, struct neutral_part *out);
static int read_audio(struct chat_reading *r, const struct json_member *audio,
                      const struct chat_place *place, struct neutral_part *out);
static int read_file(struct chat_reading *r, const struct json_member *file,
                     const struct chat_place *place, struct neutral_part *out);
static struct slice type_by_name(struct slice name);
static bool read_url(struct slice url, struct neutral_part *out);
static bool type_is(const struct content_part *part, const char *a, const char *b);

int
chat_request_read_content(struct chat_reading *r, const struct json_member *content,
                          struct chat_place place, enum neutral_role role, bool is_result)
{
    size_t cursor = 0;
    struct slice object;
    enum json_type type;

    if (content->type == JSON_NULL)
        return 0;
    if (content->type == JSON_STRING) {
        turns_add(&r->turns, role)->text = chat_request_inner(content);
        return 0;
    }
    if (content->type != JSON_ARRAY)
        return chat_request_refuse(r, &place, "content", "must be a string or a list");
    for (; json_array_next(content->value, &cursor, &object, &type); place.part++) {
        struct neutral_part part = {0};

        place.has_part = true;
        if (type != JSON_OBJECT)
            return chat_request_refuse(r, &place, "", "must be an object");
        const struct content_part in = find_members(object);
        int err = read_part(r, &in, &place, &part);
        if (err != 0)
            return err;
        *(is_result ? turns_add_child(&r->turns) : turns_add(&r->turns, role)) = part;
    }
    return 0;
}

static struct content_part
find_members(struct slice object)
{
    struct json_walk walk = json_walk_in(object);
    struct json_member member;
    struct content_part part = {0};

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "type"))
            part.type = member;
        else if (json_key_is(&member, "text"))
            part.text = member;
        else if (json_key_is(&member, "refusal"))
            part.refusal = member;
        else if (json_key_is(&member, "image_url"))
            part.image = member;
        else if (json_key_is(&member, "input_audio"))
            part.audio = member;
        else if (json_key_is(&member, "file"))
            part.file = member;
        else if (json_key_is(&member, "detail"))
            part.detail = member;
        else if (json_key_is(&member, "cache_control"))
            part.cache_control = member;
    }
    return part;
}

/* The names of Responses for the same are taken too: some clients mix them. */
static int
read_part(struct chat_reading *r, const struct content_part *in, const struct chat_place *place,
          struct neutral_part *out)
{
    if (in->cache_control.type == JSON_OBJECT)
        out->cache_control = in->cache_control.value;
    if (type_is(in, "text", "input_text") || type_is(in, "output_text", NULL)) {
        if (in->text.type != JSON_STRING)
            return chat_request_refuse(r, place, "text", "must be a string");
        out->text = chat_request_inner(&in->text);
        return 0;
    }
    if (type_is(in, "image_url", "input_image"))
        return read_image(r, in, place, out);
    if (type_is(in, "file", NULL))
        return read_file(r, &in->file, place, out);
    if (type_is(in, "input_audio", NULL))
        return read_audio(r, &in->audio, place, out);
    if (!type_is(in, "refusal", NULL))
        return chat_request_refuse(r, place, "type",
                                   "must be text, image_url, input_audio, file or refusal");
    out->kind = NEUTRAL_REFUSAL;
    out->text = chat_request_inner(&in->refusal);
    return 0;
}

static int
read_image(struct chat_reading *r, const struct content_part *in, const struct chat_place *place,
           struct neutral_part *out)
{
    struct json_member url = in->image, detail = in->detail;

    out->kind = NEUTRAL_IMAGE;
    if (in->image.type == JSON_OBJECT) {
        if (!json_find_in(in->image.value, "url", &url))
            url.type = JSON_NULL;
        if (!json_find_in(in->image.value, "detail", &detail))
            detail.type = JSON_NULL;
    }
    out->detail = chat_request_inner(&detail);
    if (url.type != JSON_STRING || !read_url(chat_request_plain(r, &url), out))
        return chat_request_refuse(r, place, "image_url",
                                   "must have a URL, or data with its type in base64");
    return 0;
}

static int
read_audio(struct chat_reading *r, const struct json_member *audio, const struct chat_place *place,
           struct neutral_part *out)
{
    struct json_member data, format;

    out->kind = NEUTRAL_AUDIO;
    if (audio->type != JSON_OBJECT || !json_find_in(audio->value, "data", &data) ||
        !json_find_in(audio->value, "format", &format) || data.type != JSON_STRING)
        return chat_request_refuse(r, place, "input_audio", "must have data and a format");
    out->data = chat_request_plain(r, &data);
    out->media_type =
        json_string_is(format.value, "mp3") ? SLICE_LIT("audio/mp3") : SLICE_LIT("audio/wav");
    return 0;
}

/* Data as a URL that names its type, or bare: then the file's name tells. */
static int
read_file(struct chat_reading *r, const struct json_member *file, const struct chat_place *place,
          struct neutral_part *out)
{
    struct json_member member;

    out->kind = NEUTRAL_FILE;
    if (file->type == JSON_OBJECT && json_find_in(file->value, "filename", &member))
        out->name = chat_request_inner(&member);
    if (file->type == JSON_OBJECT && json_find_in(file->value, "file_data", &member) &&
        member.type == JSON_STRING) {
        struct slice data = chat_request_plain(r, &member);

        if (read_url(data, out))
            return 0;
        out->source = NEUTRAL_INLINE;
        out->data = data;
        out->media_type = type_by_name(out->name);
        return 0;
    }
    if (file->type != JSON_OBJECT || !json_find_in(file->value, "file_id", &member) ||
        member.type != JSON_STRING)
        return chat_request_refuse(r, place, "file", "must have file_data or a file_id");
    out->source = NEUTRAL_ID;
    out->data = chat_request_plain(r, &member);
    return 0;
}

static struct slice
type_by_name(struct slice name)
{
    static const char *const texts[] = {".txt", ".md", ".csv", ".json", ".xml", ".html"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct slice end = slice_str(texts[i]);

        if (name.len > end.len && slice_eq(slice_sub(name, name.len - end.len, name.len), end))
            return SLICE_LIT("text/plain");
    }
    return SLICE_LIT("application/pdf");
}

/* "data:TYPE;base64,DATA" (parameters between them go), or the URL of something elsewhere. */
static bool
read_url(struct slice url, struct neutral_part *out)
{
    static const struct slice scheme = {"data:", 5}, base64 = {";base64", 7};

    if (!slice_starts_with(url, scheme)) {
        out->source = NEUTRAL_URL;
        out->data = url;
        return memmem(url.ptr, url.len, "://", 3) != NULL;
    }
    const char *comma = memchr(url.ptr, ',', url.len);
    if (comma == NULL)
        return false;
    struct slice type = slice_sub(url, scheme.len, (size_t)(comma - url.ptr));
    if (type.len <= base64.len ||
        !slice_eq(slice_sub(type, type.len - base64.len, type.len), base64))
        return false;
    const char *semicolon = memchr(type.ptr, ';', type.len);
    out->source = NEUTRAL_INLINE;
    out->media_type = slice_of(type.ptr, (size_t)(semicolon - type.ptr));
    out->data = slice_of(comma + 1, (size_t)(url.ptr + url.len - comma - 1));
    return out->media_type.len > 0;
}

static bool
type_is(const struct content_part *part, const char *a, const char *b)
{
    return json_string_is(part->type.value, a) ||
           (b != NULL && json_string_is(part->type.value, b));
}
