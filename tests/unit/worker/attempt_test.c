#include <criterion/criterion.h>

#include "attempt.h"
#include "leg.h"
#include "scene.h"

static struct scene *s;

static void
set_up(void)
{
    s = scene_new();
}

static void
tear_down(void)
{
    scene_free(s);
}

TestSuite(attempt, .init = set_up, .fini = tear_down);

/* A reload that has other keys in these places. */
static void
commit_others(void)
{
    const struct credential_record credential = {.name = "c0", .id = scene_id("up-0", 0)};
    const struct slice secret = SLICE_LIT("another");

    catalog_begin(s->catalog);
    for (uint32_t n = 0; n < SCENE_ROUTES; n++) {
        struct upstream_record upstream = {.protocols = 1};

        snprintf(upstream.name, sizeof(upstream.name), "up-%u", n);
        cr_assert_eq(catalog_put_upstream(s->catalog, &upstream, &credential, &secret, 1), 0);
    }
    catalog_commit(s->catalog);
}

Test(attempt, the_credential_is_the_one_that_was_sent_or_none)
{
    struct leg *leg = s->request.leg;
    struct buf bytes;

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    const struct pick *pick = &s->worker.scratch.pick;
    *leg = (struct leg){.request = &s->request,
                        .upstream_id = pick->upstream.id,
                        .n_credential = pick->n_credential,
                        .epoch = pick->epoch};
    buf_init(&bytes, LIMIT_CREDENTIAL);
    cr_assert_eq(attempt_append_credential(leg, &bytes), 0);
    cr_expect(slice_eq(buf_slice(&bytes), buf_slice(&pick->credential)));
    commit_others();
    buf_clear(&bytes);
    cr_assert_eq(attempt_append_credential(leg, &bytes), 0, "one reload: it is there");
    cr_expect(slice_eq(buf_slice(&bytes), buf_slice(&pick->credential)));
    commit_others();
    buf_clear(&bytes);
    cr_expect_eq(attempt_append_credential(leg, &bytes), ERR_CONFLICT);
    cr_expect_eq(bytes.len, 0);
    buf_fini(&bytes);
}
