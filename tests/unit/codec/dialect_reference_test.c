/* SPDX-License-Identifier: ISC
 *
 * References become the items that they name, or the request is refused; nothing is left for the
 * provider to look up.
 */
#include <criterion/criterion.h>

#include "relayos/codec/dialect.h"
#include "relayos/codec/remembered.h"

#define REF(id)     "{\"type\":\"item_reference\",\"id\":\"" id "\"}"
#define BODY(items) "{\"model\":\"m\",\"input\":[" items "],\"store\":true}"
#define SAID        "\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"text\":\"hi\"}]"
#define CALL        "\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\""
#define THOUGHT     "\"type\":\"reasoning\",\"summary\":[]"
#define USER        "{\"role\":\"user\",\"content\":\"x\"}"

static const struct {
    const char *id, *item;
} shelf[] = {
    {"msg_1", "{\"id\":\"msg_1\"," SAID "}"},
    {"fc_1", "{" CALL ",\"id\":\"fc_1\"}"},
    {"rs_1", "{\"id\":\"rs_1\"," THOUGHT ",\"encrypted_content\":\"e\"}"},
    {"rs_2", "{\"id\":\"rs_2\"," THOUGHT ",\"encrypted_content\":null}"},
    {"ws_1", "{\"id\":\"ws_1\",\"type\":\"web_search_call\"}"},
};

static bool
find(void *ctx, struct slice id, struct buf *out)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof(shelf) / sizeof(shelf[0]); i++) {
        if (slice_eq_str(id, shelf[i].id)) {
            buf_append_str(out, shelf[i].item);
            return true;
        }
    }
    return false;
}

static int
read_body(enum operation operation, const char *body, bool *out_has_references)
{
    static struct request_facts facts;
    struct refusal_reason why;
    int err = dialect_of(PROTOCOL_OPENAI_RESPONSES)
                  ->read_request(operation, slice_str(body), &facts, &why);

    *out_has_references = facts.has_references;
    return err;
}

static int
expand(const char *body, size_t max, struct buf *out, struct refusal_reason *why)
{
    const struct remembered memory = {.find = find, .max = 4096};
    bool has_references;

    cr_expect_eq(read_body(OPERATION_RESPONSE, body, &has_references), ERR_UNSUPPORTED_PARAMETER);
    cr_expect(has_references, "%s", body);
    buf_init(out, max);
    return dialect_expand_references(slice_str(body), &memory, out, why);
}

static void
expect(const char *body, const char *expanded)
{
    struct refusal_reason why = {0};
    bool has_references;
    struct buf out;

    cr_expect_eq(expand(body, 4096, &out, &why), 0, "%s: %s", body, why.detail);
    buf_append_byte(&out, '\0');
    cr_expect_str_eq(out.ptr, expanded);
    cr_expect_eq(read_body(OPERATION_RESPONSE, out.ptr, &has_references), 0, "%s", out.ptr);
    cr_expect_not(has_references);
    buf_fini(&out);
}

Test(dialect_reference, items_stand_where_they_were_referred_to)
{
    expect(BODY(USER "," REF("msg_1") "," REF("fc_1") "," USER),
           BODY(USER ",{" SAID "},{" CALL "}," USER));
    expect(BODY("{\"id\":\"msg_1\"}"), BODY("{" SAID "}"));
    expect(BODY("{\"id\":\"msg_1\",\"type\":null} , " USER), BODY("{" SAID "}," USER));
    expect(BODY(REF("ws_1")), BODY("{\"id\":\"ws_1\",\"type\":\"web_search_call\"}"));
}

Test(dialect_reference, reasoning_comes_with_its_content_or_not_at_all)
{
    expect(BODY(REF("rs_1") "," REF("msg_1")),
           BODY("{\"id\":\"rs_1\"," THOUGHT ",\"encrypted_content\":\"e\"},{" SAID "}"));
    expect(BODY(REF("rs_2") "," REF("msg_1")), BODY("{" SAID "}"));
    expect(BODY("{\"id\":\"rs_1\"," THOUGHT "}," USER),
           BODY("{\"id\":\"rs_1\"," THOUGHT ",\"encrypted_content\":\"e\"}," USER));
    expect(BODY("{\"id\":\"rs_9\"," THOUGHT "}," USER), BODY(USER));
}

Test(dialect_reference, what_is_not_remembered_is_refused_by_name)
{
    struct refusal_reason why = {0};
    struct buf out;

    cr_expect_eq(expand(BODY(USER "," REF("msg_9")), 4096, &out, &why), ERR_INVALID_REQUEST);
    cr_expect_str_eq(why.param, "input");
    cr_expect_str_eq(why.detail, "Item with id 'msg_9' not found");
    buf_fini(&out);
    cr_expect_eq(expand(BODY("{\"type\":\"item_reference\"}"), 4096, &out, &why),
                 ERR_INVALID_REQUEST);
    buf_fini(&out);
    cr_expect_eq(expand(BODY("{\"type\":\"item_reference\",\"id\":7}"), 4096, &out, &why),
                 ERR_INVALID_REQUEST);
    buf_fini(&out);
}

Test(dialect_reference, an_expanded_body_is_no_longer_than_any)
{
    struct refusal_reason why = {0};
    struct buf out;

    cr_expect_eq(expand(BODY(REF("msg_1") "," REF("msg_1") "," REF("msg_1")), 150, &out, &why),
                 ERR_REQUEST_TOO_LARGE);
    buf_fini(&out);
}

/* Two types: the one that is not looked at may be the one that the provider takes. */
Test(dialect_reference, what_cannot_be_told_stays_refused)
{
    static const char twice[] =
        BODY(REF("msg_1") ",{\"type\":\"message\",\"type\":\"item_reference\",\"id\":\"msg_1\"}");
    struct refusal_reason why = {0};
    bool has_references;
    struct buf out;

    cr_expect_eq(expand(twice, 4096, &out, &why), 0);
    buf_append_byte(&out, '\0');
    cr_expect_eq(read_body(OPERATION_RESPONSE, out.ptr, &has_references),
                 ERR_UNSUPPORTED_PARAMETER);
    buf_fini(&out);
}

Test(dialect_reference, counting_and_compacting_know_references_too)
{
    bool has_references;

    cr_expect_eq(read_body(OPERATION_INPUT_TOKENS, BODY(REF("msg_1")), &has_references),
                 ERR_UNSUPPORTED_PARAMETER);
    cr_expect(has_references);
    cr_expect_eq(read_body(OPERATION_COMPACTION, BODY(REF("msg_1")), &has_references),
                 ERR_UNSUPPORTED_PARAMETER);
    cr_expect(has_references);
}
