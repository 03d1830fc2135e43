/* SPDX-License-Identifier: ISC
 *
 * The cases of tests/vectors (its README.md says what is masked): what a client sends becomes what
 * is sent upstream, and what is answered there becomes what the client gets, whichever way the
 * network cuts it.
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdlib.h>

#include "dialect_parts.h"
#include "ladder.h"
#include "translate_run.h"

#define FOLDER "tests/vectors/"

struct vector {
    char name[96];
    cJSON *meta;
    struct buf files[4]; /* enum file */
    struct translate_run run;
};
enum file { CLIENT_REQUEST, UPSTREAM_REQUEST, UPSTREAM_RESPONSE, CLIENT_RESPONSE };

/* Ids that were seen, in their order: two answers that differ only in these are alike. */
struct mask {
    char *ids[64];
    size_t n;
};

static bool
read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char chunk[4096];
    size_t n;

    buf_init(out, RUN_CAP);
    if (file == NULL)
        return false;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_append(out, chunk, n);
    fclose(file);
    return true;
}

static void
read_one_of(struct vector *v, enum file which, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), FOLDER "%s/%s.json", v->name, name);
    if (!read_file(path, &v->files[which])) {
        snprintf(path, sizeof(path), FOLDER "%s/%s.sse", v->name, name);
        cr_assert(read_file(path, &v->files[which]), "%s: cannot be read", path);
    }
}

static const char *
meta_text(const struct vector *v, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(v->meta, name));
}

static bool
is_stream(const struct vector *v)
{
    return cJSON_IsTrue(cJSON_GetObjectItem(v->meta, "stream"));
}

/* Status of an error answered before anything else, or 0. */
static int
error_status(const struct vector *v, const char *side)
{
    const cJSON *status = cJSON_GetObjectItem(cJSON_GetObjectItem(v->meta, "status"), side);

    return status == NULL || status->valueint < 400 ? 0 : status->valueint;
}

static enum operation
operation_of(const char *client)
{
    if (strcmp(client, "openai-chat") == 0)
        return OPERATION_CHAT;
    return strcmp(client, "openai-responses") == 0 ? OPERATION_RESPONSE : OPERATION_MESSAGE;
}

static enum protocol
protocol_of(const char *upstream)
{
    return strcmp(upstream, "gemini") == 0 ? PROTOCOL_GEMINI
                                           : dialect_operation_protocol(operation_of(upstream));
}

static void
begin(struct vector *v, const char *name)
{
    struct buf meta;
    const char *model;
    cJSON *request;
    char path[256];

    *v = (struct vector){0};
    for (size_t i = 0; i < sizeof(v->name) - 1 && name[i] != '\0'; i++)
        v->name[i] = name[i] == '_' ? '-' : name[i];
    snprintf(path, sizeof(path), FOLDER "%s/meta.json", v->name);
    cr_assert(read_file(path, &meta), "%s: cannot be read", path);
    v->meta = cJSON_ParseWithLength(meta.ptr, meta.len);
    buf_fini(&meta);
    read_one_of(v, CLIENT_REQUEST, "client-request");
    read_one_of(v, UPSTREAM_REQUEST, "upstream-request");
    read_one_of(v, UPSTREAM_RESPONSE, "upstream-response");
    read_one_of(v, CLIENT_RESPONSE, "client-response");
    request = cJSON_ParseWithLength(v->files[CLIENT_REQUEST].ptr, v->files[CLIENT_REQUEST].len);
    model = cJSON_GetStringValue(cJSON_GetObjectItem(request, "model"));
    v->run.model = slice_str(strdup(model));
    v->run.flavor = strncmp(model, "gpt-", 4) == 0 ? FLAVOR_OPENAI : FLAVOR_COMPATIBLE;
    v->run.operation = operation_of(meta_text(v, "client"));
    v->run.upstream = protocol_of(meta_text(v, "upstream"));
    cJSON_Delete(request);
}

static void
end(struct vector *v)
{
    run_end(&v->run);
    for (size_t i = 0; i < 4; i++)
        buf_fini(&v->files[i]);
    free((char *)v->run.model.ptr);
    cJSON_Delete(v->meta);
}

/* ---- what may differ ---- */

static bool
starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool
is_our_id(const struct vector *v, const char *value)
{
    static const char *const prefixes[] = {"chatcmpl-", "msg_", "resp_", "fc_", "rs_", "ctc_"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (starts_with(value, prefixes[i]))
            return true;
    }
    /* Gemini has none for its calls. */
    return v->run.upstream == PROTOCOL_GEMINI &&
           (starts_with(value, "call_") || starts_with(value, "toolu_"));
}

static void
mask_id(struct mask *mask, cJSON *item)
{
    char text[24];
    size_t i = 0;

    while (i < mask->n && strcmp(mask->ids[i], item->valuestring) != 0)
        i++;
    if (i == mask->n && i < sizeof(mask->ids) / sizeof(mask->ids[0]))
        mask->ids[mask->n++] = strdup(item->valuestring);
    snprintf(text, sizeof(text), "id-%zu", i);
    cJSON_SetValuestring(item, text);
}

static void
mask_tree(const struct vector *v, struct mask *mask, cJSON *tree)
{
    cJSON *item;

    cJSON_DeleteItemFromObject(tree, "request_id"); /* of ours; some errors say it, some do not */
    cJSON_ArrayForEach(item, tree)
    {
        const char *key = item->string == NULL ? "" : item->string;
        const bool is_id =
            strcmp(key, "id") == 0 || strcmp(key, "item_id") == 0 || strcmp(key, "call_id") == 0;

        if (starts_with(key, "created") && cJSON_IsNumber(item))
            cJSON_SetNumberValue(item, 0);
        else if (is_id && cJSON_IsString(item) && is_our_id(v, item->valuestring))
            mask_id(mask, item);
        else if (strcmp(key, "error") == 0 && cJSON_HasObjectItem(item, "message"))
            cJSON_ReplaceItemInObject(item, "message", cJSON_CreateString("*"));
        mask_tree(v, mask, item);
    }
}

static void
mask_end(struct mask *mask)
{
    for (size_t i = 0; i < mask->n; i++)
        free(mask->ids[i]);
}

static void
expect_same(const struct vector *v, const char *what, const cJSON *got, const cJSON *expected)
{
    char *a, *b;

    if (cJSON_Compare(got, expected, true))
        return;
    a = cJSON_PrintUnformatted(got);
    b = cJSON_PrintUnformatted(expected);
    cr_expect(false, "%s: %s\n     got %s\nexpected %s", v->name, what, a, b);
    free(a);
    free(b);
}

/* ---- requests ---- */

static void
check_request(const char *name)
{
    struct vector v;
    cJSON *got, *expected;

    begin(&v, name);
    run_request(&v.run, buf_slice(&v.files[CLIENT_REQUEST]));
    cr_assert_eq(v.run.err, 0, "%s: %d %s (%s)", v.name, v.run.err, v.run.why.detail,
                 v.run.why.param);
    got = cJSON_ParseWithLength(v.run.written.ptr, v.run.written.len);
    expected = cJSON_ParseWithLength(v.files[UPSTREAM_REQUEST].ptr, v.files[UPSTREAM_REQUEST].len);
    cr_expect(got != NULL, "%s: not JSON: %.*s", v.name, (int)v.run.written.len, v.run.written.ptr);
    expect_same(&v, "request", got, expected);
    cJSON_Delete(got);
    cJSON_Delete(expected);
    end(&v);
}

/* ---- answers ---- */

/* The frames of a stream: [["name", data], ..]; data that is no JSON as a string. */
static cJSON *
frames_of(struct slice text)
{
    cJSON *frames = cJSON_CreateArray();
    struct sse_event event;
    struct sse sse;

    sse_init(&sse);
    sse_feed(&sse, text);
    while (sse_next(&sse, &event) == 0) {
        cJSON *frame = cJSON_CreateArray();
        cJSON *data = cJSON_ParseWithLength(event.data.ptr, event.data.len);
        char room[256];

        snprintf(room, sizeof(room), "%.*s", (int)event.name.len, event.name.ptr);
        cJSON_AddItemToArray(frame, cJSON_CreateString(room));
        snprintf(room, sizeof(room), "%.*s", (int)event.data.len, event.data.ptr);
        cJSON_AddItemToArray(frame, data != NULL ? data : cJSON_CreateString(room));
        cJSON_AddItemToArray(frames, frame);
    }
    sse_fini(&sse);
    return frames;
}

static void
compare_answer(const struct vector *v, struct slice text)
{
    const struct slice wanted = buf_slice(&v->files[CLIENT_RESPONSE]);
    cJSON *got = is_stream(v) ? frames_of(text) : cJSON_ParseWithLength(text.ptr, text.len);
    cJSON *expected =
        is_stream(v) ? frames_of(wanted) : cJSON_ParseWithLength(wanted.ptr, wanted.len);
    struct mask got_mask = {.n = 0}, expected_mask = {.n = 0};

    cr_assert(got != NULL, "%s: not JSON: %.*s", v->name, (int)text.len, text.ptr);
    mask_tree(v, &got_mask, got);
    mask_tree(v, &expected_mask, expected);
    if (is_stream(v)) {
        const struct ladder ladder = ladder_climb(run_client(&v->run), text);
        const int n = cJSON_GetArraySize(got);

        cr_expect_null(ladder.fault, "%s: %s (%s)", v->name, ladder.fault, ladder.why);

        for (int i = 0; i < n || i < cJSON_GetArraySize(expected); i++)
            expect_same(v, "frame", cJSON_GetArrayItem(got, i), cJSON_GetArrayItem(expected, i));
    } else {
        expect_same(v, "answer", got, expected);
    }
    mask_end(&got_mask);
    mask_end(&expected_mask);
    cJSON_Delete(got);
    cJSON_Delete(expected);
}

/* The stream cut into pieces of at most so many bytes, at random if there is a seed. */
static void
answer_in_pieces(struct vector *v, size_t first, size_t most, unsigned seed)
{
    const struct slice text = buf_slice(&v->files[UPSTREAM_RESPONSE]);
    size_t at = 0, n = first;

    run_answer(&v->run);
    while (at < text.len) {
        if (n > text.len - at)
            n = text.len - at;
        /* Of its own: what is read beyond it is seen. */
        char *piece = malloc(n == 0 ? 1 : n);

        memcpy(piece, text.ptr + at, n);
        run_feed(&v->run, slice_of(piece, n));
        free(piece);
        at += n;
        seed = seed * 1103515245 + 12345;
        n = (seed & 1) != 0 && seed > 1 ? 1 + (seed >> 16) % most : most;
    }
    run_feed_end(&v->run);
}

static void
expect_no_difference(struct vector *v, struct slice whole, size_t first, size_t most, unsigned seed)
{
    answer_in_pieces(v, first, most, seed);
    cr_expect(slice_eq(buf_slice(&v->run.out), whole), "%s: cut at %zu, then %zu, seed %u: %.*s",
              v->name, first, most, seed, (int)v->run.out.len, v->run.out.ptr);
    run_answer_end(&v->run);
}

static void
check_stream(struct vector *v)
{
    const size_t len = v->files[UPSTREAM_RESPONSE].len;
    struct buf whole;

    answer_in_pieces(v, len, len, 0);
    cr_expect_eq(v->run.answer_err, 0, "%s: %d", v->name, v->run.answer_err);
    cr_expect_null(v->run.disorder, "%s: %s", v->name, v->run.disorder);
    buf_init(&whole, RUN_CAP);
    buf_append_slice(&whole, buf_slice(&v->run.out));
    run_answer_end(&v->run);
    compare_answer(v, buf_slice(&whole));
    expect_no_difference(v, buf_slice(&whole), 1, 1, 0);
    for (size_t i = 1; i < len; i++)
        expect_no_difference(v, buf_slice(&whole), i, len, 0);
    for (unsigned seed = 1; seed < 200; seed++)
        expect_no_difference(v, buf_slice(&whole), seed, 64, seed);
    buf_fini(&whole);
}

static void
check_reply(struct vector *v)
{
    run_answer(&v->run);
    run_reply(&v->run, buf_slice(&v->files[UPSTREAM_RESPONSE]));
    cr_expect_eq(v->run.answer_err, 0, "%s: %d", v->name, v->run.answer_err);
    cr_expect_null(v->run.disorder, "%s: %s", v->name, v->run.disorder);
    compare_answer(v, buf_slice(&v->run.out));
    run_answer_end(&v->run);
}

/* An answer other than 2xx is classified, and written in the client's words. */
static void
check_error(struct vector *v)
{
    const struct dialect *client = dialect_of(run_client(&v->run));
    struct reply_facts facts = {0};
    struct buf scratch, out;
    cJSON *got, *expected;
    struct mask mask = {.n = 0};

    buf_init(&scratch, DIALECT_SCRATCH);
    buf_init(&out, RUN_CAP);
    dialect_read_error(error_status(v, "upstream"), buf_slice(&v->files[UPSTREAM_RESPONSE]),
                       &scratch, &facts);
    client->write_error(facts.category, SLICE_LIT("*"), facts.error_param, (struct uuid){{1}},
                        &out);
    cr_expect_eq(client->error_status(facts.category), error_status(v, "client"), "%s: status %d",
                 v->name, client->error_status(facts.category));
    got = cJSON_ParseWithLength(out.ptr, out.len);
    expected = cJSON_ParseWithLength(v->files[CLIENT_RESPONSE].ptr, v->files[CLIENT_RESPONSE].len);
    mask_tree(v, &mask, got);
    mask_end(&mask);
    mask.n = 0;
    mask_tree(v, &mask, expected);
    mask_end(&mask);
    expect_same(v, "error", got, expected);
    cJSON_Delete(got);
    cJSON_Delete(expected);
    buf_fini(&scratch);
    buf_fini(&out);
}

static void
check_answer(const char *name)
{
    struct vector v;

    begin(&v, name);
    if (error_status(&v, "upstream") != 0) {
        check_error(&v);
    } else {
        run_request(&v.run, buf_slice(&v.files[CLIENT_REQUEST]));
        if (is_stream(&v))
            check_stream(&v);
        else
            check_reply(&v);
    }
    end(&v);
}

/* Would a client miss this frame? Not so a fragment of what is said, or the usage. */
static bool
is_missed(struct slice frame)
{
    static const char *const kinds[] = {
        "content_block_delta", "\"ping\"",
        "\"delta\":{\"content\":", "\"function\":{\"arguments\":", "\"choices\":[]"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (memmem(frame.ptr, frame.len, kinds[i], strlen(kinds[i])) != NULL)
            return false;
    }
    return true;
}

static void
check_ladder(const char *name)
{
    struct vector v;
    struct slice text, frame;
    struct buf without;

    begin(&v, name);
    text = buf_slice(&v.files[CLIENT_RESPONSE]);
    cr_expect_null(ladder_climb(run_client(&v.run), text).fault);
    buf_init(&without, RUN_CAP);
    for (size_t at = 0; at < text.len; at += frame.len) {
        const char *end = memmem(text.ptr + at, text.len - at, "\n\n", 2);

        frame = slice_of(text.ptr + at, (size_t)(end + 2 - text.ptr) - at);
        buf_clear(&without);
        buf_append(&without, text.ptr, at);
        buf_append(&without, end + 2, text.len - at - frame.len);
        if (is_missed(frame))
            cr_expect_not_null(ladder_climb(run_client(&v.run), buf_slice(&without)).fault,
                               "%s without %.*s", v.name, (int)frame.len, frame.ptr);
    }
    buf_fini(&without);
    end(&v);
}

Test(vector, a_frame_that_is_missing_is_seen)
{
    check_ladder("chat_to_messages_tools_stream");
    check_ladder("messages_to_chat_tools_stream");
    check_ladder("responses_to_chat_tools_stream");
}

#define VECTOR(name)                                                                               \
    Test(vector_request, name)                                                                     \
    {                                                                                              \
        check_request(#name);                                                                      \
    }                                                                                              \
    Test(vector_answer, name)                                                                      \
    {                                                                                              \
        check_answer(#name);                                                                       \
    }
#include "vectors.def"
#undef VECTOR

/* But those of a transport that is not there yet, and of the straight path: see
 * anthropic_messages_test.c. */
Test(vector, no_folder_is_forgotten)
{
    static const char *const known[] = {
#define VECTOR(name) #name,
#include "vectors.def"
#undef VECTOR
    };
    size_t n_folders = 0, n_waiting = 0;
    struct dirent *entry;
    DIR *folder = opendir(FOLDER);

    cr_assert_not_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        n_folders += entry->d_type == DT_DIR && entry->d_name[0] != '.';
        n_waiting += strstr(entry->d_name, "-to-bedrock-") != NULL ||
                     strstr(entry->d_name, "-passthrough-") != NULL;
    }
    closedir(folder);
    cr_expect_eq(n_folders - n_waiting, sizeof(known) / sizeof(known[0]));
}
