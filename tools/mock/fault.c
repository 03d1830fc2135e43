/* SPDX-License-Identifier: ISC
 *
 * fault - see fault.h.
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fault_parse_one(struct fault *fault, const char *item, size_t len);
static void fault_set(struct fault *fault, const char *name, const char *value);
static void fault_set_text(char *text, size_t size, const char *value);

void
fault_init(struct fault *fault)
{
    *fault = (struct fault){
#define FAULT(name, member) .member = -1,
        FAULTS(FAULT)
#undef FAULT
    };
}

void
fault_parse(struct fault *fault, const char *list, size_t len)
{
    for (size_t i = 0, from = 0; i <= len; i++) {
        if (i < len && list[i] != ',' && list[i] != '!')
            continue;
        fault_parse_one(fault, list + from, i - from);
        from = i + 1;
    }
}

static void
fault_parse_one(struct fault *fault, const char *item, size_t len)
{
    char name[256], *value;

    if (len == 0 || len >= sizeof name)
        return;
    memcpy(name, item, len);
    name[len] = '\0';
    value = strchr(name, '=');
    if (value != NULL)
        *value++ = '\0';
    fault_set(fault, name, value == NULL ? "" : value);
}

static void
fault_set(struct fault *fault, const char *name, const char *value)
{
    long number = strtol(value, NULL, 10);

#define FAULT(written, member)                                                                     \
    if (strcmp(name, written) == 0)                                                                \
        fault->member = number;
    FAULTS(FAULT)
#undef FAULT
    if (strcmp(name, "retry-after") == 0)
        fault_set_text(fault->retry_after, sizeof fault->retry_after, value);
    if (strcmp(name, "code") == 0)
        snprintf(fault->code, sizeof fault->code, "%s", value);
    if (strcmp(name, "bad-usage") == 0)
        snprintf(fault->bad_usage, sizeof fault->bad_usage, "%s", value);
    if (strcmp(name, "read") == 0)
        snprintf(fault->read, sizeof fault->read, "%s", value);
}

/* A list has neither spaces nor commas to give. */
static void
fault_set_text(char *text, size_t size, const char *value)
{
    snprintf(text, size, "%s", value);
    for (; *text != '\0'; text++)
        *text = *text == '+' ? ' ' : *text == ';' ? ',' : *text;
}
