/* SPDX-License-Identifier: ISC
 *
 * tls_vault - one block under a sequence number: offsets, never pointers.
 */
#include "relayos/net/tls_vault.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define TLS_VAULT_BYTES (4 * 1024 * 1024)
#define NAME_SIZE       64

struct vault_text {
    uint32_t at, len;
};

struct vault_certificate {
    char name[NAME_SIZE]; /* the end of it, if it is longer */
    struct vault_text chain, key;
};

struct vault_listener {
    uint32_t n_certificates, client_verify;
    struct vault_certificate certificates[LIMIT_CERTIFICATES];
    struct vault_text client_ca;
};

struct tls_vault {
    _Atomic uint32_t sequence; /* odd while it is written */
    uint32_t n_listeners, n_bytes;
    struct tls_ticket_key ticket_keys[TLS_N_TICKET_KEYS];
    struct vault_listener listeners[LIMIT_LISTENERS];
    char bytes[TLS_VAULT_BYTES]; /* pages that nothing is in cost nothing */
};

static struct tls_vault *map_vault(int sharing);
static void begin_writing(struct tls_vault *vault);
static void end_writing(struct tls_vault *vault);
static void put_listener(struct tls_vault *vault, struct vault_listener *to,
                         const struct tls_material *from);
static struct vault_text put(struct tls_vault *vault, struct slice text);
static size_t size_of(const struct tls_material *material);
static bool is_sound(const struct tls_vault *vault);
static void view(const struct tls_vault *vault, struct tls_vault_copy *out);
static struct slice text_of(const struct tls_vault *vault, struct vault_text text);

struct tls_vault *
tls_vault_new(void)
{
    return map_vault(MAP_SHARED);
}

static struct tls_vault *
map_vault(int sharing)
{
    void *memory = mmap(NULL, sizeof(struct tls_vault), PROT_READ | PROT_WRITE,
                        sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert(memory != MAP_FAILED); /* out of memory aborts, as in mem.c */
    (void)madvise(memory, sizeof(struct tls_vault), MADV_DONTDUMP);
    return memory;
}

void
tls_vault_free(struct tls_vault **vault)
{
    struct tls_vault *v = *vault;

    if (v == NULL)
        return;
    munmap(v, sizeof(*v));
    *vault = NULL;
}

/* ---- the master ---- */

int
tls_vault_publish(struct tls_vault *vault, const struct tls_material *listeners, size_t n,
                  struct errmsg *why)
{
    size_t size = 0;

    assert(n <= LIMIT_LISTENERS);
    for (size_t i = 0; i < n; i++)
        size += size_of(&listeners[i]);
    if (size > sizeof(vault->bytes)) {
        errmsg_set(why,
                   "certificates and authorities of all listeners together are %zu bytes, "
                   "more than %zu",
                   size, sizeof(vault->bytes));
        return ERR_TOO_LARGE;
    }
    begin_writing(vault);
    secret_wipe(vault->bytes, vault->n_bytes);
    vault->n_bytes = 0;
    vault->n_listeners = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        put_listener(vault, &vault->listeners[i], &listeners[i]);
    end_writing(vault);
    return 0;
}

int
tls_vault_rotate(struct tls_vault *vault, struct errmsg *why)
{
    struct tls_ticket_key fresh;

    if (getrandom(&fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh)) {
        errmsg_set(why, "no random numbers");
        return ERR_IO;
    }
    begin_writing(vault);
    memmove(&vault->ticket_keys[1], &vault->ticket_keys[0],
            (TLS_N_TICKET_KEYS - 1) * sizeof(fresh));
    vault->ticket_keys[0] = fresh;
    end_writing(vault);
    secret_wipe(&fresh, sizeof(fresh));
    return 0;
}

static void
begin_writing(struct tls_vault *vault)
{
    uint32_t odd = atomic_load_explicit(&vault->sequence, memory_order_relaxed) | 1;

    atomic_store_explicit(&vault->sequence, odd, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void
end_writing(struct tls_vault *vault)
{
    atomic_fetch_add_explicit(&vault->sequence, 1, memory_order_release);
}

static void
put_listener(struct tls_vault *vault, struct vault_listener *to, const struct tls_material *from)
{
    assert(from->n_certificates <= LIMIT_CERTIFICATES);
    to->n_certificates = from->n_certificates;
    to->client_verify = from->client_verify;
    to->client_ca = put(vault, from->client_ca);
    for (uint32_t i = 0; i < from->n_certificates; i++) {
        const struct tls_certificate *certificate = &from->certificates[i];
        size_t len = strlen(certificate->name);

        snprintf(to->certificates[i].name, NAME_SIZE, "%s",
                 certificate->name + (len < NAME_SIZE ? 0 : len - NAME_SIZE + 1));
        to->certificates[i].chain = put(vault, certificate->chain);
        to->certificates[i].key = put(vault, certificate->key);
    }
}

static struct vault_text
put(struct tls_vault *vault, struct slice text)
{
    struct vault_text at = {vault->n_bytes, (uint32_t)text.len};

    if (text.len > 0)
        memcpy(vault->bytes + vault->n_bytes, text.ptr, text.len);
    vault->n_bytes += (uint32_t)text.len;
    return at;
}

static size_t
size_of(const struct tls_material *material)
{
    size_t size = material->client_ca.len;

    for (uint32_t i = 0; i < material->n_certificates; i++)
        size += material->certificates[i].chain.len + material->certificates[i].key.len;
    return size;
}

/* ---- workers ---- */

uint32_t
tls_vault_epoch(const struct tls_vault *vault)
{
    return atomic_load_explicit(&vault->sequence, memory_order_acquire);
}

struct tls_vault_copy *
tls_vault_copy(const struct tls_vault *vault)
{
    uint32_t before = tls_vault_epoch(vault);
    size_t head = offsetof(struct tls_vault, bytes);

    if (before % 2 != 0)
        return NULL;

    struct tls_vault_copy *copy = mem_zalloc(sizeof(*copy));
    copy->epoch = before;
    copy->memory = map_vault(MAP_PRIVATE);
    memcpy((void *)copy->memory, (const void *)vault, head);
    if (copy->memory->n_bytes <= sizeof(copy->memory->bytes))
        memcpy(copy->memory->bytes, vault->bytes, copy->memory->n_bytes);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&vault->sequence, memory_order_relaxed) != before ||
        !is_sound(copy->memory)) {
        tls_vault_copy_free(&copy);
        return NULL;
    }
    view(copy->memory, copy);
    return copy;
}

static bool
is_sound(const struct tls_vault *vault)
{
    bool is_ok = vault->n_bytes <= sizeof(vault->bytes) && vault->n_listeners <= LIMIT_LISTENERS;

    for (uint32_t i = 0; is_ok && i < vault->n_listeners; i++)
        is_ok = vault->listeners[i].n_certificates <= LIMIT_CERTIFICATES;
    return is_ok;
}

static void
view(const struct tls_vault *vault, struct tls_vault_copy *out)
{
    out->n_listeners = vault->n_listeners;
    memcpy(out->ticket_keys, vault->ticket_keys, sizeof(out->ticket_keys));
    for (uint32_t i = 0; i < vault->n_listeners; i++) {
        const struct vault_listener *from = &vault->listeners[i];
        struct tls_material *to = &out->listeners[i];

        to->n_certificates = from->n_certificates;
        to->client_verify = (enum tls_client_verify)from->client_verify;
        to->client_ca = text_of(vault, from->client_ca);
        for (uint32_t n = 0; n < from->n_certificates; n++) {
            const struct vault_certificate *certificate = &from->certificates[n];

            to->certificates[n] =
                (struct tls_certificate){.name = certificate->name,
                                         .chain = text_of(vault, certificate->chain),
                                         .key = text_of(vault, certificate->key)};
        }
    }
}

static struct slice
text_of(const struct tls_vault *vault, struct vault_text text)
{
    assert(text.at <= vault->n_bytes && text.len <= vault->n_bytes - text.at);
    return slice_of(vault->bytes + text.at, text.len);
}

void
tls_vault_copy_free(struct tls_vault_copy **copy)
{
    struct tls_vault_copy *c = *copy;

    if (c == NULL)
        return;
    secret_wipe(c->memory->bytes, c->memory->n_bytes <= TLS_VAULT_BYTES ? c->memory->n_bytes : 0);
    secret_wipe(c->memory->ticket_keys, sizeof(c->memory->ticket_keys));
    tls_vault_free(&c->memory);
    secret_wipe(c->ticket_keys, sizeof(c->ticket_keys));
    free(c);
    *copy = NULL;
}
