/* SPDX-License-Identifier: ISC
 *
 * import_json - members of other people's JSON, whose types are not what one expects: numbers in
 * strings, lists in strings (JSON, PostgreSQL's {a,b}, or a,b), null for nothing. NULL is no
 * object.
 */
#ifndef CTL_IMPORT_JSON_H
#define CTL_IMPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* NULL for missing and null. */
const cJSON *import_json_get(const cJSON *object, const char *name);
/* "" for missing. */
const char *import_json_text(const cJSON *object, const char *name);
/* false: missing or not a number. */
bool import_json_number(const cJSON *object, const char *name, double *out);
/* 0 for missing; never negative; at most most. */
int64_t import_json_count(const cJSON *object, const char *name, int64_t most);
bool import_json_bool(const cJSON *object, const char *name);
/* A list of strings, to be freed by cJSON_Delete(); empty for missing. */
cJSON *import_json_list(const cJSON *object, const char *name);
/* An object, also out of a string; NULL for none. Free it. */
cJSON *import_json_object(const cJSON *object, const char *name);

#endif
