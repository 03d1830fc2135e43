/* SPDX-License-Identifier: ISC
 *
 * azure - see azure.h.
 */
#include "azure.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ROOT        "/azure/openai/"
#define DEPLOYMENTS ROOT "deployments/"
#define SAFE        "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}"

static bool azure_takes_path(struct ask *ask);
static bool azure_has_version(const char *head);
static bool azure_has_key(const char *head);

void
azure_read(struct ask *ask, const char *head)
{
    bool is_v1 = strncmp(ask->path, ROOT "v1/", strlen(ROOT "v1/")) == 0;

    ask->is_azure = strncmp(ask->path, ROOT, strlen(ROOT)) == 0;
    if (!ask->is_azure)
        return;
    if (!azure_has_key(head))
        ask->refused = 401;
    else if (!is_v1 && (!azure_takes_path(ask) || !azure_has_version(head)))
        ask->refused = 404;
}

/* By deployments, but for what is of no one model, or names it in the body. */
static bool
azure_takes_path(struct ask *ask)
{
    static const char *const operations[] = {"/chat/completions", "/completions", "/embeddings"};
    const char *name = ask->path + strlen(DEPLOYMENTS), *rest;

    if (strncmp(ask->path, DEPLOYMENTS, strlen(DEPLOYMENTS)) != 0)
        return strcmp(ask->path, ROOT "models") == 0 || strcmp(ask->path, ROOT "responses") == 0;
    rest = name + strcspn(name, "/");
    snprintf(ask->deployment, sizeof ask->deployment, "%.*s", (int)(rest - name), name);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(rest, operations[i]) == 0)
            return rest != name;
    return false;
}

static bool
azure_has_version(const char *head)
{
    const char *line = memchr(head, '?', strcspn(head, "\r"));

    return line != NULL && strncmp(line, "?api-version=20", 15) == 0 &&
           strcspn(line + 13, "? \r") >= 10;
}

/* A token is a JWT: a plain key does not pass for one. */
static bool
azure_has_key(const char *head)
{
    return strcasestr(head, "\r\napi-key: ") != NULL ||
           strcasestr(head, "\r\nauthorization: Bearer eyJ") != NULL;
}

void
azure_prompt_results(const struct ask *ask, struct text *out)
{
    if (ask->is_azure)
        text_str(out, ",\"prompt_filter_results\":[{\"prompt_index\":0,"
                      "\"content_filter_results\":" SAFE "}]");
}

void
azure_choice_results(const struct ask *ask, struct text *out)
{
    if (ask->is_azure)
        text_str(out, ",\"content_filter_results\":" SAFE);
}

void
azure_first_chunk(const struct ask *ask, struct script *script)
{
    struct text data = {0};

    if (!ask->is_azure)
        return;
    text_str(&data, "{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\"");
    azure_prompt_results(ask, &data);
    text_str(&data, "}");
    script_event(script, NULL, &data);
    text_free(&data);
}

void
azure_inner_error(const struct ask *ask, struct text *out)
{
    if (ask->is_azure && strcmp(ask->fault.code, "content_filter") == 0)
        text_str(out, ",\"status\":400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\","
                      "\"content_filter_result\":{\"violence\":{\"filtered\":true,\"severity\":"
                      "\"medium\",\"note\":\"canary\"}}}");
}

void
azure_headers(const struct ask *ask, struct text *out)
{
    if (!ask->is_azure)
        return;
    text_str(out, "apim-request-id: canary\r\nx-ms-region: canary east\r\n"
                  "x-ms-client-request-id: canary\r\n");
    if (ask->fault.retry_after[0] != '\0')
        text_fmt(out, "retry-after-ms: %s000\r\n", ask->fault.retry_after);
}
