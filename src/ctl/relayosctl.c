/* SPDX-License-Identifier: ISC
 *
 * relayosctl - the operator's command line: words -> row of verbs.def -> one frame -> table or
 * JSON. See relayosctl(8). No secret is ever taken from argv.
 */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "relayos/base/limits.h"
#include "relayos/base/secret.h"
#include "verb.h"

static int take_globals(int argc, char **argv, struct client *client);
static bool take_flag(int *argc, char **argv, const char *flag);
static int carry_out(struct client *client, int argc, char **argv, bool wants_help);
static int check_operands(const struct verb *verb, const struct args *args);
static int request(struct client *client, const struct verb *verb, const struct args *args);
static void show(const struct verb *verb, void (*write)(const struct verb *, struct buf *));
static void write_help(const struct verb *verb, struct buf *out);

int
main(int argc, char **argv)
{
    struct client client;

    client_init(&client);
    client.is_json = take_flag(&argc, argv, "--json");
    bool wants_help = take_flag(&argc, argv, "--help");
    wants_help = take_flag(&argc, argv, "-h") || wants_help;
    int n = take_globals(argc, argv, &client);
    int rc = n < 0 ? CTL_USAGE : carry_out(&client, argc - n, argv + n, wants_help);
    client_fini(&client);
    if (fflush(stdout) != 0 && rc == CTL_OK)
        rc = CTL_REFUSED;
    return rc;
}

/* -s and -c, before the command; returns where that begins, -1 after a complaint. */
static int
take_globals(int argc, char **argv, struct client *client)
{
    int n = 1;

    for (; n < argc && argv[n][0] == '-'; n += 2) {
        bool is_socket = strcmp(argv[n], "-s") == 0;

        if (strcmp(argv[n], "-V") == 0)
            return n; /* carry_out() knows it */
        if (!is_socket && strcmp(argv[n], "-c") != 0) {
            (void)client_fail(0, "there is no option %s", argv[n]);
            return -1;
        }
        if (n + 1 == argc) {
            (void)client_fail(0, "%s needs a path", argv[n]);
            return -1;
        }
        *(is_socket ? &client->socket_path : &client->config_file) = argv[n + 1];
    }
    return n;
}

/* A flag that may stand anywhere: taken out of argv. */
static bool
take_flag(int *argc, char **argv, const char *flag)
{
    bool is_there = false;
    int n = 0;

    for (int i = 0; i < *argc; i++) {
        if (i > 0 && strcmp(argv[i], flag) == 0)
            is_there = true;
        else
            argv[n++] = argv[i];
    }
    *argc = n;
    return is_there;
}

static int
carry_out(struct client *client, int argc, char **argv, bool wants_help)
{
    struct errmsg why;
    struct args args;
    int n_words;

    if (argc > 0 && strcmp(argv[0], "-V") == 0) {
        printf("relayosctl %s\n", RELAYOS_VERSION);
        return CTL_OK;
    }
    const struct verb *verb = verb_find(argc, argv, &n_words);
    if (verb == NULL && (wants_help || argc == 0)) {
        show(NULL, write_help);
        return wants_help ? CTL_OK : CTL_USAGE;
    }
    if (verb == NULL) {
        const char *nearest = verb_nearest(argc, argv);
        bool has_second = argc > 1 && argv[1][0] != '-';
        return client_fail(CTL_USAGE, "there is no command %s%s%s%s%s%s", argv[0],
                           has_second ? " " : "", has_second ? argv[1] : "",
                           nearest == NULL ? "; relayosctl -h lists them" : "; did you mean ",
                           nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
    }
    if (wants_help) {
        show(verb, verb_write_usage);
        return CTL_OK;
    }
    if (args_parse(argc - n_words, argv + n_words, verb->options, &args, &why) != 0)
        return client_fail(CTL_USAGE, "%s: %s", verb->words, why.text);
    int rc = check_operands(verb, &args);
    if (rc != CTL_OK)
        return rc;
    return verb->run != NULL ? verb->run(client, &args) : request(client, verb, &args);
}

static int
check_operands(const struct verb *verb, const struct args *args)
{
    bool is_optional = verb->operands[0] == '[';
    size_t n_wanted = 0;
    struct slice word;

    while (args_nth_word(verb->operands, n_wanted, &word))
        n_wanted++;
    if (args->n_operands == n_wanted || (is_optional && args->n_operands == 0))
        return CTL_OK;
    if (args->n_operands < n_wanted)
        return client_fail(CTL_USAGE, "%s: needs %s", verb->words, verb->operands);
    return client_fail(CTL_USAGE, "%s: \"%s\" is one word too many", verb->words,
                       args->operands[n_wanted]);
}

static int
request(struct client *client, const struct verb *verb, const struct args *args)
{
    const struct frame_value *result = NULL;
    struct errmsg why;
    struct buf out;

    if (verb->write(args, client_begin(client, verb->command), &why) != 0)
        return client_fail(CTL_USAGE, "%s: %s", verb->words, why.text);
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    buf_init(&out, 8 * (size_t)LIMIT_CONTROL_FRAME);
    if (client->is_json) {
        frame_to_json(result, 2, &out);
        buf_append_byte(&out, '\n');
    } else {
        verb->print(result, args, &out);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    secret_wipe(out.ptr, out.len);
    buf_fini(&out);
    return CTL_OK;
}

static void
show(const struct verb *verb, void (*write)(const struct verb *, struct buf *))
{
    struct buf out;

    buf_init(&out, 65536);
    write(verb, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

static void
write_help(const struct verb *verb, struct buf *out)
{
    (void)verb;
    verb_write_help(out);
}
