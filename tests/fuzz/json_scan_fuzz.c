/* SPDX-License-Identifier: ISC
 *
 * Whatever the scanner takes, cJSON takes too; and the members and values of what it takes can be
 * looked up, walked and decoded.
 */
#include <assert.h>
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "relayos/codec/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool has_long_number(struct slice text);
static void check_cjson(struct slice text);
static void check_members(const struct json_object *object);
static json_visitor on_member;

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slice text = slice_of(bytes, len);
    struct json_object object;
    struct json_error error;
    enum json_type type;
    size_t n_visited = 0;

    int err = json_scan_value(text, &type, &error);
    assert(err == 0 || (error.offset <= len && error.reason != NULL));
    int visit_err = json_visit(text, on_member, &n_visited);
    /* Both validate; they may differ where only one of them counts members or levels. */
    assert((err == 0) == (visit_err == 0));
    if (err == 0)
        check_cjson(text);
    if (json_scan_object(text, &object, &error) == 0) {
        assert(err == 0 && type == JSON_OBJECT);
        check_members(&object);
    }
    return 0;
}

static void
check_cjson(struct slice text)
{
    if (has_long_number(text))
        return;
    char *copy = malloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    cJSON *tree = cJSON_ParseWithLengthOpts(copy, text.len + 1, NULL, 1);
    assert(tree != NULL);
    cJSON_Delete(tree);
    free(copy);
}

/* cJSON reads no more than 63 bytes of a number. */
static bool
has_long_number(struct slice text)
{
    size_t run = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        run = (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
                  ? run + 1
                  : 0;
        if (run > 60)
            return true;
    }
    return false;
}

static void
check_members(const struct json_object *object)
{
    for (size_t i = 0; i < object->n_members; i++) {
        const struct json_member *member = &object->members[i];
        enum json_type type;
        struct buf name, value;

        buf_init(&name, 1 << 20);
        buf_init(&value, 1 << 20);
        assert(json_scan_value(member->value, &type, NULL) == 0 && type == member->type);
        /* The key, decoded, finds this member and no other. */
        struct slice quoted = slice_of(member->key.ptr - 1, member->key.len + 2);
        assert(json_string_decode(quoted, &name) == 0);
        buf_append_byte(&name, '\0');
        if (strlen(name.ptr) + 1 == name.len)
            assert(json_find(object, name.ptr) == member);
        if (type == JSON_STRING) {
            assert(json_string_decode(member->value, &value) == 0);
            assert(json_string_length(member->value) == value.len);
        }
        buf_fini(&name);
        buf_fini(&value);
    }
}

static enum json_step
on_member(void *ctx, unsigned depth, const struct json_member *member)
{
    size_t *n = ctx;

    assert(depth > 0 && member->value.len > 0);
    return ++*n % 7 == 0 ? JSON_STEP_OVER : JSON_STEP_INTO;
}
