/* SPDX-License-Identifier: ISC */
#include "verb.h"

#include <stdio.h>
#include <string.h>

#include "admin_key.h"
#include "audit_log.h"
#include "backup.h"
#include "captured.h"
#include "config.h"
#include "config_rollback.h"
#include "credential.h"
#include "doctor.h"
#include "explain.h"
#include "import.h"
#include "key.h"
#include "key_hash.h"
#include "ledger.h"
#include "metrics.h"
#include "quickstart.h"
#include "relayos/base/text.h"
#include "reload.h"
#include "route.h"
#include "status.h"
#include "top.h"
#include "trace.h"
#include "upgrade.h"
#include "usage.h"
#include "user.h"

#define WORDS_MAX  2
#define WORDS_SIZE 64

static const struct verb verbs[] = {
#define VERB(verb_words, verb_operands, verb_options, NAME, write_args, print_result, verb_help)   \
    {.words = verb_words,                                                                          \
     .operands = verb_operands,                                                                    \
     .options = verb_options,                                                                      \
     .help = verb_help,                                                                            \
     .command = COMMAND_##NAME,                                                                    \
     .write = write_args,                                                                          \
     .print = print_result},
#define LOCAL(verb_words, verb_operands, verb_options, run_verb, verb_help)                        \
    {.words = verb_words,                                                                          \
     .operands = verb_operands,                                                                    \
     .options = verb_options,                                                                      \
     .help = verb_help,                                                                            \
     .run = run_verb},
#include "verbs.def"
#undef VERB
#undef LOCAL
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void join(int argc, char *const *argv, int n, char out[WORDS_SIZE]);

const struct verb *
verb_find(int argc, char *const *argv, int *out_n_words)
{
    for (int n = 1; n <= WORDS_MAX && n <= argc; n++) {
        char words[WORDS_SIZE];

        join(argc, argv, n, words);
        for (size_t i = 0; i < N_VERBS; i++) {
            if (strcmp(verbs[i].words, words) == 0) {
                *out_n_words = n;
                return &verbs[i];
            }
        }
    }
    return NULL;
}

void
verb_write_usage(const struct verb *verb, struct buf *out)
{
    struct slice word;

    buf_printf(out, "usage: relayosctl %s", verb->words);
    if (verb->operands[0] != '\0')
        buf_printf(out, " %s", verb->operands);
    for (size_t n = 0; args_nth_word(verb->options, n, &word); n++) {
        const char *equals = memchr(word.ptr, '=', word.len);
        int len = equals == NULL ? (int)word.len : (int)(equals - word.ptr);

        buf_printf(out, "\n        [--%.*s", len, word.ptr);
        if (equals != NULL)
            buf_printf(out, " %.*s", (int)word.len - len - 1, equals + 1);
        buf_append_byte(out, ']');
    }
    buf_printf(out, "\n%s\n", verb->help);
}

void
verb_write_help(struct buf *out)
{
    buf_append_str(out, "usage: relayosctl [-s SOCKET | -c CONFIG] [--json] COMMAND ...\n\n");
    for (size_t i = 0; i < N_VERBS; i++)
        buf_printf(out, "  %-16s %s\n", verbs[i].words, verbs[i].help);
    buf_append_str(out,
                   "\nrelayosctl COMMAND --help shows its options; relayosctl(8) has it all.\n");
}

const char *
verb_nearest(int argc, char *const *argv)
{
    const char *names[N_VERBS];
    char words[WORDS_SIZE];

    for (size_t i = 0; i < N_VERBS; i++)
        names[i] = verbs[i].words;
    for (int n = WORDS_MAX; n >= 1; n--) {
        if (n > argc)
            continue;
        join(argc, argv, n, words);
        const char *nearest = text_nearest(slice_str(words), names, N_VERBS);
        if (nearest != NULL)
            return nearest;
    }
    return NULL;
}

static void
join(int argc, char *const *argv, int n, char out[WORDS_SIZE])
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < n && i < argc && len < WORDS_SIZE; i++) {
        int added = snprintf(out + len, WORDS_SIZE - len, "%s%s", i == 0 ? "" : " ", argv[i]);
        len += added < 0 ? 0 : (size_t)added;
    }
}
