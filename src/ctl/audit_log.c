/* SPDX-License-Identifier: ISC */
#include "audit_log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ledger.h"
#include "option.h"
#include "print.h"
#include "relayos/base/text.h"
#include "relayos/store/store_trail.h"

#define SLICE_ROWS 10000

static int read_known(const struct args *args, struct store_trail_walk *walk);
static int read_seal(struct client *client, const struct args *args, char path[LEDGER_PATH_SIZE],
                     struct hash_hmac **out);
static int say_verdict(const struct client *client, const struct store_trail_walk *walk,
                       int verdict, const char *why);

int
audit_log_write_list(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    static const char *const texts[] = {"who", "action", "target"};
    int rc = option_write_since(args, "since", "since_us", out, why);

    if (rc == 0)
        rc = option_write_since(args, "until", "until_us", out, why);
    if (rc == 0)
        rc = option_write_count(args, "after", "after", out, why);
    if (rc == 0)
        rc = option_write_count(args, "limit", "limit", out, why);
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        if (args_has(args, texts[n]))
            frame_cstr(out, texts[n], args_get(args, texts[n]));
    }
    return rc;
}

void
audit_log_print_list(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *entries = frame_get(result, "entries");
    struct print_table *table = print_table_new(">SEQ WHEN WHO ACTION TARGET DETAIL");

    (void)args;
    for (size_t n = 0; n < frame_length(entries); n++) {
        const struct frame_value *entry = frame_at(entries, n);

        print_cell(table, "%lld", (long long)frame_get_int(entry, "seq", 0));
        print_cell_time(table, frame_get_int(entry, "at_us", 0));
        print_cell_text(table, frame_get_str(entry, "who"));
        print_cell_text(table, frame_get_str(entry, "action"));
        print_cell_text(table, frame_get_str(entry, "target"));
        print_cell_text(table, frame_get_str(entry, "detail"));
    }
    print_table_end(&table, "No such entries.", out);
    if (frame_get_int(result, "next", 0) != 0)
        buf_printf(out, "More: --after %lld\n", (long long)frame_get_int(result, "next", 0));
}

int
audit_log_run_verify(struct client *client, const struct args *args)
{
    struct store_trail_walk walk = {.seq = 0};
    char pepper[LEDGER_PATH_SIZE] = "";
    struct store *store = NULL;
    int more = 0, rc = read_known(args, &walk);

    if (rc == CTL_OK)
        rc = read_seal(client, args, pepper, &walk.seal);
    if (rc == CTL_OK)
        rc = ledger_open_database(client, args, &store);
    while (rc == CTL_OK && (more = store_trail_verify(store, &walk, SLICE_ROWS)) == 1)
        ;
    if (rc == CTL_OK)
        rc = say_verdict(client, &walk, more, more == ERR_DENIED ? pepper : store_error(store));
    store_close(&store);
    hash_hmac_free(&walk.seal);
    return rc;
}

/* --known SEQ:HASH, as it stands in the log or was printed by a verification before. */
static int
read_known(const struct args *args, struct store_trail_walk *walk)
{
    const char *known = args_get(args, "known");
    const char *colon = known == NULL ? NULL : strchr(known, ':');

    if (known == NULL)
        return CTL_OK;
    if (colon != NULL &&
        text_int_parse(slice_of(known, (size_t)(colon - known)), &walk->known_seq) == 0 &&
        walk->known_seq > 0 &&
        text_hex_parse(slice_str(colon + 1), walk->known_hash, sizeof(walk->known_hash)) == 0)
        return CTL_OK;
    return client_fail(CTL_USAGE, "--known SEQ:HASH, the number of an entry and its hash");
}

/* What seals are made with lies beside the database, and by no means beside each copy of it: then
 * the chain alone is looked at, and that is said. */
static int
read_seal(struct client *client, const struct args *args, char path[LEDGER_PATH_SIZE],
          struct hash_hmac **out)
{
    const char *given = args_get(args, "pepper");
    struct secret *pepper = NULL;
    struct errmsg why;
    int rc = CTL_OK;

    if (given != NULL)
        snprintf(path, LEDGER_PATH_SIZE, "%s", given);
    else
        rc = ledger_find_database(client, args, path);
    if (rc != CTL_OK)
        return rc;
    if (given == NULL) {
        char *slash = strrchr(path, '/');
        size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1;

        snprintf(path + len, LEDGER_PATH_SIZE - len, "pepper");
    }
    if (secret_read_file(path, &pepper, &why) == 0)
        *out = store_trail_seal_new(pepper);
    else if (given != NULL || access(path, F_OK) == 0)
        rc = client_fail(CTL_REFUSED, "%s", why.text);
    secret_free(&pepper);
    return rc;
}

/* The last hash is what to write down elsewhere: rows that were taken from the end show by it. */
static int
say_verdict(const struct client *client, const struct store_trail_walk *walk, int verdict,
            const char *why)
{
    char hex[2 * HASH_DIGEST_SIZE];
    long long seq = walk->seq, n = verdict == 0 || verdict == ERR_STALE ? seq : seq - 1;

    text_hex(walk->hash, sizeof(walk->hash), hex);
    if (verdict != 0 && verdict != ERR_CONFLICT && verdict != ERR_DENIED && verdict != ERR_STALE)
        return client_fail(CTL_REFUSED, "%s", why);
    if (client->is_json)
        printf("{\"is_sound\": %s, \"is_sealed\": %s, \"rows\": %lld, \"hash\": \"%.*s\"}\n",
               verdict == 0 ? "true" : "false", walk->seal != NULL ? "true" : "false", n,
               (int)sizeof(hex), hex);
    else if (verdict == 0)
        printf("%lld entries, none changed or taken away. Hash of the last:\n%lld:%.*s\n%s", n, n,
               (int)sizeof(hex), hex,
               walk->seal != NULL ? ""
                                  : "Without the pepper (--pepper FILE): who can write the file "
                                    "could have written all of it anew.\n");
    else if (verdict == ERR_DENIED)
        printf("Entry %lld is not sealed by %s: it was written by somebody else, or that is not "
               "the pepper of this database.\n",
               seq, why);
    else if (verdict == ERR_STALE)
        printf(
            "Entry %lld is not the one that was known: all was written anew, or this is an older "
            "copy.\n",
            (long long)walk->known_seq);
    else
        printf("Entry %lld was changed, moved or taken away; the %lld before it hold.\n", seq, n);
    return verdict == 0 ? CTL_OK : CTL_REFUSED;
}
