/* SPDX-License-Identifier: ISC
 *
 * A keys file that is read item by item means what it means when it is read as a whole, whatever
 * stands in it, and after whatever other one; what has not changed is shared.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_text.h"
#include "relayos/base/mem.h"
#include "relayos/conf/conf.h"

#define DIGEST(last)    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" last
#define KEY(name, last) "- {name: " name ", owner: o, digest: " DIGEST(last) ", quota: {usd: 1}}\n"

static char keys_path[64];
static char main_text[512];

static void
setup(void)
{
    snprintf(keys_path, sizeof(keys_path), "/tmp/conf_keys_file_test.%d.yaml", (int)getpid());
    snprintf(main_text, sizeof(main_text), "%skeys_file: %s\n", BROKEN_PROLOGUE, keys_path);
}

static void
teardown(void)
{
    unlink(keys_path);
}

TestSuite(conf_keys_file, .init = setup, .fini = teardown);

/* NULL: refused, with what was said of it. */
static struct conf *
load(const struct conf *before, const char *text, const char *keys, struct errmsg *why)
{
    struct conf *conf = NULL;
    FILE *file = fopen(keys_path, "w");

    why->text[0] = '\0';
    cr_assert(file != NULL && fchmod(fileno(file), 0600) == 0);
    cr_assert(fputs(keys, file) >= 0 && fclose(file) == 0);
    int rc = conf_parse_after(before, "test.yaml", slice_str(text), &conf, why);
    cr_assert_eq(rc == 0, conf != NULL);
    return conf;
}

/* The quotes shift what stands in the head's line. */
static bool
has_same_words(const struct errmsg *a, const struct errmsg *b)
{
    const char *x = strrchr(a->text, '/'), *y = strrchr(b->text, '/');
    int line[2] = {0}, column, at[2] = {0};

    if (x == NULL || y == NULL)
        return strcmp(a->text, b->text) == 0;
    (void)sscanf(x, "%*[^:]:%d:%d:%n", &line[0], &column, &at[0]);
    (void)sscanf(y, "%*[^:]:%d:%d:%n", &line[1], &column, &at[1]);
    return line[0] == line[1] && strcmp(x + at[0], y + at[1]) == 0;
}

/* A head in quotes is none that is taken apart. */
static struct conf *
load_whole(const char *text, const char *keys, struct errmsg *why)
{
    const char *head = strstr(keys, "keys:");
    char *whole = mem_zalloc(strlen(keys) + 3);

    if (head == NULL)
        head = keys;
    memcpy(whole, keys, (size_t)(head - keys));
    if (strncmp(head, "keys:", 5) == 0) {
        strcat(whole, "\"keys\":");
        head += 5;
    }
    strcat(whole, head);
    struct conf *conf = load(NULL, text, whole, why);
    free(whole);
    return conf;
}

static bool
is_same(const struct conf *a, const struct conf *b)
{
    size_t n_restart;
    struct buf out;

    buf_init(&out, 1 << 20);
    size_t n = conf_diff(a, b, &out, &n_restart);
    buf_fini(&out);
    return n == 0 && a->n_keys == b->n_keys;
}

static size_t
n_shared(const struct conf *a, const struct conf *b)
{
    struct conf_key_changes changes;

    conf_key_changes(a, b, &changes);
    size_t n = b->n_keys - changes.n_new;
    cr_expect_eq(n, a->n_keys - changes.n_old);
    conf_key_changes_free(&changes);
    return n;
}

static const char *const odd[] = {
    "",
    "keys: []\n",
    "keys:\n",
    "keys:\n" KEY("a", "1"),
    "keys:\n  " KEY("a", "1") "  " KEY("b", "2"),
    "# all of them\n\nkeys:   # here\n # and\n" KEY("a", "1") "# b\n" KEY("b", "2"),
    "keys:\n" KEY("a", "1") KEY("a", "2"),
    "keys:\n" KEY("a", "1") KEY("b", "1"),
    "keys:\n" KEY("a", "1") KEY("a", "1"),
    "keys:\n" KEY("a", "1") " " KEY("b", "2"),
    "keys:\n  " KEY("a", "1") KEY("b", "2"),
    "keys:\n" KEY("a", "1") "---\n" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "...\n" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "...\n",
    "keys:\n" KEY("a", "1") "more: 1\n",
    "keys:\n" KEY("a", "1") "more: 1\n" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "keys:\n" KEY("b", "2"),
    "keys:\n" KEY("\"a\n- {name: b}\n\"", "1"),
    "keys:\n" KEY("\"a\n", "1") KEY("b\"", "2"),
    "keys:\n" KEY("'a\n", "1") KEY("b'", "2"),
    "keys:\n- {name: a,\n" KEY("b", "2"),
    "keys:\n- name: a\n  owner: o\n  digest: " DIGEST("1") "\n  models:\n  - m\n" KEY("b", "2"),
    "keys:\n- name: a\n  owner: >\n   x\n   - y\n  digest: " DIGEST("1") "\n" KEY("b", "2"),
    "keys:\n- digest: " DIGEST("1") "\n  owner: o\n  name: a\n   - b\n" KEY("b", "2"),
    "keys:\n- digest: " DIGEST("1") "\n  owner: o\n  name: |-\n" KEY("b", "2"),
    "keys:\n-\n  digest: " DIGEST("1") "\n  owner: o\n  name: a\n-\n" KEY("b", "2"),
    "keys:\n- - " DIGEST("1") "\n" KEY("b", "2"),
    "keys:\n" KEY("&x a", "1") KEY("*x", "2"),
    "keys:\n" KEY("a", "1") "-\t{name: b}\n",
    "keys:\n" KEY("a", "1") "\t" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "# \r" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "# \xc2\x85" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "# \xe2\x80\xa8" KEY("b", "2"),
    "keys:\n" KEY("a", "1") "# \xe2\x80\xa9...\n" KEY("b", "2"),
    "keys:\n" KEY("\xc3\xa9t\xc3\xa9", "1") "- {name: \xff}\n",
    "keys:\n" KEY("a, models: [m]", "1") KEY("b, models: [n]", "2"),
    "keys:\n" KEY("a, name: b", "1"),
    "keys:\n" KEY("a, nmae: b", "1"),
    "keys:\n" KEY("a", "1") "- {name: b, owner: o, digest: " DIGEST("2") "}",
    "{keys:\n" KEY("a", "1") "}",
    "\xef\xbb\xbfkeys:\n" KEY("a", "1") KEY("b", "2"),
    "%YAML 1.1\n---\nkeys:\n" KEY("a", "1"),
};

Test(conf_keys_file, item_by_item_is_as_a_whole_whatever_stands_in_it)
{
    for (size_t i = 0; i < N_OF(odd); i++) {
        struct errmsg why, why_whole;
        struct conf *conf = load(NULL, main_text, odd[i], &why);
        struct conf *whole = load_whole(main_text, odd[i], &why_whole);

        cr_expect_eq(conf == NULL, whole == NULL, "%zu: %s, or %s", i, why.text, why_whole.text);
        cr_expect(has_same_words(&why, &why_whole), "%zu: %s, or %s", i, why.text, why_whole.text);
        if (conf != NULL && whole != NULL)
            cr_expect(is_same(conf, whole), "%zu", i);
        conf_free(&conf);
        conf_free(&whole);
    }
}

static void
load_after(const char *first, const char *second, bool first_goes_first)
{
    struct errmsg why, why_after;
    struct conf *before = load(NULL, main_text, first, &why), *alone, *after;

    if (before == NULL)
        return;
    alone = load(NULL, main_text, second, &why);
    after = load(before, main_text, second, &why_after);
    cr_expect_eq(alone == NULL, after == NULL);
    cr_expect_str_eq(why.text, why_after.text);
    if (after != NULL && first_goes_first)
        conf_free_beside(&before, after);
    if (alone != NULL && after != NULL)
        cr_expect(is_same(alone, after), "%s after %s", second, first);
    conf_free_beside(&after, before);
    conf_free(&before);
    conf_free(&alone);
}

/* One file after another: the second is what it is by itself, and neither outlives the other. */
Test(conf_keys_file, what_was_before_changes_nothing)
{
    for (size_t i = 0; i < N_OF(odd); i++) {
        for (size_t j = 0; j < N_OF(odd); j++)
            load_after(odd[i], odd[j], (i + j) % 2 == 0);
    }
}

static unsigned
next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

#define N_PLACES 40

/* Keys come, go, change and move; each one's number in `kept` says which version stands there. */
static void
edit(unsigned *random, unsigned versions[N_PLACES])
{
    for (unsigned n = next_random(random) % 4; n > 0; n--) {
        unsigned at = next_random(random) % N_PLACES, with = next_random(random) % N_PLACES;
        unsigned version = versions[at];

        switch (next_random(random) % 3) {
        case 0:
            versions[at] = 0;
            break;
        case 1:
            versions[at] = at * 100 + next_random(random) % 100 + 1;
            break;
        default:
            versions[at] = versions[with];
            versions[with] = version;
            break;
        }
    }
}

static void
write_keys(const unsigned versions[N_PLACES], struct buf *out)
{
    buf_clear(out);
    buf_append_str(out, "keys:\n");
    for (int n = 0; n < N_PLACES; n++) {
        unsigned of = (versions[n] - 1) / 100, version = (versions[n] - 1) % 100;

        if (versions[n] != 0)
            buf_printf(out, "  - {name: key %u, owner: o, digest: %064u, max_concurrent: %u}\n", of,
                       of, version);
    }
    buf_append_byte(out, '\0');
}

Test(conf_keys_file, what_has_not_changed_is_shared)
{
    unsigned random = 7, old[N_PLACES] = {0}, new[N_PLACES] = {0};
    struct conf *before = NULL;
    struct errmsg why;
    struct buf keys;

    buf_init(&keys, 1 << 16);
    for (int round = 0; round < 200; round++) {
        memcpy(old, new, sizeof(old));
        edit(&random, new);
        write_keys(new, &keys);

        struct conf *after = load(before, main_text, keys.ptr, &why);
        struct conf *alone = load(NULL, main_text, keys.ptr, &why);
        size_t n_same = 0;

        cr_assert_eq(after == NULL, alone == NULL, "%s", why.text);
        if (after == NULL) { /* one moved to where it has another's place: none in the file */
            memcpy(new, old, sizeof(new));
            continue;
        }
        for (int i = 0; i < N_PLACES * N_PLACES; i++)
            n_same += new[i / N_PLACES] != 0 && new[i / N_PLACES] == old[i % N_PLACES];
        cr_expect(is_same(after, alone), "round %d", round);
        if (before != NULL)
            cr_expect_eq(n_shared(before, after), n_same, "round %d", round);
        conf_free(&alone);
        conf_free_beside(&before, after);
        before = after;
    }
    conf_free(&before);
    buf_fini(&keys);
}

Test(conf_keys_file, a_model_that_is_gone_is_missed_by_a_key_that_has_not_changed)
{
    static const char *const keys[] = {"keys:\n" KEY("a, models: [m]", "1"),
                                       "keys:\n" KEY("a, quotas: [{usd: 1, model: m}]", "1")};
    char other[sizeof(main_text)];
    struct errmsg why;

    snprintf(other, sizeof(other), "%s", main_text);
    memcpy(strstr(other, "  m:"), "  n:", 4);
    for (int n = 0; n < 2; n++) {
        struct conf *before = load(NULL, main_text, keys[n], &why);

        cr_assert_not_null(before, "%s", why.text);
        cr_expect_null(load(before, other, keys[n], &why));
        cr_expect_not_null(strstr(why.text, "no model 'm'"), "%s", why.text);
        struct conf *again = load(before, main_text, keys[n], &why);
        cr_assert_not_null(again, "%s", why.text);
        cr_expect_eq(n_shared(before, again), 1);
        conf_free_beside(&before, again);
        conf_free(&again);
    }
}
