#include <criterion/criterion.h>

#include <signal.h>

#include "request.h"

static bool
is_legal(enum request_step from, enum request_step to)
{
    if (from == REQUEST_FINISH)
        return false;
    return to > from || (from == REQUEST_RELAY && to == REQUEST_ROUTE);
}

Test(request, every_legal_move_between_steps_is_taken)
{
    for (int from = 0; from < REQUEST_N_STEPS; from++) {
        for (int to = 0; to < REQUEST_N_STEPS; to++) {
            struct request r = {.step = (enum request_step)from};

            if (!is_legal((enum request_step)from, (enum request_step)to))
                continue;
            request_step(&r, (enum request_step)to);
            cr_assert_eq(r.step, (enum request_step)to);
        }
    }
}

Test(request, there_is_no_way_back_from_a_stream, .signal = SIGABRT)
{
    struct request r = {.step = REQUEST_STREAM};

    request_step(&r, REQUEST_ROUTE);
}

Test(request, finish_runs_once, .signal = SIGABRT)
{
    struct request r = {.step = REQUEST_FINISH};

    request_step(&r, REQUEST_FINISH);
}

Test(request, stays_small)
{
    cr_assert_leq(sizeof(struct request), 3072, "%zu", sizeof(struct request));
}
