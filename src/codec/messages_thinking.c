/* SPDX-License-Identifier: ISC
 *
 * How much Claude is to think, and what that makes of max_tokens (protocols.md 7.6).
 */
#include "messages_parts.h"
#include "messages_write.h"

enum {
    UNKNOWN_MAX = 8192, /* of a model that nothing is known of: max_tokens is a must */
    LEAST_BUDGET = 1024
};

static const int64_t budgets[] = {
    [NEUTRAL_EFFORT_UNSAID] = 4096, /* adaptive, on a model that is not */
    [NEUTRAL_EFFORT_MINIMAL] = 1024, [NEUTRAL_EFFORT_LOW] = 1024,    [NEUTRAL_EFFORT_MEDIUM] = 4096,
    [NEUTRAL_EFFORT_HIGH] = 16384,   [NEUTRAL_EFFORT_XHIGH] = 32768, [NEUTRAL_EFFORT_MAX] = 32768,
};

static int64_t most_tokens(const struct translate_target *target);
static enum neutral_effort effort_of(int64_t budget);
static const char *word_of(enum neutral_effort effort, uint32_t flags);
static bool is_loop_unsigned(const struct neutral_request *request);
static void fit_budget(struct messages_thinking *plan, int64_t most);

struct messages_thinking
messages_thinking_plan(const struct neutral_request *request, const struct translate_target *target)
{
    const struct capability *model = target->capability;
    const int64_t most = most_tokens(target);
    const int64_t budget = request->thinking_budget;
    const bool is_asked =
        request->effort > NEUTRAL_EFFORT_NONE || budget > 0 || request->is_thinking_adaptive;
    struct messages_thinking plan = {.max_tokens = request->max_tokens};

    if (plan.max_tokens == 0)
        plan.max_tokens = target->max_output_tokens > 0 ? target->max_output_tokens : UNKNOWN_MAX;
    if (most > 0 && plan.max_tokens > most)
        plan.max_tokens = most;
    if (request->effort == NEUTRAL_EFFORT_NONE && model->thinking == THINKING_ADAPTIVE &&
        (model->flags & CAP_THINKING_OFF) != 0)
        plan.mode = MESSAGES_DISABLED;
    if (!is_asked)
        return plan;

    bool is_budget = model->thinking == THINKING_BUDGET ||
                     (budget > 0 && request->effort == NEUTRAL_EFFORT_UNSAID &&
                      (model->flags & CAP_BUDGET) != 0);
    if (model->thinking == THINKING_ADAPTIVE && !is_budget) {
        plan.mode = MESSAGES_ADAPTIVE;
        plan.effort =
            word_of(request->effort == NEUTRAL_EFFORT_UNSAID ? effort_of(budget) : request->effort,
                    model->flags);
    } else if (is_budget && !is_loop_unsigned(request)) {
        plan.mode = MESSAGES_BUDGET;
        plan.budget = budget > 0 ? budget : budgets[request->effort];
        fit_budget(&plan, most);
    }
    if (request->n_tools > 0 && messages_write_is_forced(request) &&
        (model->flags & CAP_FORCED_TOOL) !=
            0) /* the two exclude each other; the tool changes the answer more */
        plan.mode = MESSAGES_UNTHINKING;
    plan.is_dropped = plan.mode == MESSAGES_UNTHINKING;
    return plan;
}

static int64_t
most_tokens(const struct translate_target *target)
{
    return target->max_output_tokens > 0 ? target->max_output_tokens
                                         : target->capability->max_output_tokens;
}

static enum neutral_effort
effort_of(int64_t budget)
{
    if (budget <= 0)
        return NEUTRAL_EFFORT_UNSAID;
    if (budget <= 1024)
        return NEUTRAL_EFFORT_LOW;
    if (budget <= 8192)
        return NEUTRAL_EFFORT_MEDIUM;
    return budget <= 24576 ? NEUTRAL_EFFORT_HIGH : NEUTRAL_EFFORT_XHIGH;
}

static const char *
word_of(enum neutral_effort effort, uint32_t flags)
{
    if (effort == NEUTRAL_EFFORT_MAX && (flags & CAP_EFFORT_MAX) == 0)
        effort = NEUTRAL_EFFORT_XHIGH;
    if (effort == NEUTRAL_EFFORT_XHIGH && (flags & CAP_EFFORT_XHIGH) == 0)
        effort = NEUTRAL_EFFORT_HIGH;
    return messages_parts_effort_word(effort);
}

/*
 * With a budget, an assistant's turn whose calls are being answered must begin with the thinking
 * that led to them. When a client could not keep it, this one request goes without.
 */
static bool
is_loop_unsigned(const struct neutral_request *request)
{
    const struct neutral_turn *turns = request->turns;
    uint32_t n = request->n_turns;

    while (n > 0 && turns[n - 1].role == NEUTRAL_SYSTEM)
        n--;
    if (n < 2 || turns[n - 1].role != NEUTRAL_USER || turns[n - 2].role != NEUTRAL_ASSISTANT ||
        request->parts[turns[n - 1].first_part].kind != NEUTRAL_RESULT)
        return false;
    const struct neutral_part *first = &request->parts[turns[n - 2].first_part];
    return first->kind != NEUTRAL_REASONING || first->origin != NEUTRAL_ORIGIN_ANTHROPIC ||
           first->state.len == 0;
}

static void
fit_budget(struct messages_thinking *plan, int64_t most)
{
    if (plan->budget < LEAST_BUDGET)
        plan->budget = LEAST_BUDGET;
    if (plan->budget >= plan->max_tokens)
        plan->max_tokens += plan->budget;
    if (most > 0 && plan->max_tokens > most)
        plan->max_tokens = most;
    if (plan->budget >= plan->max_tokens)
        plan->budget = plan->max_tokens - 1;
    if (plan->budget < LEAST_BUDGET)
        plan->mode = MESSAGES_UNTHINKING;
}
