/* SPDX-License-Identifier: ISC */
#include "relayos/codec/capability.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Names as capabilities.def has them: of each flag, and of what whole vendors take. */
enum flag_set {
#define FLAG(word, NAME, prose) NAME = CAP_##NAME,
    CAPABILITY_FLAGS(FLAG)
#undef FLAG

        CLAUDE = STOP | IMAGES,
    CLAUDE_4_5 = CLAUDE | JSON_SCHEMA | STRICT_TOOLS,
    CLAUDE_NEW = CLAUDE_4_5 | LATE_SYSTEM | EFFORT_XHIGH | EFFORT_MAX,
    GENERIC = SAMPLING | SAMPLING_BOTH | FORCED_TOOL | JSON_SCHEMA | LATE_SYSTEM | STOP | IMAGES |
              STRICT_TOOLS,
    OPENAI = GENERIC,
    OPENAI_REASONING =
        FORCED_TOOL | JSON_SCHEMA | LATE_SYSTEM | DEVELOPER_ROLE | IMAGES | STRICT_TOOLS,
    GEMINI = SAMPLING | SAMPLING_BOTH | FORCED_TOOL | JSON_SCHEMA | STOP | IMAGES
};

struct row {
    const char *prefix;
    struct capability capability;
};

static const struct row rows[] = {
#define CAPABILITY(prefix, thinking, flags, max_output)                                            \
    {prefix, {THINKING_##thinking, flags, max_output}},
#include "capabilities.def"
#undef CAPABILITY
};

static const char *const thinking_words[] = {
#define THINKING(word, NAME, prose) #word,
    CAPABILITY_THINKINGS(THINKING)
#undef THINKING
};

static const char *const flag_words[] = {
#define FLAG(word, NAME, prose) #word,
    CAPABILITY_FLAGS(FLAG)
#undef FLAG
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct row *find_built_in(struct slice model);
static const struct capability_row *find_row(const struct capability_row *own, size_t n_own,
                                             struct slice model);
static bool is_longer(struct slice prefix, const char *than);
static void apply(const struct capability_row *row, struct capability *capability);
static enum capability_thinking thinking_of(const char *word);
static struct slice without_vendor(struct slice model);

/* Calls itself, each time with fewer rows. */
struct capability
capability_find(const struct capability_row *own, size_t n_own, struct slice upstream_model)
{
    const struct row *built_in = find_built_in(upstream_model);
    const struct capability_row *row = find_row(own, n_own, upstream_model);
    struct capability capability;

    if (row == NULL || is_longer(slice_str(built_in->prefix), row->models))
        return built_in->capability;
    capability = capability_find(own, (size_t)(row - own),
                                 slice_str(row->like[0] != '\0' ? row->like : row->models));
    apply(row, &capability);
    return capability;
}

static const struct row *
find_built_in(struct slice model)
{
    const struct slice name = without_vendor(model);
    const struct row *best = NULL;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct slice prefix = slice_str(rows[i].prefix);

        if (slice_starts_with(name, prefix) && (best == NULL || is_longer(prefix, best->prefix)))
            best = &rows[i];
    }
    return best;
}

static const struct capability_row *
find_row(const struct capability_row *own, size_t n_own, struct slice model)
{
    const struct slice name = without_vendor(model);
    const struct capability_row *best = NULL;

    for (size_t i = 0; i < n_own; i++) {
        const struct slice prefix = slice_str(own[i].models);

        if ((slice_starts_with(name, prefix) || slice_starts_with(model, prefix)) &&
            (best == NULL || is_longer(prefix, best->models)))
            best = &own[i];
    }
    return best;
}

static bool
is_longer(struct slice prefix, const char *than)
{
    return prefix.len > strlen(than);
}

static void
apply(const struct capability_row *row, struct capability *capability)
{
    if (row->thinking[0] != '\0')
        capability->thinking = thinking_of(row->thinking);
    if (row->accepts != CAPABILITY_UNSAID_FLAGS)
        capability->flags = row->accepts;
    if (row->adds != CAPABILITY_UNSAID_FLAGS)
        capability->flags |= row->adds;
    if (row->lacks != CAPABILITY_UNSAID_FLAGS)
        capability->flags &= ~row->lacks;
    if (row->max_output_tokens != CAPABILITY_UNSAID_TOKENS)
        capability->max_output_tokens = row->max_output_tokens;
}

static enum capability_thinking
thinking_of(const char *word)
{
    size_t i = 0;

    while (i < COUNT_OF(thinking_words) && strcmp(thinking_words[i], word) != 0)
        i++;
    assert(i < COUNT_OF(thinking_words)); /* the configuration was checked */
    return (enum capability_thinking)i;
}

/* "anthropic/claude-sonnet-4-6", "models/gemini-2.5-pro": what stands behind the last slash. */
static struct slice
without_vendor(struct slice model)
{
    const char *slash = memrchr(model.ptr, '/', model.len);

    return slash == NULL ? model : slice_sub(model, (size_t)(slash + 1 - model.ptr), model.len);
}

void
capability_describe(const struct capability *capability, struct buf *out)
{
    const char *separator = "; ";

    buf_append_str(out, thinking_words[capability->thinking]);
    for (size_t i = 0; i < COUNT_OF(flag_words); i++) {
        if ((capability->flags >> i & 1) == 0)
            continue;
        buf_append_str(out, separator);
        buf_append_str(out, flag_words[i]);
        separator = ", ";
    }
    if (capability->max_output_tokens > 0)
        buf_printf(out, "; at most %" PRId64 " tokens", capability->max_output_tokens);
}
