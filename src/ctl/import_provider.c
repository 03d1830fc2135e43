/* SPDX-License-Identifier: ISC */
#include "import_provider.h"

#include <string.h>

#define NONE          (-1)
#define AZURE_VERSION "2024-10-21"

static const struct import_provider providers[] = {
#define PROVIDER(name, new_api, one_api, base, path, protocols, flavor, env)                       \
    {name, new_api, one_api, base, path, protocols, flavor, env},
#include "import_providers.def"
#undef PROVIDER
};
#define N_PROVIDERS (sizeof(providers) / sizeof(providers[0]))

static struct slice trim_base(const char *base);
static bool ends_with(struct slice text, const char *end);

const struct import_provider *
import_provider_named(struct slice name)
{
    for (size_t n = 0; n < N_PROVIDERS; n++) {
        if (slice_eq_str(name, providers[n].name))
            return &providers[n];
    }
    return NULL;
}

const struct import_provider *
import_provider_of_channel(int type, bool is_one_api)
{
    for (size_t n = 0; n < N_PROVIDERS; n++) {
        int own = is_one_api ? providers[n].one_api : providers[n].new_api;

        if (own != NONE && own == type)
            return &providers[n];
    }
    return NULL;
}

const char *
import_provider_url(struct import_plan *plan, const struct import_provider *provider,
                    const char *base, const char *where)
{
    struct slice trimmed = trim_base(base[0] == '\0' ? provider->base : base);
    const char *path = provider->path;

    if (trimmed.len == 0 || (!slice_starts_with(trimmed, slice_str("https://")) &&
                             !slice_starts_with(trimmed, slice_str("http://")))) {
        import_plan_note(plan, "%s: no address is known for it", where);
        return NULL;
    }
    /* .../v1, and what only looks like one's own version (/v1beta, /api/v3), is there already. */
    const char *authority = (const char *)memmem(trimmed.ptr, trimmed.len, "://", 3) + 3;
    struct slice rest = slice_of(authority, (size_t)(trimmed.ptr + trimmed.len - authority));
    if (ends_with(trimmed, path) || ends_with(rest, "/v1") || memmem(rest.ptr, rest.len, "/v1/", 4))
        path = "";
    const char *url = import_plan_print(plan, "%.*s%s", (int)trimmed.len, trimmed.ptr, path);
    if (import_provider_is_plain(url))
        import_plan_note(plan,
                         "%s: http:// sends the provider's key in the clear; allow_plain: "
                         "true stands there for as long as it must",
                         where);
    return url;
}

/* Without what clients add, and slashes at the end. */
static struct slice
trim_base(const char *base)
{
    static const char *const added[] = {"/", "/chat/completions", "/messages", "/responses", "/"};
    struct slice text = slice_trim(slice_str(base));

    for (size_t n = 0; n < sizeof(added) / sizeof(added[0]); n++) {
        while (ends_with(text, added[n]))
            text.len -= strlen(added[n]);
    }
    return text;
}

static bool
ends_with(struct slice text, const char *end)
{
    size_t len = strlen(end);

    return len > 0 && text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

bool
import_provider_is_plain(const char *url)
{
    static const char *const here[] = {"localhost", "127.", "[::1]"};
    const char *host = url + strlen("http://");

    if (strncmp(url, "http://", strlen("http://")) != 0)
        return false;
    for (size_t n = 0; n < sizeof(here) / sizeof(here[0]); n++) {
        if (strncmp(host, here[n], strlen(here[n])) == 0)
            return false;
    }
    return true;
}

const char *
import_provider_version(const struct import_provider *provider, const char *url,
                        const char *version)
{
    if (strcmp(provider->flavor, "azure") != 0 || !ends_with(slice_str(url), "/openai"))
        return NULL;
    return version == NULL || version[0] == '\0' ? AZURE_VERSION : version;
}
