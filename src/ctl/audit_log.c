/* SPDX-License-Identifier: ISC */
#include "audit_log.h"

#include <stdio.h>

#include "ledger.h"
#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"
#include "relayos/store/store_trail.h"
#include "value.h"

#define SLICE_ROWS 10000

static int write_since(const struct args *args, const char *option, const char *member,
                       struct frame_out *out, struct errmsg *why);
static int write_count(const struct args *args, const char *option, struct frame_out *out,
                       struct errmsg *why);
static void say_verdict(const struct client *client, bool is_sound, int64_t seq,
                        const uint8_t hash[HASH_DIGEST_SIZE]);

int
audit_log_write_list(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    static const char *const texts[] = {"who", "action", "target"};
    int rc = write_since(args, "since", "since_us", out, why);

    if (rc == 0)
        rc = write_since(args, "until", "until_us", out, why);
    if (rc == 0)
        rc = write_count(args, "after", out, why);
    if (rc == 0)
        rc = write_count(args, "limit", out, why);
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        if (args_has(args, texts[n]))
            frame_cstr(out, texts[n], args_get(args, texts[n]));
    }
    return rc;
}

static int
write_since(const struct args *args, const char *option, const char *member, struct frame_out *out,
            struct errmsg *why)
{
    int64_t real_us;

    if (!args_has(args, option))
        return 0;
    int rc = value_since(args_get(args, option), clock_real_us(), &real_us, why);
    if (rc == 0)
        frame_int(out, member, real_us);
    return rc;
}

static int
write_count(const struct args *args, const char *option, struct frame_out *out, struct errmsg *why)
{
    int64_t n;

    if (!args_has(args, option))
        return 0;
    int rc = value_count(args_get(args, option), &n, why);
    if (rc == 0)
        frame_int(out, option, n);
    else
        errmsg_prefix(why, "--%s", option);
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
    uint8_t hash[HASH_DIGEST_SIZE] = {0};
    struct store *store = NULL;
    int64_t seq = 1;
    int more, rc = ledger_open_database(client, args, &store);

    if (rc != CTL_OK)
        return rc;
    while ((more = store_trail_verify(store, &seq, hash, SLICE_ROWS)) == 1)
        ;
    if (more == 0 || more == ERR_CONFLICT) {
        say_verdict(client, more == 0, seq, hash);
        rc = more == 0 ? CTL_OK : CTL_REFUSED;
    } else {
        rc = client_fail(CTL_REFUSED, "%s", store_error(store));
    }
    store_close(&store);
    return rc;
}

/* The last hash is what to write down elsewhere: who can rewrite all of it cannot rewrite that. */
static void
say_verdict(const struct client *client, bool is_sound, int64_t seq,
            const uint8_t hash[HASH_DIGEST_SIZE])
{
    char hex[2 * HASH_DIGEST_SIZE];

    text_hex(hash, HASH_DIGEST_SIZE, hex);
    if (client->is_json)
        printf("{\"is_sound\": %s, \"rows\": %lld, \"hash\": \"%.*s\"}\n",
               is_sound ? "true" : "false", (long long)(seq - 1), (int)sizeof(hex), hex);
    else if (is_sound)
        printf("%lld entries, none changed or taken away. Hash of the last:\n%.*s\n",
               (long long)(seq - 1), (int)sizeof(hex), hex);
    else
        printf("Entry %lld was changed, moved or taken away; the %lld before it hold.\n",
               (long long)seq, (long long)(seq - 1));
}
