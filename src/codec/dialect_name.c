/* SPDX-License-Identifier: ISC
 *
 * Requests whose path names the model: put into the body, they are like all others. Prefix:
 * dialect_.
 */
#include "relayos/codec/dialect.h"
#include "relayos/codec/json_out.h"
#include "relayos/codec/json_scan.h"

static void append_name(struct slice model, struct buf *out);

void
dialect_name_model(struct slice body, struct slice model, struct buf *out)
{
    struct json_object object;
    struct json_error error;
    const struct json_member *said;

    if (json_scan_object(body, &object, &error) != 0) {
        buf_append_slice(out, body);
        return;
    }
    struct slice text = object.text;
    if ((said = json_find(&object, "model")) != NULL) {
        size_t from = (size_t)(said->value.ptr - text.ptr);

        buf_append_slice(out, slice_sub(text, 0, from));
        append_name(model, out);
        buf_append_slice(out, slice_sub(text, from + said->value.len, text.len));
        return;
    }
    buf_append_slice(out, SLICE_LIT("{\"model\":"));
    append_name(model, out);
    if (object.n_members > 0)
        buf_append_byte(out, ',');
    buf_append_slice(out, slice_sub(text, 1, text.len));
}

static void
append_name(struct slice model, struct buf *out)
{
    buf_append_byte(out, '"');
    json_escape(out, model);
    buf_append_byte(out, '"');
}
