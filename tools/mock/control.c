/* SPDX-License-Identifier: ISC
 *
 * control - see control.h.
 */
#include "control.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CONTROL_RULES 32

struct rule {
    char where[256], faults[512];
    long share; /* of those that fit, in percent, left over from the last: none is drawn by lot */
};

static struct rule control_rules[CONTROL_RULES];
static size_t control_n_rules;

static void control_add(const char *line, size_t len);
static bool control_fits(const struct rule *rule, const struct ask *ask);
static bool control_is_due(struct rule *rule);

void
control_set(const char *rules, size_t len)
{
    control_n_rules = 0;
    for (size_t i = 0, from = 0; i <= len; i++) {
        if (i < len && rules[i] != '\n')
            continue;
        control_add(rules + from, i - from);
        from = i + 1;
    }
}

static void
control_add(const char *line, size_t len)
{
    struct rule *rule = &control_rules[control_n_rules];
    const char *space = len == 0 ? NULL : memchr(line, ' ', len);

    if (space == NULL || control_n_rules == CONTROL_RULES)
        return;
    size_t where = (size_t)(space - line);

    *rule = (struct rule){.share = 0};
    snprintf(rule->where, sizeof rule->where, "%.*s", (int)where, line);
    snprintf(rule->faults, sizeof rule->faults, "%.*s", (int)(len - where - 1), space + 1);
    control_n_rules++;
}

void
control_apply(struct ask *ask)
{
    for (size_t i = 0; i < control_n_rules; i++) {
        struct rule *rule = &control_rules[i];

        if (control_fits(rule, ask) && control_is_due(rule))
            fault_parse(&ask->fault, rule->faults, strlen(rule->faults));
    }
}

static bool
control_fits(const struct rule *rule, const struct ask *ask)
{
    const char *where = rule->where;

    if (strncmp(where, "key:", 4) == 0)
        return strcmp(where + 4, ask->credential) == 0;
    if (strncmp(where, "model:", 6) == 0)
        return strcmp(where + 6, ask->model) == 0;
    return strcmp(where, "*") == 0 || strncmp(where, ask->path, strlen(where)) == 0;
}

static bool
control_is_due(struct rule *rule)
{
    struct fault fault;

    fault_init(&fault);
    fault_parse(&fault, rule->faults, strlen(rule->faults));
    if (fault.percent < 0)
        return true;
    rule->share += fault.percent;
    if (rule->share < 100)
        return false;
    rule->share -= 100;
    return true;
}
