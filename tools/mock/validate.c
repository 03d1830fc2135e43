/* SPDX-License-Identifier: ISC
 *
 * validate - see validate.h.
 */
#include "validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CLAUDE_4     (MODEL_SAMPLING | MODEL_BUDGET | MODEL_OFF | MODEL_FORCED)
#define CLAUDE_4_5   (CLAUDE_4 | MODEL_FORMAT)
#define CLAUDE_4_6   (CLAUDE_4_5 | MODEL_SAMPLING_BOTH | MODEL_ADAPTIVE)
#define CLAUDE_4_7   (MODEL_BUDGET | MODEL_ADAPTIVE | MODEL_OFF | MODEL_FORCED | MODEL_FORMAT)
#define CLAUDE_HAIKU (MODEL_ADAPTIVE | MODEL_OFF | MODEL_FORCED | MODEL_FORMAT)
#define CLAUDE_NEW   (MODEL_ADAPTIVE | MODEL_FORMAT)
#define OPENAI       (MODEL_SAMPLING | MODEL_SAMPLING_BOTH | MODEL_FORCED | MODEL_FORMAT)
#define REASONING    (MODEL_REASONS | MODEL_FORCED | MODEL_FORMAT)
#define GEMINI       (MODEL_SAMPLING | MODEL_SAMPLING_BOTH | MODEL_FORCED | MODEL_FORMAT)

/* The longest prefix counts. */
static const struct validate_model models[] = {
    {"claude-3-", 8192, MODEL_SAMPLING | MODEL_SAMPLING_BOTH | MODEL_FORCED | MODEL_OFF},
    {"claude-opus-4", 32000, CLAUDE_4},
    {"claude-sonnet-4", 64000, CLAUDE_4},
    {"claude-opus-4-1", 32000, CLAUDE_4_5},
    {"claude-opus-4-5", 64000, CLAUDE_4_5},
    {"claude-sonnet-4-5", 64000, CLAUDE_4_5},
    {"claude-haiku-4-5", 64000, CLAUDE_4_5},
    {"claude-opus-4-6", 128000, CLAUDE_4_6},
    {"claude-sonnet-4-6", 128000, CLAUDE_4_6},
    {"claude-opus-4-7", 128000, CLAUDE_4_7},
    {"claude-opus-4-8", 128000, CLAUDE_4_7},
    {"claude-opus-5", 128000, CLAUDE_4_7},
    {"claude-sonnet-5", 128000, CLAUDE_4_7},
    {"claude-haiku-5-5", 128000, CLAUDE_HAIKU},
    {"claude-fable-5", 128000, CLAUDE_NEW | MODEL_FORCED},
    {"claude-fable-5-1", 128000, CLAUDE_NEW},
    {"claude-fable-5-2", 128000, CLAUDE_NEW},
    {"claude-opus-5-5", 128000, CLAUDE_NEW},
    {"claude-sonnet-5-5", 128000, CLAUDE_NEW},
    {"claude-", 128000, CLAUDE_NEW},
    {"gpt-4o", 16384, OPENAI},
    {"gpt-4.1", 32768, OPENAI},
    {"gpt-5", 128000, REASONING},
    {"gpt-5.1", 128000, REASONING | MODEL_OFF},
    {"gpt-5.2", 128000, REASONING | MODEL_OFF},
    {"gpt-", 128000, REASONING | MODEL_OFF},
    {"o1", 100000, REASONING},
    {"o3", 100000, REASONING},
    {"o4", 100000, REASONING},
    {"gemini-2.0", 8192, GEMINI},
    {"gemini-2.5", 65536, GEMINI | MODEL_BUDGET | MODEL_OFF},
    {"gemini-2.5-pro", 65536, GEMINI | MODEL_BUDGET},
    {"gemini-3-pro", 65536, GEMINI | MODEL_LEVEL},
    {"gemini-3.1-pro", 65536, GEMINI | MODEL_LEVEL},
    {"gemini-", 65536, GEMINI | MODEL_LEVEL | MODEL_OFF},
    {"", 1000000, OPENAI},
};

void
validate_request(struct ask *ask)
{
    switch (ask->kind) {
    case ASK_CHAT:
        validate_chat(ask);
        break;
    case ASK_RESPONSE:
    case ASK_INPUT_TOKENS:
    case ASK_COMPACT:
        validate_response(ask);
        break;
    case ASK_MESSAGE:
    case ASK_COUNT_TOKENS:
        validate_message(ask);
        break;
    case ASK_GENERATE:
        validate_generate(ask);
        break;
    case ASK_GENERATE_VECTORS:
        validate_vectors(ask);
        break;
    case ASK_GENERATE_COUNT:
        validate_generate_count(ask);
        break;
    case ASK_UNKNOWN:
    case ASK_COMPLETION:
    case ASK_EMBEDDING:
    case ASK_MODELS:
    case ASK_MOCK_STATS:
    case ASK_MOCK_LAST:
    case ASK_MOCK_RESET:
    case ASK_MOCK_CONTROL:
        break;
    }
}

bool
validate_refuse(struct ask *ask, const char *format, ...)
{
    va_list args;

    if (ask->problem != NULL)
        return false;
    va_start(args, format);
    vsnprintf(ask->complaint, sizeof ask->complaint, format, args);
    va_end(args);
    ask->problem = ask->complaint;
    return false;
}

bool
validate_members(struct ask *ask, const cJSON *object, const char *list, const char *path)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, object)
    {
        if (validate_is_in(list, member->string))
            continue;
        const char *dot = path[0] == '\0' ? "" : ".";

        if (ask->kind >= ASK_GENERATE && ask->kind <= ASK_GENERATE_COUNT)
            return validate_refuse(ask,
                                   "Invalid JSON payload received. Unknown name \"%s\" at '%s': "
                                   "Cannot find field.",
                                   member->string, path);
        if (ask->is_anthropic)
            return validate_refuse(ask, "%s%s%s: Extra inputs are not permitted", path, dot,
                                   member->string);
        return validate_refuse(ask, "Unknown parameter: '%s%s%s'.", path, dot, member->string);
    }
    return true;
}

bool
validate_is_in(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; len > 0 && (at = strstr(at, word)) != NULL; at++) {
        if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

bool
validate_is_word(const char *word, size_t max, const char *more)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(word);

    for (size_t i = 0; i < len; i++) {
        if (strchr(plain, word[i]) == NULL && strchr(more, word[i]) == NULL)
            return false;
    }
    return len > 0 && len <= max;
}

bool
validate_is_base64(const char *text)
{
    return validate_is_word(text, strlen(text), "+/=");
}

const char *
validate_text(const cJSON *object, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsString(member) ? member->valuestring : "";
}

double
validate_number(const cJSON *object, const char *key, double otherwise)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNumber(member) ? member->valuedouble : otherwise;
}

const struct validate_model *
validate_model_of(const struct ask *ask)
{
    const struct validate_model *best = NULL;

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        size_t len = strlen(models[i].prefix);

        if (strncmp(ask->model, models[i].prefix, len) == 0 &&
            (best == NULL || len > strlen(best->prefix)))
            best = &models[i];
    }
    return best;
}
