/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_row.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_key.h"

#define CORRECTIONS_MAX 100

static void write_id(struct uuid id, const char *name, struct frame_out *out);
static void write_usage(const struct usage *usage, struct frame_out *out);

int
report_row_corrections(const struct report *report, struct uuid request_id, struct frame_out *out)
{
    struct store_row *rows = mem_array(NULL, CORRECTIONS_MAX, sizeof(*rows));
    size_t n = 0;
    int rc = report->store == NULL
                 ? 0
                 : store_audit_corrections(report->store, request_id, rows, CORRECTIONS_MAX, &n);

    report_row_write_all(report, rows, n, "corrections", out);
    free(rows);
    return rc;
}

void
report_row_write_all(const struct report *report, const struct store_row *rows, size_t n,
                     const char *name, struct frame_out *out)
{
    frame_array(out, name);
    for (size_t i = 0; i < n; i++) {
        frame_map(out, NULL);
        report_row_write(report, &rows[i], out);
        frame_end(out);
    }
    frame_end(out);
}

void
report_row_write(const struct report *report, const struct store_row *row, struct frame_out *out)
{
    static const struct uuid none;
    bool is_of_row = row->is_correction && memcmp(&row->corrects, &none, sizeof(none)) != 0;
    char name[LIMIT_NAME] = "";

    frame_int(out, "seq", row->seq);
    write_id(row->request_id, "request_id", out);
    frame_bool(out, "is_correction", row->is_correction);
    write_id(is_of_row ? row->corrects : none, "corrects", out);
    frame_int(out, "key_id", (int64_t)row->key_id);
    if (store_key_name(report->store, row->key_id, name) != 0)
        name[0] = '\0';
    frame_cstr(out, "key_name", name);
    frame_int(out, "day", row->day);
    frame_cstr(out, "model", row->model);
    frame_cstr(out, "endpoint", row->endpoint);
    frame_cstr(out, "protocol", row->protocol);
    frame_int(out, "status", row->status);
    frame_cstr(out, "category", row->category[0] == '\0' ? NULL : row->category);
    frame_cstr(out, "provenance", row->provenance);
    write_usage(&row->usage, out);
    frame_int(out, "quota_tokens", row->quota_tokens);
    frame_int(out, "charge_nusd", row->charge_nusd);
    if (report->viewer.sees_routes)
        frame_int(out, "cost_nusd", row->cost_nusd);
    frame_int(out, "reserved_nusd", row->reserved_nusd);
    if (report->viewer.sees_routes)
        frame_int(out, "route_id", row->route_id);
    frame_int(out, "price_version", row->price_version);
    frame_int(out, "accepted_us", row->t_accepted_us);
    frame_int(out, "done_us", row->t_done_us);
    frame_cstr(out, "who", row->is_correction ? row->who : NULL);
    frame_cstr(out, "reason", row->is_correction ? row->reason : NULL);
}

static void
write_id(struct uuid id, const char *name, struct frame_out *out)
{
    static const struct uuid none;
    char text[TEXT_UUID_SIZE];

    if (memcmp(&id, &none, sizeof(none)) == 0) {
        frame_nil(out, name);
        return;
    }
    text_uuid_format(id, text);
    frame_str(out, name, slice_of(text, sizeof(text)));
}

static void
write_usage(const struct usage *usage, struct frame_out *out)
{
    frame_map(out, "usage");
    report_row_write_counts(usage, out);
    frame_int(out, "tier_permille", usage->tier_permille);
    frame_end(out);
}

void
report_row_write_counts(const struct usage *usage, struct frame_out *out)
{
#define BUCKET(name, NAME, unit) frame_int(out, #name, usage->count[USAGE_##NAME]);
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
    frame_int(out, "reasoning", usage->reasoning_tokens);
}
