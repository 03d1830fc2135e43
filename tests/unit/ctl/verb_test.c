/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "relayos/base/errmsg.h"
#include "relayos/base/limits.h"
#include "source_file.h"
#include "verb.h"

static const struct row {
    const char *words, *options;
    int command; /* -1: none, or several */
} rows[] = {
#define VERB(words, operands, options, NAME, write, print, help) {words, options, COMMAND_##NAME},
#define LOCAL(words, operands, options, run, help)               {words, options, -1},
#include "verbs.def"
#undef VERB
#undef LOCAL
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* The frame that a row's writer makes of these words, as JSON. */
static int
written(const char *line, struct buf *json, struct errmsg *why)
{
    char words[512], *argv[ARGS_MAX], *rest = words;
    int argc = 0, n_words;
    struct args args;

    snprintf(words, sizeof(words), "%s", line);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        argv[argc++] = word;
    const struct verb *verb = verb_find(argc, argv, &n_words);
    cr_assert_not_null(verb, "%s", line);
    int rc = args_parse(argc - n_words, argv + n_words, verb->options, &args, why);
    if (rc != 0)
        return rc;

    struct frame_out *out = frame_out_new();
    struct frame_in *in = NULL;
    struct buf wire;
    buf_init(&wire, LIMIT_CONTROL_FRAME);
    frame_map(out, NULL);
    rc = verb->write(&args, out, why);
    if (rc == 0) {
        frame_end(out);
        frame_out_finish(out, &wire);
        cr_assert_eq(frame_in_take(&wire, &in), 0);
        frame_to_json(frame_root(in), 0, json);
    }
    frame_in_free(&in);
    frame_out_free(&out);
    buf_fini(&wire);
    return rc;
}

static void
assert_written(const char *line, const char *expected)
{
    struct errmsg why = {.text = ""};
    struct buf json;

    buf_init(&json, 65536);
    cr_expect_eq(written(line, &json, &why), 0, "%s: %s", line, why.text);
    cr_expect(slice_eq_str(buf_slice(&json), expected), "%s: %.*s", line, (int)json.len, json.ptr);
    buf_fini(&json);
}

static void
assert_refused(const char *line, const char *part)
{
    struct errmsg why = {.text = ""};
    struct buf json;

    buf_init(&json, 65536);
    cr_expect_eq(written(line, &json, &why), ERR_SYNTAX, "%s", line);
    cr_expect(strstr(why.text, part) != NULL, "%s: %s", line, why.text);
    buf_fini(&json);
}

Test(verb, arguments_become_the_members_of_commands_def)
{
    assert_written("key create --name a --tool cursor --owner b --quota 50usd --models x,y",
                   "{\"quotas\":[{\"unit\":\"usd\",\"amount\":50000000000}],\"name\":\"a\","
                   "\"owner\":\"b\",\"models\":[\"x\",\"y\"],\"tool\":\"cursor\"}");
    assert_written("key update a --quota none --quota 5usd/day --quota 2Mtok/week:m,shadow",
                   "{\"key\":\"a\",\"quotas\":[{\"unit\":\"usd\",\"amount\":5000000000,"
                   "\"period\":\"day\"},{\"unit\":\"tokens\",\"amount\":2000000,"
                   "\"period\":\"week\",\"model\":\"m\",\"shadow\":true}],"
                   "\"no_quotas\":true}");
    assert_written("key update a --strict on", "{\"key\":\"a\",\"strict\":true}");
    assert_written("key update a --strict off", "{\"key\":\"a\",\"strict\":false}");
    assert_written("key update 7 --models all --rpm 60 --tpm none --concurrent 4",
                   "{\"key\":\"7\",\"models\":[],\"requests_per_minute\":60,"
                   "\"tokens_per_minute\":0,\"max_concurrent\":4}");
    assert_written("key update a --quota 9tokens --period total --expires never",
                   "{\"key\":\"a\",\"quotas\":[{\"unit\":\"tokens\",\"amount\":9}],"
                   "\"quota_period\":\"total\",\"expires_us\":0}");
    assert_written("ledger billed 2026-10-31", "{\"day\":20261031}");
    assert_written("key rotate a", "{\"key\":\"a\",\"overlap_us\":86400000000}");
    assert_written("key rotate a --overlap 0s", "{\"key\":\"a\",\"overlap_us\":0}");
    assert_written("key revoke a", "{\"key\":\"a\"}");
    assert_written("key revoke a --cut", "{\"cut\":true,\"key\":\"a\"}");
    assert_written("key list --state active --limit 5", "{\"limit\":5,\"state\":\"active\"}");
    assert_written("request list --since 2026-11-01 --status failed",
                   "{\"since_us\":1793491200000000,\"status\":\"failed\"}");
    assert_written("request show x", "{\"request_id\":\"x\"}");
    assert_written("usage --by model --period 202611", "{\"by\":\"model\",\"period\":202611}");
    assert_written("usage --period 2026-11-26", "{\"period\":20261126}");
    assert_written("user link alice --issuer https://id.example --subject s-1",
                   "{\"user\":\"alice\",\"issuer\":\"https://id.example\",\"subject\":\"s-1\"}");
    assert_written("user role alice operator", "{\"user\":\"alice\",\"role\":\"operator\"}");
    assert_written("user disable 3", "{\"user\":\"3\",\"is_disabled\":true}");
    assert_written("user enable alice", "{\"user\":\"alice\",\"is_disabled\":false}");
    assert_written("admin-key create --name ci --role member",
                   "{\"name\":\"ci\",\"role\":\"member\"}");
    assert_written("admin-key revoke 3", "{\"id\":3}");
    assert_written("audit list --who alice --since 2026-11-01 --limit 5",
                   "{\"since_us\":1793491200000000,\"limit\":5,\"who\":\"alice\"}");
    assert_written("reload", "{}");
}

Test(verb, what_cannot_be_meant_is_refused_before_it_is_sent)
{
    assert_refused("key create --owner a", "--name");
    assert_refused("key update a", "nothing to change");
    assert_refused("key create --name a --tool emacs", "claude-code");
    assert_refused("key create --name a --quota 5", "50usd");
    assert_refused("key create --name a --period year", "month");
    assert_refused("key create --name a --quota 5usd/year", "50usd/month");
    assert_refused("key create --name a --strict yes", "on or off");
    assert_refused("key revoke a --cut=1", "no value");
    assert_refused("key create --name a --rpm -1", "--rpm");
    assert_refused("key create --name a --secret sk-x", "no --secret");
    assert_refused("usage --period lately", "not a period");
    assert_refused("user add alice --password x", "no --password");
    assert_refused("admin-key create --role admin", "--name");
    assert_refused("admin-key revoke ci", "ci");
}

Test(verb, no_option_takes_a_secret)
{
    static const char *const words[] = {"secret", "token", "password", "credential", "pepper"};

    for (const struct row *row = rows; row < rows + N_ROWS; row++) {
        struct slice option;
        for (size_t i = 0; args_nth_word(row->options, i, &option); i++) {
            size_t len = strcspn(option.ptr, "= ");
            if (len >= 6 && strncmp(option.ptr + len - 6, "tokens", 6) == 0)
                continue; /* how many */
            if (option.len > len && slice_eq_str(slice_sub(option, len, option.len), "=FILE"))
                continue; /* where it lies */
            for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
                cr_expect_null(
                    memmem(option.ptr, strcspn(option.ptr, "= "), words[w], strlen(words[w])), "%s",
                    row->words);
        }
    }
}

Test(verb, every_public_command_of_the_daemon_can_be_given)
{
    /* Of commands that are more than one request; status has the ledger's. */
    static const unsigned of_local[] = {
        COMMAND_TOP,           COMMAND_LEDGER_STATUS,   COMMAND_LEDGER_ROWS, COMMAND_LEDGER_CELLS,
        COMMAND_BACKUP_BEGIN,  COMMAND_BACKUP_NEXT,     COMMAND_BACKUP_END,  COMMAND_USER_CREATE,
        COMMAND_USER_PASSWORD, COMMAND_USER_SETUP_LINK, COMMAND_CONFIG_TEXT, COMMAND_UPGRADE};

    /* What the console alone does. */
    static const unsigned of_console[] = {COMMAND_USER_SETUP,    COMMAND_USER_CLAIM,
                                          COMMAND_SESSION_OPEN,  COMMAND_SESSION_TOUCH,
                                          COMMAND_SESSION_CLOSE, COMMAND_SESSION_REFUSED};

    for (unsigned i = 0; i < COMMAND_N; i++) {
        const struct command_info *info = command_info((enum command)i);
        bool is_there = info->right == COMMAND_INTERNAL;

        for (size_t n = 0; n < sizeof(of_console) / sizeof(of_console[0]); n++)
            is_there |= i == of_console[n];

        for (size_t n = 0; n < sizeof(of_local) / sizeof(of_local[0]); n++)
            is_there |= i == of_local[n];

        for (const struct row *row = rows; row < rows + N_ROWS; row++)
            is_there |= row->command == (int)i;
        cr_expect(is_there, "%s", info->name);
    }
}

Test(verb, the_manual_has_a_subsection_for_each_command_and_names_its_options)
{
    struct buf page;

    source_file_read("man/relayosctl.8", &page);
    for (const struct row *row = rows; row < rows + N_ROWS; row++) {
        char heading[64];
        struct slice option;

        snprintf(heading, sizeof(heading), "\n.Ss %s\n", row->words);
        const char *section = strstr(page.ptr, heading);
        cr_expect_not_null(section, "no .Ss %s", row->words);
        if (section == NULL)
            continue;
        const char *end = strstr(section + 1, "\n.Ss ");
        size_t len = end == NULL ? strlen(section) : (size_t)(end - section);
        cr_expect_not_null(memmem(section, len, "\n.Dl ", 5), "%s has no example", row->words);
        for (size_t i = 0; args_nth_word(row->options, i, &option); i++) {
            char flag[64];
            snprintf(flag, sizeof(flag), "Fl -%.*s", (int)strcspn(option.ptr, "= "), option.ptr);
            cr_expect_not_null(memmem(section, len, flag, strlen(flag)), "%s does not name %s",
                               row->words, flag);
        }
    }
    buf_fini(&page);
}

Test(verb, the_manual_has_no_subsection_for_what_is_no_command)
{
    struct buf page;

    source_file_read("man/relayosctl.8", &page);
    for (const char *at = page.ptr; (at = strstr(at, "\n.Ss ")) != NULL;) {
        bool is_there = false;

        at += 5;
        for (const struct row *row = rows; row < rows + N_ROWS; row++) {
            size_t len = strlen(row->words);
            is_there |= strncmp(at, row->words, len) == 0 && at[len] == '\n';
        }
        cr_expect(is_there, ".Ss %.*s", (int)strcspn(at, "\n"), at);
    }
    buf_fini(&page);
}

Test(verb, a_word_that_is_nearly_a_command_finds_it)
{
    char *argv[] = {"key", "creat"};
    int n_words;

    cr_assert_null(verb_find(2, argv, &n_words));
    cr_assert_str_eq(verb_nearest(2, argv), "key create");
}
