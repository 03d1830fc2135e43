#include <criterion/criterion.h>

#include "head.h"

static const char *const let_through[] = {"anthropic-version", "anthropic-beta", NULL};

static const struct dialect dialect = {.auth_header = "x-api-key: ",
                                       .request_headers = let_through,
                                       .default_header_name = "anthropic-version",
                                       .default_header_value = "2023-06-01"};

#define HEADER(n, v)                                                                               \
    {                                                                                              \
        {(n), sizeof(n) - 1},                                                                      \
        {                                                                                          \
            (v), sizeof(v) - 1                                                                     \
        }                                                                                          \
    }

static struct buf
build(const struct upstream_record *upstream, const struct http_header *headers, size_t n_headers,
      struct slice credential)
{
    struct http_request http = {.headers = headers, .n_headers = n_headers};
    const struct head_input input = {.dialect = &dialect,
                                     .operation = OPERATION_MESSAGE,
                                     .upstream = upstream,
                                     .credential = credential,
                                     .http = &http,
                                     .request_id = SLICE_LIT("id-1"),
                                     .is_stream = true,
                                     .content_length = 17};
    struct buf out;

    buf_init(&out, 65536);
    head_build(&input, &out);
    buf_append_byte(&out, '\0');
    return out;
}

static struct upstream_record
upstream(const char *host, uint16_t port, bool is_tls)
{
    struct upstream_record record = {.port = port, .is_tls = is_tls, .path = "/v1"};

    strcpy(record.host, host);
    return record;
}

Test(head, is_ours_from_end_to_end)
{
    struct upstream_record target = upstream("api.example", 443, true);
    struct buf out = build(&target, NULL, 0, SLICE_LIT("sk-up"));

    cr_assert_str_eq(out.ptr, "POST /v1/messages HTTP/1.1\r\n"
                              "host: api.example\r\n"
                              "x-api-key: sk-up\r\n"
                              "content-type: application/json\r\n"
                              "accept: text/event-stream\r\n"
                              "accept-encoding: identity\r\n"
                              "user-agent: relayos\r\n"
                              "x-request-id: id-1\r\n"
                              "anthropic-version: 2023-06-01\r\n"
                              "content-length: 17\r\n\r\n");
    buf_fini(&out);
}

Test(head, names_a_port_that_is_not_the_schemes_own_and_brackets_ipv6)
{
    struct upstream_record target = upstream("::1", 8443, true);
    struct buf out = build(&target, NULL, 0, SLICE_LIT(""));

    cr_assert_not_null(strstr(out.ptr, "\r\nhost: [::1]:8443\r\n"));
    cr_assert_null(strstr(out.ptr, "x-api-key"));
    buf_fini(&out);

    target = upstream("h", 80, false);
    out = build(&target, NULL, 0, SLICE_LIT(""));
    cr_assert_not_null(strstr(out.ptr, "\r\nhost: h\r\n"));
    buf_fini(&out);
}

Test(head, lets_only_the_dialects_headers_through_and_each_of_them)
{
    static const struct http_header headers[] = {
        HEADER("authorization", "Bearer sk-caller"),
        HEADER("anthropic-beta", "a"),
        HEADER("cookie", "c=1"),
        HEADER("host", "evil"),
        HEADER("anthropic-beta", "b"),
        HEADER("anthropic-version", "2026-10-21"),
        HEADER("x-forwarded-for", "1.2.3.4"),
        HEADER("connection", "x-api-key"),
        HEADER("x-api-key", "sk-caller"),
        HEADER("content-length", "999"),
    };
    struct upstream_record target = upstream("h", 443, true);
    struct buf out = build(&target, headers, sizeof(headers) / sizeof(headers[0]), SLICE_LIT("k"));

    cr_assert_not_null(strstr(out.ptr, "\r\nanthropic-beta: a\r\nanthropic-beta: b\r\n"));
    cr_assert_not_null(strstr(out.ptr, "anthropic-version: 2026-10-21\r\n"));
    cr_assert_null(strstr(out.ptr, "2023-06-01"));
    cr_assert_null(strstr(out.ptr, "sk-caller"));
    cr_assert_null(strstr(out.ptr, "cookie"));
    cr_assert_null(strstr(out.ptr, "evil"));
    cr_assert_null(strstr(out.ptr, "forwarded"));
    cr_assert_null(strstr(out.ptr, "connection"));
    cr_assert_null(strstr(out.ptr, "999"));
    buf_fini(&out);
}

Test(head, leaves_out_values_that_could_end_a_line)
{
    static const struct http_header headers[] = {
        HEADER("anthropic-beta", "a\r\nx-api-key: stolen"), HEADER("anthropic-beta", "b\nc"),
        HEADER("anthropic-beta", "\0"), HEADER("anthropic-beta", "tab\tis fine")};
    struct upstream_record target = upstream("h", 443, true);
    struct buf out = build(&target, headers, 4, SLICE_LIT("k"));

    cr_assert_null(strstr(out.ptr, "stolen"));
    cr_assert_null(strstr(out.ptr, "b\nc"));
    cr_assert_not_null(strstr(out.ptr, "anthropic-beta: tab\tis fine\r\n"));
    buf_fini(&out);
}

Test(head, of_a_translated_request_has_nothing_of_the_callers)
{
    struct upstream_record target = upstream("api.example", 443, true);
    const struct head_input input = {.dialect = &dialect,
                                     .path = SLICE_LIT("/models/m:go?alt=sse"),
                                     .upstream = &target,
                                     .request_id = SLICE_LIT("id-1"),
                                     .content_length = 17};
    struct buf out;

    buf_init(&out, 65536);
    head_build(&input, &out);
    buf_append_byte(&out, '\0');
    cr_assert_str_eq(out.ptr, "POST /v1/models/m:go?alt=sse HTTP/1.1\r\n"
                              "host: api.example\r\n"
                              "content-type: application/json\r\n"
                              "accept: application/json\r\n"
                              "accept-encoding: identity\r\n"
                              "user-agent: relayos\r\n"
                              "x-request-id: id-1\r\n"
                              "anthropic-version: 2023-06-01\r\n"
                              "content-length: 17\r\n\r\n");
    buf_fini(&out);
}

/* ---- Azure ---- */

static struct buf
build_azure(const struct upstream_record *upstream, enum operation operation, struct slice path)
{
    const struct head_input input = {.dialect = dialect_of(dialect_operation_protocol(operation)),
                                     .operation = operation,
                                     .upstream = upstream,
                                     .credential = SLICE_LIT("az-1"),
                                     .path = path,
                                     .model = "prod-chat",
                                     .request_id = SLICE_LIT("id-1")};
    struct buf out;

    buf_init(&out, 65536);
    head_build(&input, &out);
    buf_append_byte(&out, '\0');
    return out;
}

#define EXPECT_HEAD(target, operation, path, text)                                                 \
    do {                                                                                           \
        struct buf built = build_azure(&(target), operation, SLICE_LIT(path));                     \
        cr_expect_not_null(strstr(built.ptr, text), "%s lacks %s", built.ptr, text);               \
        buf_fini(&built);                                                                          \
    } while (0)

Test(head, azures_older_form_names_the_deployment_and_the_version)
{
    struct upstream_record target = {.host = "r.openai.azure.com",
                                     .port = 443,
                                     .is_tls = 1,
                                     .path = "/openai",
                                     .flavor = FLAVOR_AZURE,
                                     .has_deployments = 1,
                                     .api_version = "2024-10-21"};

    EXPECT_HEAD(target, OPERATION_CHAT, "",
                "POST /openai/deployments/prod-chat/chat/completions?api-version=2024-10-21 HTTP");
    EXPECT_HEAD(target, OPERATION_CHAT, "/chat/completions",
                "POST /openai/deployments/prod-chat/chat/completions?api-version=2024-10-21 HTTP");
    EXPECT_HEAD(target, OPERATION_EMBEDDING, "",
                "POST /openai/deployments/prod-chat/embeddings?api-version=2024-10-21 HTTP");
    EXPECT_HEAD(target, OPERATION_RESPONSE, "",
                "POST /openai/responses?api-version=2024-10-21 HTTP");
    EXPECT_HEAD(target, OPERATION_CHAT, "", "\r\napi-key: az-1\r\n");
    EXPECT_HEAD(target, OPERATION_RESPONSE, "", "\r\napi-key: az-1\r\n");
    target.is_bearer = 1;
    EXPECT_HEAD(target, OPERATION_CHAT, "", "\r\nauthorization: Bearer az-1\r\n");
}

Test(head, azures_newer_form_is_as_openais_but_for_the_key)
{
    struct upstream_record target = {.host = "r.openai.azure.com",
                                     .port = 443,
                                     .is_tls = 1,
                                     .path = "/openai/v1",
                                     .flavor = FLAVOR_AZURE};

    EXPECT_HEAD(target, OPERATION_CHAT, "", "POST /openai/v1/chat/completions HTTP/1.1\r\n");
    EXPECT_HEAD(target, OPERATION_RESPONSE, "", "POST /openai/v1/responses HTTP/1.1\r\n");
    EXPECT_HEAD(target, OPERATION_CHAT, "", "\r\napi-key: az-1\r\n");
    EXPECT_HEAD(target, OPERATION_MESSAGE, "", "\r\nx-api-key: az-1\r\n");
    strcpy(target.api_version, "preview");
    EXPECT_HEAD(target, OPERATION_CHAT, "",
                "POST /openai/v1/chat/completions?api-version=preview HTTP/1.1\r\n");
}
