/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include "relayos/base/sandbox.h"
#include "relayos/store/store_adjust.h"
#include "relayos/store/store_reader.h"
#include "store_fixture.h"

Test(store_reader, reads_one_moment_while_the_writer_goes_on)
{
    struct fixture fixture;
    struct store *reader = NULL;
    struct errmsg why;

    fixture_init(&fixture);
    fixture_fill(&fixture, 10);
    cr_assert_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), 0, "%s",
                 why.text);
    cr_assert_eq(store_reader_begin(reader), 0);
    cr_expect_eq(fixture_audit(reader).n_rows, 10);
    fixture_fill(&fixture, 7);
    cr_expect_eq(fixture_audit(reader).n_rows, 10, "the snapshot");
    store_reader_end(reader);
    cr_expect_eq(fixture_audit(reader).n_rows, 17);
    cr_expect_neq(store_put_meta(reader, "x", 1), 0, "it writes");
    store_close(&reader);
    fixture_fini(&fixture);
}

/* Whatever is asked: one that would never end does, and the next one is answered. */
Test(store_reader, reads_no_longer_than_it_is_given)
{
    struct fixture fixture;
    struct store *reader = NULL;
    struct store_audit audit;
    struct errmsg why;

    fixture_init(&fixture);
    fixture_fill(&fixture, 200);
    cr_assert_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), 0, "%s",
                 why.text);
    store_reader_limit(reader, 1);
    cr_expect_eq(store_audit_run(reader, 0, &audit, &why), ERR_BUSY);
    cr_expect_eq(db_exec(reader, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                 " SELECT count(*) FROM n"),
                 ERR_BUSY);
    store_reader_limit(reader, INT64_C(3600000000));
    cr_expect_eq(store_audit_run(reader, 0, &audit, &why), 0);
    store_reader_limit(reader, 0);
    cr_expect_eq(store_audit_run(reader, 0, &audit, &why), 0);
    cr_expect_eq(audit.n_rows, 200);
    store_close(&reader);
    fixture_fini(&fixture);
}

Test(store_reader, refuses_what_it_cannot_read_and_makes_nothing)
{
    struct fixture fixture;
    struct store *reader = NULL;
    struct errmsg why;
    char path[128];

    fixture_init(&fixture);
    snprintf(path, sizeof(path), "%s/none", fixture.dir);
    cr_expect_eq(store_reader_open(path, STORE_READER_LIVE, &reader, &why), ERR_IO);
    cr_expect_neq(access(path, F_OK), 0);
    fixture_change(&fixture, "PRAGMA user_version = 1");
    cr_expect_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "schema 1"), "%s", why.text);
    cr_expect_not_null(strstr(why.text, "brings it up to date"), "%s", why.text);
    fixture_change(&fixture, "PRAGMA user_version = 99");
    for (int kind = STORE_READER_LIVE; kind <= STORE_READER_STILL; kind++) {
        if (kind == STORE_READER_STILL) /* which does not look into the log beside it */
            fixture_change(&fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
        cr_expect_eq(store_reader_open(fixture.path, (enum store_reader_kind)kind, &reader, &why),
                     ERR_STORE);
        cr_expect_not_null(strstr(why.text, "newer"), "%s", why.text);
    }
    fixture_fini(&fixture);
}

/* A sort that is too much for memory, confined as the console is. */
static int
sort_confined(const struct fixture *fixture, const char *temporary)
{
    const struct sandbox_path paths[] = {
        {"/dev/urandom", SANDBOX_READS}, {fixture->dir, SANDBOX_ADDS}, {temporary, SANDBOX_OWNS}};
    struct sandbox_wish wish = {.role = SANDBOX_CONSOLE,
                                .mode = SANDBOX_ENFORCE,
                                .paths = paths,
                                .n_paths = sizeof(paths) / sizeof(paths[0])};
    struct store *reader = NULL;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (sandbox_enter(&wish, NULL) != 0 ||
            store_reader_open(fixture->path, STORE_READER_LIVE, &reader, NULL) != 0)
            _exit(1);
        int rc = db_exec(reader, "PRAGMA cache_size = 10;"
                                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                                 " LIMIT 100000) SELECT i, hex(randomblob(50)) AS b FROM n"
                                 " ORDER BY b");
        _exit(rc == 0 ? 0 : 2);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(store_reader, sorts_what_is_too_much_for_memory_where_it_may_write_and_remove)
{
    struct fixture fixture;
    struct sandbox_means means;
    char temporary[] = "/var/tmp/relayos-sort-XXXXXX";

    sandbox_probe(&means);
    if (!means.has_seccomp || means.landlock_abi < 1)
        cr_skip_test("no sandbox here");
    cr_assert_not_null(mkdtemp(temporary));
    setenv("SQLITE_TMPDIR", temporary, 1); /* SQLite asks for it once */
    fixture_init(&fixture);
    fixture_fill(&fixture, 1);
    cr_expect_eq(sort_confined(&fixture, temporary), 0);
    cr_expect_eq(rmdir(temporary), 0, "it leaves nothing");
    fixture_fini(&fixture);
}
