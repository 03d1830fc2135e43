/* SPDX-License-Identifier: ISC
 *
 * gemini - Google's own protocol, which upstreams alone speak: what a translated request needs of
 * it besides its translator.
 */
#include "dialect_parts.h"

static const char *const request_headers[] = {NULL};

const struct dialect gemini_dialect = {
    .name = "gemini",
    .protocol = PROTOCOL_GEMINI,
    .read_error = dialect_read_error,
    .auth_header = "x-goog-api-key: ",
    .request_headers = request_headers,
};
