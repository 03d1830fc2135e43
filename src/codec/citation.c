/* SPDX-License-Identifier: ISC */
#include "citation.h"

#include "relayos/codec/json_out.h"

bool
citation_write(struct slice page, const char *url_key, const int64_t range[2], struct buf *out)
{
    struct json_member url, title;
    struct json_out json;

    if (!json_find_in(page, url_key, &url) || url.type != JSON_STRING)
        return false;
    bool has_title = json_find_in(page, "title", &title) && title.type == JSON_STRING;
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_str(&json, "type", "url_citation");
    json_out_int(&json, "start_index", range[0]);
    json_out_int(&json, "end_index", range[1]);
    json_out_raw(&json, "url", url.value);
    json_out_raw(&json, "title", has_title ? title.value : SLICE_LIT("\"\""));
    json_out_end_object(&json);
    return true;
}
