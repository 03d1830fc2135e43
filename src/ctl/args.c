/* SPDX-License-Identifier: ISC */
#include "args.h"

#include <stdio.h>
#include <string.h>

#include "relayos/base/text.h"

#define NAME_SIZE 48

/* An option as given: --NAME or --NAME=VALUE. */
struct given {
    struct slice name;
    const char *value; /* NULL: not in the same word */
};

/* What a row of verbs.def says of an option. */
struct allowed {
    bool takes_value, may_repeat;
};

static struct given split(const char *word);
static bool find_allowed(const char *allowed, struct slice name, struct allowed *out);
static bool is_given(const struct args *args, struct slice name);
static void explain_unknown(const char *allowed, struct slice name, struct errmsg *why);

int
args_parse(int argc, char *const *argv, const char *allowed, struct args *out, struct errmsg *why)
{
    *out = (struct args){.n_operands = 0};
    for (int i = 0; i < argc; i++) {
        struct given given = split(argv[i]);
        struct allowed option;

        if (out->n_operands == ARGS_MAX || out->n_options == ARGS_MAX) {
            errmsg_set(why, "too many arguments");
            return ERR_SYNTAX;
        }
        if (given.name.len == 0) {
            out->operands[out->n_operands++] = argv[i];
            continue;
        }
        if (!find_allowed(allowed, given.name, &option)) {
            explain_unknown(allowed, given.name, why);
            return ERR_SYNTAX;
        }
        if (option.takes_value && given.value == NULL && i + 1 < argc)
            given.value = argv[++i];
        if (option.takes_value != (given.value != NULL)) {
            errmsg_set(why, "--%.*s %s", (int)given.name.len, given.name.ptr,
                       option.takes_value ? "needs a value" : "takes no value");
            return ERR_SYNTAX;
        }
        if (!option.may_repeat && is_given(out, given.name)) {
            errmsg_set(why, "--%.*s is given twice", (int)given.name.len, given.name.ptr);
            return ERR_SYNTAX;
        }
        out->options[out->n_options].name = given.name;
        out->options[out->n_options++].value = given.value == NULL ? "" : given.value;
    }
    return 0;
}

static struct given
split(const char *word)
{
    if (strncmp(word, "--", 2) != 0 || word[2] == '\0')
        return (struct given){.value = NULL};
    const char *name = word + 2, *equals = strchr(name, '=');
    return (struct given){
        .name = slice_of(name, equals == NULL ? strlen(name) : (size_t)(equals - name)),
        .value = equals == NULL ? NULL : equals + 1,
    };
}

static bool
find_allowed(const char *allowed, struct slice name, struct allowed *out)
{
    struct slice word;

    for (size_t n = 0; args_nth_word(allowed, n, &word); n++) {
        const char *equals = memchr(word.ptr, '=', word.len);
        size_t len = equals == NULL ? word.len : (size_t)(equals - word.ptr);

        if (slice_eq(slice_of(word.ptr, len), name)) {
            out->takes_value = equals != NULL;
            out->may_repeat = word.len > 3 && memcmp(word.ptr + word.len - 3, "...", 3) == 0;
            return true;
        }
    }
    return false;
}

static bool
is_given(const struct args *args, struct slice name)
{
    for (size_t n = 0; n < args->n_options; n++) {
        if (slice_eq(args->options[n].name, name))
            return true;
    }
    return false;
}

static void
explain_unknown(const char *allowed, struct slice name, struct errmsg *why)
{
    char names[ARGS_MAX][NAME_SIZE];
    const char *pointers[ARGS_MAX];
    struct slice word;
    size_t n = 0;

    for (; n < ARGS_MAX && args_nth_word(allowed, n, &word); n++) {
        snprintf(names[n], NAME_SIZE, "%.*s", (int)word.len, word.ptr);
        names[n][strcspn(names[n], "=")] = '\0';
        pointers[n] = names[n];
    }
    const char *nearest = text_nearest(name, pointers, n);
    if (nearest != NULL)
        errmsg_set(why, "there is no --%.*s; did you mean --%s?", (int)name.len, name.ptr, nearest);
    else
        errmsg_set(why, "there is no --%.*s", (int)name.len, name.ptr);
}

const char *
args_get(const struct args *args, const char *name)
{
    return args_get_nth(args, name, 0);
}

const char *
args_get_nth(const struct args *args, const char *name, size_t n)
{
    for (size_t i = 0; i < args->n_options; i++) {
        if (slice_eq_str(args->options[i].name, name) && n-- == 0)
            return args->options[i].value;
    }
    return NULL;
}

bool
args_has(const struct args *args, const char *name)
{
    return args_get(args, name) != NULL;
}

bool
args_nth_word(const char *words, size_t n, struct slice *out)
{
    for (;;) {
        words += strspn(words, " ");
        size_t len = strcspn(words, " ");
        if (len == 0)
            return false;
        if (n-- == 0) {
            *out = slice_of(words, len);
            return true;
        }
        words += len;
    }
}
