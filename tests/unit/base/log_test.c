/* SPDX-License-Identifier: ISC
 *
 * Tests of base/log: a line is one line, keys do not show, floods are throttled.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"

static char path[64];
static struct buf text;

static void
setup(void)
{
    snprintf(path, sizeof(path), "/tmp/log_test.%d", (int)getpid());
    clock_fake_set(1000000, INT64_C(1795632031123456));
    log_init("worker", LOG_INFO);
    cr_assert_eq(log_open(path), 0);
}

static void
teardown(void)
{
    unlink(path);
    buf_fini(&text);
}

TestSuite(log, .init = setup, .fini = teardown);

/* The log so far, as a C string. */
static const char *
logged(void)
{
    buf_fini(&text);
    buf_init(&text, 1 << 20);
    cr_assert_eq(fdio_read_file(path, &text, NULL), 0);
    buf_append_byte(&text, '\0');
    return text.ptr;
}

static int
count_lines(const char *log)
{
    int n = 0;

    for (; *log != '\0'; log++)
        n += *log == '\n';
    return n;
}

Test(log, a_line_has_time_level_role_pid_event_and_text)
{
    char expected[256];

    log_info("worker.start", "n=%d", 3);
    snprintf(expected, sizeof(expected),
             "2026-11-25T18:40:31.123456Z info worker %d worker.start n=3\n", (int)getpid());
    cr_assert_str_eq(logged(), expected);
}

Test(log, levels_below_the_chosen_one_are_silent)
{
    log_debug("a", "%s", "");
    cr_assert_str_eq(logged(), "");
    log_set_level(LOG_ERROR);
    log_warn("b", "%s", "");
    cr_assert_str_eq(logged(), "");
    log_error("c", "%s", "");
    cr_assert_eq(count_lines(logged()), 1);
    cr_assert_eq(log_level_parse("warn"), LOG_WARN);
    cr_assert_eq(log_level_parse("loud"), -1);
}

Test(log, keys_are_masked_wherever_they_stand)
{
    static const char *const lines[][2] = {
        {"key sk-prod-3f9aXYZ0123456789abc end", "key sk-*** end"},
        {"key=sk-proj-abcdefghijkl", "key=sk-***"},
        {"Authorization: Bearer eyJhbGciOi.JIUzI1-NiJ9_x=", "Authorization: Bearer ***="},
        {"\"sk-ant-api03-xxxxxxxxxx\"", "\"sk-***\""},
        {"Bearer sk-prod-0123456789 and sk-prod-9876543210", "Bearer *** and sk-***"},
        {"https://h/sk-0123456789abc", "https://h/sk-***"},
        {"x AIzaSyA1234567890 y", "x AIza*** y"},
        {"task-list-of-the-day risk-assessment", "task-list-of-the-day risk-assessment"},
        {"sk-dev-", "sk-dev-"},
        {"key sk-dev-...wxyz", "key sk-***"},
        {"Bearer of news", "Bearer of news"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        log_info("mask", "%s", lines[i][0]);
        cr_assert_not_null(strstr(logged(), lines[i][1]), "'%s' became '%s'", lines[i][0],
                           logged());
        cr_assert_null(strstr(logged(), "0123456789"), "%s", logged());
    }
}

Test(log, nobody_starts_a_line_of_their_own)
{
    log_info("a", "name=%s", "x\n2026-11-25T18:40:31Z error master 1 forged\r\t\x1b[31m");
    cr_assert_eq(count_lines(logged()), 1);
    cr_assert_null(strchr(logged(), '\x1b'));
}

Test(log, a_long_text_is_cut_not_dropped)
{
    log_info("a", "%10000d", 1);
    cr_assert_eq(count_lines(logged()), 1);
    cr_assert_gt(strlen(logged()), 4000);
}

Test(log, repeats_past_a_hundred_a_second_are_counted_instead)
{
    for (int i = 0; i < 250; i++)
        log_warn("flood", "i=%d", i);
    log_warn("other", "still=%d", 1);
    cr_assert_eq(count_lines(logged()), 101);
    clock_fake_set(2000000, INT64_C(1795632032123456));
    log_warn("flood", "i=%d", 250);
    cr_assert_eq(count_lines(logged()), 103);
    cr_assert_not_null(strstr(logged(), "log.throttled of=flood dropped=150"));
}

Test(log, what_the_audit_trail_is_held_against_is_not_throttled)
{
    for (int i = 0; i < 250; i++) {
        log_info("audit", "seq=%d", i);
        log_info("audit.change", "n=%d", i);
    }
    cr_assert_eq(count_lines(logged()), 500);
}

Test(log, another_logs_file_is_made_and_nothing_written_to_it)
{
    char own[80];
    struct stat made;

    snprintf(own, sizeof(own), "%s.access", path);
    cr_assert_eq(log_make(own), 0);
    log_info("a", "n=%d", 1);
    cr_assert_eq(stat(own, &made), 0);
    cr_expect_eq(made.st_size, 0);
    cr_expect_eq(made.st_mode & 0777, 0640);
    cr_expect_eq(log_make("/nonexistent/dir/log"), -ENOENT);
    unlink(own);
}

Test(log, it_reopens_by_name_and_keeps_the_old_sink_on_failure)
{
    char moved[80];

    log_info("a", "n=%d", 1);
    snprintf(moved, sizeof(moved), "%s.1", path);
    cr_assert_eq(rename(path, moved), 0);
    cr_assert_eq(log_open("/nonexistent/dir/log"), -ENOENT);
    log_info("a", "n=%d", 2);
    cr_assert_eq(log_open(path), 0);
    log_info("a", "n=%d", 3);
    cr_assert_eq(count_lines(logged()), 1);
    unlink(moved);

    struct stat st;

    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07, 0);
}

Test(log, errno_is_the_callers)
{
    errno = ENOSPC;
    log_info("a", "%m");
    cr_assert_eq(errno, ENOSPC);
    cr_assert_not_null(strstr(logged(), "No space left"));
}
