/* SPDX-License-Identifier: ISC */
#include "cookie.h"

#include <stdio.h>

#include "answer.h"

#define NAME_SIZE 48

static void write_name(const struct call *call, const char *name, char out[NAME_SIZE]);

/* "a=1; relayos=...; b=2" */
bool
cookie_find(const struct call *call, const char *name, struct slice *out)
{
    struct slice rest = http_header_find(&call->http, "cookie"), found = {0};
    char whole[NAME_SIZE];

    write_name(call, name, whole);
    size_t len = strlen(whole);
    while (rest.len > 0) {
        const char *mark = memchr(rest.ptr, ';', rest.len);
        size_t end = mark == NULL ? rest.len : (size_t)(mark - rest.ptr);
        struct slice one = slice_trim(slice_sub(rest, 0, end));

        rest = slice_sub(rest, mark == NULL ? end : end + 1, rest.len);
        if (one.len <= len || memcmp(one.ptr, whole, len) != 0 || one.ptr[len] != '=')
            continue;
        if (found.ptr != NULL)
            return false;
        found = slice_sub(one, len + 1, one.len);
    }
    *out = found;
    return found.ptr != NULL;
}

static void
write_name(const struct call *call, const char *name, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "%s%s", call->is_secure ? "__Host-" : "", name);
}

void
cookie_set(struct call *call, const char *name, const char *value, int64_t life_us,
           enum cookie_site site)
{
    char whole[NAME_SIZE];

    write_name(call, name, whole);
    answer_header(call, "set-cookie", "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=%s%s", whole,
                  value, (long long)(life_us / 1000000), site == COOKIE_LAX ? "Lax" : "Strict",
                  call->is_secure ? "; Secure" : "");
}
