#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access_log.h"

static const struct access_line plain = {.accepted_real_us = INT64_C(1795633231123000),
                                         .request_id = "019abcde-f012-7456-89ab-cdef98765432",
                                         .key_id = 7,
                                         .endpoint = "chat_completions",
                                         .category = "none",
                                         .model = "gpt-4.1-mini",
                                         .user_agent = "curl/8",
                                         .client_address = "127.0.0.1",
                                         .status = 200,
                                         .n_attempts = 1,
                                         .bytes_in = 100,
                                         .bytes_out = 200,
                                         .first_token_us = 300,
                                         .total_us = 400,
                                         .input_tokens = 5,
                                         .output_tokens = 6,
                                         .charge_nusd = 700,
                                         .provenance = "reported"};

static const char *
format(const struct access_line *line)
{
    static char text[2048];
    struct buf out;

    buf_init(&out, sizeof(text) - 1);
    access_log_format(&out, line);
    memcpy(text, out.ptr, out.len);
    text[out.len] = '\0';
    buf_fini(&out);
    return text;
}

Test(access_log, a_line_is_logfmt_with_all_that_happened)
{
    cr_assert_str_eq(
        format(&plain),
        "time=2026-11-25T19:00:31.123Z event=request "
        "request_id=019abcde-f012-7456-89ab-cdef98765432 key=7 endpoint=chat_completions "
        "model=\"gpt-4.1-mini\" status=200 category=none stream=0 attempts=1 bytes_in=100 "
        "bytes_out=200 first_token_us=300 total_us=400 input_tokens=5 output_tokens=6 "
        "charge_nusd=700 provenance=reported client=\"127.0.0.1\" user_agent=\"curl/8\"\n");
}

Test(access_log, a_request_over_a_shadow_quota_says_so)
{
    struct access_line line = plain;

    line.is_over_quota = true;
    cr_assert_not_null(strstr(format(&line), " provenance=reported over_quota=1 client="));
}

Test(access_log, foreign_text_can_not_end_its_quotes_or_the_line)
{
    struct access_line line = plain;

    line.model = "x\" status=500\nevent=fake";
    line.user_agent = "tool \x7f \\";
    const char *text = format(&line);
    cr_assert_not_null(strstr(text, "model=\"x? status=500?event=fake\""));
    cr_assert_not_null(strstr(text, "user_agent=\"tool ? ?\""));
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
}

Test(access_log, the_longest_line_fits_behind_a_full_block)
{
    static char longest[4096];
    struct access_line line = plain;

    memset(longest, 'a', sizeof(longest) - 1);
    line.model = line.user_agent = longest;
    line.bytes_in = line.bytes_out = line.first_token_us = line.total_us = INT64_MIN;
    line.input_tokens = line.output_tokens = line.charge_nusd = INT64_MIN;
    line.client_address = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    line.category = "context_length_exceeded";
    line.provenance = "indeterminate";
    cr_assert_lt(strlen(format(&line)), 1024);
}

static cJSON *
parse_json(const struct access_line *line, size_t *out_len)
{
    struct buf out;

    buf_init(&out, 4096);
    access_log_format_json(&out, line);
    cr_assert_not(out.overflow);
    cr_assert_eq(memchr(out.ptr, '\n', out.len), out.ptr + out.len - 1, "one line");
    *out_len = out.len;
    cJSON *json = cJSON_ParseWithLength(out.ptr, out.len);
    cr_assert_not_null(json, "%.*s", (int)out.len, out.ptr);
    buf_fini(&out);
    return json;
}

/* Each name=value of the one is a member of the other, and no more. */
Test(access_log, json_says_what_logfmt_says)
{
    struct access_line line = plain;
    char *save = NULL, text[2048];
    size_t len;
    int n = 0;

    line.is_over_quota = true;
    snprintf(text, sizeof text, "%s", format(&line));
    text[strcspn(text, "\n")] = '\0';
    cJSON *json = parse_json(&line, &len);
    for (char *pair = strtok_r(text, " ", &save); pair != NULL; pair = strtok_r(NULL, " ", &save)) {
        char *value = strchr(pair, '=') + 1;
        value[-1] = '\0';
        const cJSON *member = cJSON_GetObjectItem(json, pair);
        cr_assert_not_null(member, "%s", pair);
        if (cJSON_IsNumber(member)) {
            cr_expect_eq(member->valuedouble, strtod(value, NULL), "%s", pair);
        } else {
            value += *value == '"';
            value[strcspn(value, "\"")] = '\0';
            cr_expect_str_eq(member->valuestring, value);
        }
        n++;
    }
    cr_expect_eq(cJSON_GetArraySize(json), n);
    cJSON_Delete(json);
}

Test(access_log, in_json_foreign_text_stays_in_its_string_and_the_line_fits)
{
    struct access_line line = plain;
    char longest[4096];
    size_t len;

    memset(longest, 1, sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    line.model = "x\",\"status\":500}\n{";
    cJSON *json = parse_json(&line, &len);
    cr_expect_str_eq(cJSON_GetObjectItem(json, "model")->valuestring, line.model);
    cr_expect_eq(cJSON_GetObjectItem(json, "status")->valueint, 200);
    cJSON_Delete(json);
    line.model = line.user_agent = longest;
    line.bytes_in = line.bytes_out = line.first_token_us = line.total_us = INT64_MIN;
    line.input_tokens = line.output_tokens = line.charge_nusd = INT64_MIN;
    line.client_address = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    cJSON_Delete(parse_json(&line, &len));
    cr_expect_lt(len, 2048);
}

Test(access_log, lines_are_written_together_and_late)
{
    char path[] = "/tmp/relayos_access_log_XXXXXX";
    struct conf *conf = calloc(1, sizeof(*conf));
    struct access_log log;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    conf->log_access = true;
    strcpy(conf->access_file, path);
    cr_assert_eq(access_log_open(&log, conf, NULL), 0);
    access_log_turn(&log, 1000000);
    access_log_add(&log, &plain, 1000000);
    log.flushed_us = 1000000;
    access_log_turn(&log, 1100000);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 0);
    access_log_turn(&log, 1200000);
    cr_assert_eq(lseek(fd, 0, SEEK_END), (off_t)strlen(format(&plain)));
    access_log_add(&log, &plain, 1200001);
    access_log_close(&log);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 2 * (off_t)strlen(format(&plain)));
    close(fd);
    unlink(path);
    free(conf);
}
