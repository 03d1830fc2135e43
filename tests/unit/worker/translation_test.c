/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/translate.h"
#include "request.h"
#include "translation.h"

static uint32_t
protocols_of(enum operation operation, size_t n_state_ids)
{
    static struct request r;

    r.facts.operation = operation;
    r.facts.n_state_ids = n_state_ids;
    r.dialect = dialect_of(dialect_operation_protocol(operation));
    return translation_protocols(&r);
}

Test(translation, every_protocol_that_will_do_can_be_written)
{
    uint32_t protocols = protocols_of(OPERATION_CHAT, 0);

    cr_assert_neq(protocols, 0);
    for (int p = 0; p < 32; p++)
        if ((protocols >> p & 1) != 0)
            cr_assert_not_null(translator_of((enum protocol)p), "%d", p);
}

Test(translation, what_only_the_callers_protocol_can_say_goes_nowhere_else)
{
    for (int i = 0; i < DIALECT_N_OPERATIONS; i++) {
        enum operation operation = (enum operation)i;
        uint32_t own = PROTOCOL_BIT(dialect_operation_protocol(operation));

        cr_assert_eq(protocols_of(operation, 1), own, "state lies in one place");
        cr_assert_eq(protocols_of(operation, 0) != own, translation_can(operation), "%d", i);
    }
}

Test(translation, the_callers_own_protocol_comes_first)
{
    const uint32_t all = protocols_of(OPERATION_CHAT, 0);

    for (int p = PROTOCOL_OPENAI_CHAT; p <= PROTOCOL_ANTHROPIC_MESSAGES; p++) {
        enum protocol caller = (enum protocol)p;

        cr_assert_eq(translation_choose(caller, all), caller);
        for (int other = PROTOCOL_OPENAI_CHAT; other <= PROTOCOL_GEMINI; other++)
            cr_assert_eq(translation_choose(caller, PROTOCOL_BIT(other)), (enum protocol)other);
    }
}
