/* SPDX-License-Identifier: ISC */
#include "relayos/net/tls_vault.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tls_material
material_of(struct slice chain, struct slice key)
{
    return (struct tls_material){.n_certificates = 1,
                                 .certificates = {{"/a/long/path/to/cert.pem", chain, key}},
                                 .client_verify = TLS_CLIENT_OPTIONAL,
                                 .client_ca = SLICE_LIT("authority")};
}

Test(tls_vault, what_the_master_publishes_its_children_find)
{
    struct tls_vault *vault = tls_vault_new();
    struct tls_material materials[2] = {{0}, material_of(SLICE_LIT("chain"), SLICE_LIT("key"))};
    int status;

    cr_assert_eq(tls_vault_publish(vault, materials, 2, NULL), 0);
    pid_t pid = fork(); /* before the second, which it finds nevertheless */
    uint32_t epoch = tls_vault_epoch(vault);
    if (pid == 0) {
        while (tls_vault_epoch(vault) == 2)
            usleep(1000);
        struct tls_vault_copy *copy = NULL;
        while (copy == NULL)
            copy = tls_vault_copy(vault);
        bool is_there =
            copy->n_listeners == 2 && copy->listeners[0].n_certificates == 0 &&
            slice_eq_str(copy->listeners[1].certificates[0].chain, "another chain") &&
            slice_eq_str(copy->listeners[1].certificates[0].key, "another key") &&
            slice_eq_str(copy->listeners[1].client_ca, "authority") &&
            copy->listeners[1].client_verify == TLS_CLIENT_OPTIONAL &&
            strcmp(copy->listeners[1].certificates[0].name, "/a/long/path/to/cert.pem") == 0;
        tls_vault_copy_free(&copy);
        _exit(is_there ? 0 : 1);
    }
    cr_assert_eq(epoch, 2);
    materials[1] = material_of(SLICE_LIT("another chain"), SLICE_LIT("another key"));
    cr_assert_eq(tls_vault_publish(vault, materials, 2, NULL), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0);
    tls_vault_free(&vault);
}

Test(tls_vault, tickets_have_a_new_key_and_the_two_before)
{
    struct tls_vault *vault = tls_vault_new();
    struct tls_vault_copy *before = NULL, *after = NULL;

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(tls_vault_rotate(vault, NULL), 0);
        tls_vault_copy_free(&before);
        before = after;
        after = tls_vault_copy(vault);
        cr_assert(after != NULL && after->epoch == tls_vault_epoch(vault));
    }
    cr_expect_eq(
        memcmp(&after->ticket_keys[1], &before->ticket_keys[0], 2 * sizeof(struct tls_ticket_key)),
        0);
    cr_expect_neq(memcmp(&after->ticket_keys[0], &before->ticket_keys[0], 16), 0);
    tls_vault_copy_free(&before);
    tls_vault_copy_free(&after);
    tls_vault_free(&vault);
}

Test(tls_vault, what_finds_no_room_changes_nothing)
{
    struct tls_vault *vault = tls_vault_new();
    struct tls_material small = material_of(SLICE_LIT("chain"), SLICE_LIT("key"));
    char *much = calloc(1, 5 << 20);
    struct tls_material large = material_of(slice_of(much, 5 << 20), SLICE_LIT("key"));
    struct errmsg why;

    cr_assert_eq(tls_vault_publish(vault, &small, 1, &why), 0);
    cr_expect_eq(tls_vault_publish(vault, &large, 1, &why), ERR_TOO_LARGE);
    cr_expect_eq(tls_vault_epoch(vault), 2);
    struct tls_vault_copy *copy = tls_vault_copy(vault);
    cr_expect(slice_eq_str(copy->listeners[0].certificates[0].chain, "chain"));
    tls_vault_copy_free(&copy);
    tls_vault_free(&vault);
    free(much);
}

/* A child that copies all the time while the parent writes: it sees one of the two, whole. */
Test(tls_vault, nobody_sees_half_of_it)
{
    struct tls_vault *vault = tls_vault_new();
    static char as[9000], bs[9000];
    int status;

    memset(as, 'a', sizeof(as));
    memset(bs, 'b', sizeof(bs));
    struct tls_material of_as = material_of(slice_of(as, sizeof(as)), slice_of(as, 100));
    struct tls_material of_bs = material_of(slice_of(bs, sizeof(bs)), slice_of(bs, 100));
    cr_assert_eq(tls_vault_publish(vault, &of_as, 1, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool is_whole = true;
        for (int n = 0; n < 300 && is_whole;) {
            struct tls_vault_copy *copy = tls_vault_copy(vault);
            if (copy == NULL)
                continue;
            const struct tls_certificate *seen = &copy->listeners[0].certificates[0];
            for (size_t i = 0; i < seen->chain.len; i++)
                is_whole = is_whole && seen->chain.ptr[i] == seen->key.ptr[0];
            tls_vault_copy_free(&copy);
            n++;
        }
        _exit(is_whole ? 0 : 1);
    }
    for (int n = 0; waitpid(pid, &status, WNOHANG) == 0; n++)
        cr_assert_eq(tls_vault_publish(vault, n % 2 == 0 ? &of_bs : &of_as, 1, NULL), 0);
    cr_expect_eq(status, 0);
    tls_vault_free(&vault);
}
