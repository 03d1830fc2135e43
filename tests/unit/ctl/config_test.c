/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "run_dir.h"

/* Exit status of the look for the socket by a file that holds text; NULL: there is none. */
static int
look(const char *text, char *out, size_t size)
{
    char path[] = "/tmp/relayos-config-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    if (text == NULL)
        unlink(path);
    else
        dprintf(fd, "%s", text);
    close(fd);
    int rc = config_socket_path(path, out, size);
    unlink(path);
    return rc;
}

/* Whoever has broken it wants to hear of it from relayosd, or to undo it. */
Test(config, a_file_with_an_error_still_says_where_the_socket_is)
{
    char path[256];

    cr_expect_eq(look("workers: two\nrun_dir: \"/srv/a\" # here\n", path, sizeof path), CTL_OK);
    cr_expect_str_eq(path, "/srv/a/control.sock");
    cr_expect_eq(look("run_dir: /srv/b\nmodels: [\n", path, sizeof path), CTL_OK);
    cr_expect_str_eq(path, "/srv/b/control.sock");
    cr_expect_eq(look("modles: {}\n", path, sizeof path), CTL_OK);
    cr_expect_str_eq(path, "/run/relayos/control.sock");
}

/* Another gateway's socket would do here what was meant there. */
Test(config, what_a_broken_file_says_of_run_dir_is_understood_or_not_guessed_at)
{
    static const struct {
        const char *text, *path; /* NULL: not to be told */
    } rows[] = {
        {"run_dir: /x", "/x"},
        {"run_dir: '/x'\n", "/x"},
        {"run_dir:\t\"/x\"\t# it\r\n", "/x"},
        {"# run_dir: /y\na: b # run_dir: /z\nrun_dir: /x # run_dir\n\n  # run_dir\nb:\n", "/x"},
        {"run_dir: /x#1\n", "/x#1"},
        {"run_dir: \"/x #1\"\n", "/x #1"},
        {"run_dir: ./var/run dir  \n", "./var/run dir"},
        {"models: [\n", ""},
        {"models: {run: dir} # run_dir: /x\n", ""},
        {" run_dir: /x\n", NULL},
        {"\trun_dir: /x\n", NULL},
        {"{run_dir: /x, data_dir: /y}\n", NULL},
        {"{\nrun_dir: /x,\ndata_dir: /y}\n", NULL},
        {"\"run_dir\": /x\n", NULL},
        {"? run_dir\n: /x\n", NULL},
        {"run_dir : /x\n", NULL},
        {"run_dir:/x\n", NULL},
        {"run_dir:\n  /x\n", NULL},
        {"run_dir: # here\n  /x\n", NULL},
        {"run_dir: /x\n\n  y\n", NULL},
        {"run_dir: >\n  /x\n", NULL},
        {"run_dir: \"/x\n", NULL},
        {"run_dir: \"\\x2fx\"\n", NULL},
        {"run_dir: '/x''y'\n", NULL},
        {"run_dir: '/x' y\n", NULL},
        {"run_dir: ''\n", NULL},
        {"run_dir: &a /x\n", NULL},
        {"run_dir: /x\nrun_dir: /x\n", NULL},
        {"run_dir: /x\ndata_dir: /run_dir/y\n", NULL},
        {"a: \"b # c\", run_dir: /x\n", NULL},
        {"\xef\xbb\xbfrun_dir: /x\n", NULL},
    };
    char out[CONF_PATH_SIZE];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        out[0] = '\0';
        enum run_dir found = run_dir_scan(slice_str(rows[i].text), out);

        if (rows[i].path == NULL) {
            cr_expect_eq(found, RUN_DIR_UNSURE, "%s", rows[i].text);
            continue;
        }
        cr_expect_eq(found, rows[i].path[0] == '\0' ? RUN_DIR_NONE : RUN_DIR_NAMED, "%s",
                     rows[i].text);
        cr_expect_str_eq(out, rows[i].path, "%s", rows[i].text);
    }
    cr_expect_eq(run_dir_scan(SLICE_LIT("\xff\xfer\0u\0n\0"), out), RUN_DIR_UNSURE);
}

static const char *
said(void)
{
    static char text[4096];
    FILE *file = cr_get_redirected_stderr();

    (void)fflush(stderr);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return text;
}

Test(config, what_is_wrong_with_the_file_and_which_socket_it_is_are_said,
     .init = cr_redirect_stderr)
{
    char path[256];

    cr_expect_eq(look("workers: two\nrun_dir: '/srv/a'\n", path, sizeof path), CTL_OK);
    const char *text = said();

    cr_expect_not_null(strstr(text, "warning: /tmp/relayos-config-"), "%s", text);
    cr_expect_not_null(strstr(text, ":1:10: "), "%s", text);
    cr_expect_not_null(strstr(text, "/srv/a/control.sock"), "%s", text);
    cr_expect_eq(strchr(text, '\n'), text + strlen(text) - 1, "one line: %s", text);
}

Test(config, where_another_gateway_might_be_meant_the_error_is_all_that_is_said,
     .init = cr_redirect_stderr)
{
    char path[256] = "";

    cr_expect_eq(look("workers: two\n run_dir: /srv/a\n", path, sizeof path), CTL_USAGE);
    const char *text = said();

    cr_expect_str_empty(path);
    cr_expect_not_null(strstr(text, ":2:"), "%s", text);
    cr_expect_not_null(strstr(text, "name the control socket with -s"), "%s", text);
}

Test(config, without_a_file_nothing_is_guessed)
{
    char path[256];

    cr_expect_eq(look(NULL, path, sizeof path), CTL_USAGE);
    cr_expect_eq(config_socket_path("/tmp", path, sizeof path), CTL_USAGE);
}
