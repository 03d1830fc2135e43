/* SPDX-License-Identifier: ISC */
#include "relayos/codec/embedding.h"

#include "embedding_vector.h"
#include "relayos/codec/json_scan.h"

static bool next_vector(struct slice data, size_t *cursor, struct json_member *out);
static struct slice data_of(struct slice answer);
static bool is_written(const struct json_member *vector, enum embedding_encoding encoding);

int
embedding_recode(struct slice answer, enum embedding_encoding encoding, struct buf *out)
{
    struct slice data = data_of(answer);
    size_t cursor = 0, copied = 0;
    struct json_member vector;

    while (next_vector(data, &cursor, &vector)) {
        size_t from = (size_t)(vector.value.ptr - answer.ptr);
        int err;

        if (is_written(&vector, encoding))
            continue;
        buf_append_slice(out, slice_sub(answer, copied, from));
        err = encoding == EMBEDDING_BASE64 ? embedding_vector_pack(vector.value, out)
                                           : embedding_vector_unpack(vector.value, out);
        if (err != 0)
            return ERR_UPSTREAM_ERROR;
        copied = from + vector.value.len;
    }
    buf_append_slice(out, slice_sub(answer, copied, answer.len));
    return 0;
}

/* All of an answer are alike: the first tells. */
bool
embedding_is_as_asked(struct slice answer, enum embedding_encoding encoding)
{
    size_t cursor = 0;
    struct json_member vector;

    return !next_vector(data_of(answer), &cursor, &vector) || is_written(&vector, encoding);
}

static struct slice
data_of(struct slice answer)
{
    const char *begin = answer.len == 0 ? NULL : memchr(answer.ptr, '{', answer.len);
    size_t from = begin == NULL ? answer.len : (size_t)(begin - answer.ptr);
    struct json_member data;

    bool is_there = json_find_in(slice_sub(answer, from, answer.len), "data", &data);
    return is_there && data.type == JSON_ARRAY ? data.value : SLICE_LIT("[]");
}

static bool
next_vector(struct slice data, size_t *cursor, struct json_member *out)
{
    struct slice item;
    enum json_type type;

    while (json_array_next(data, cursor, &item, &type)) {
        if (type == JSON_OBJECT && json_find_in(item, "embedding", out))
            return true;
    }
    return false;
}

/* What is neither is nothing that could be written otherwise. */
static bool
is_written(const struct json_member *vector, enum embedding_encoding encoding)
{
    return encoding == EMBEDDING_BASE64  ? vector->type != JSON_ARRAY
           : encoding == EMBEDDING_FLOAT ? vector->type != JSON_STRING
                                         : true;
}
