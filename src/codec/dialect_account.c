/* SPDX-License-Identifier: ISC
 *
 * Fields by which a request names or wants something at the provider besides the model: what lies
 * in the account that all callers share, what runs there, what costs there. Prefix: dialect_.
 */
#include "dialect_fields.h"

#include <assert.h>

static bool are_public_skills(struct slice skills);

int
dialect_field_state_id(struct reading *r, const struct field *field, const struct json_member *m)
{
    struct request_facts *facts = r->facts;

    if (m->type != JSON_STRING)
        return dialect_refuse_type(r, field, "a string");
    assert(facts->n_state_ids < sizeof(facts->state_ids) / sizeof(facts->state_ids[0]));
    facts->state_ids[facts->n_state_ids++] = m->value;
    return 0;
}

int
dialect_field_conversation(struct reading *r, const struct field *field,
                           const struct json_member *m)
{
    struct json_object conversation;
    struct json_error error;

    if (m->type != JSON_OBJECT)
        return dialect_field_state_id(r, field, m);
    /* Scanned as a whole: of two ids the provider might take the one that was not checked. */
    const struct json_member *id = NULL;
    if (json_scan_object(m->value, &conversation, &error) == 0)
        id = json_find(&conversation, "id");
    return id == NULL ? dialect_refuse_type(r, field, "an id or an object with one")
                      : dialect_field_state_id(r, field, id);
}

/* A conversation kept upstream, where each answer's id is that of all before it: {"type":"create"},
 * or {"type":"continue","previous_message_id":ID}. No other member may name something. */
int
dialect_field_thread(struct reading *r, const struct field *field, const struct json_member *m)
{
    struct json_object thread;
    struct json_error error;
    const struct json_member *id = NULL;

    if (m->type != JSON_OBJECT || json_scan_object(m->value, &thread, &error) != 0)
        return dialect_refuse_type(r, field, "an object without duplicate members");
    for (size_t i = 0; i < thread.n_members; i++) {
        if (json_key_is(&thread.members[i], "previous_message_id"))
            id = &thread.members[i];
        else if (!json_key_is(&thread.members[i], "type"))
            return dialect_field_unsupported(r, field, m);
    }
    r->facts->keeps_state = true;
    return id == NULL || id->type == JSON_NULL ? 0 : dialect_field_state_id(r, field, id);
}

/* State in an account that many share, of a kind that we have given nobody an id for. */
int
dialect_field_unowned(struct reading *r, const struct field *field, const struct json_member *m)
{
    (void)m;
    return dialect_refuse(r->why, ERR_NOT_FOUND, field->name.ptr, "%s", field->detail);
}

/* An id, or an object that may name one or skills of the account; else a fresh container. */
int
dialect_field_container(struct reading *r, const struct field *field, const struct json_member *m)
{
    struct json_object container;
    struct json_error error;

    r->facts->has_server_tools = true;
    r->facts->is_unbounded = true;
    if (m->type != JSON_OBJECT || json_scan_object(m->value, &container, &error) != 0)
        return dialect_field_unowned(r, field, m);
    const struct json_member *id = json_find(&container, "id");
    const struct json_member *skills = json_find(&container, "skills");
    if (id != NULL && id->type != JSON_NULL)
        return dialect_field_unowned(r, field, m);
    if (skills != NULL && !are_public_skills(skills->value))
        return dialect_refuse(r->why, ERR_NOT_FOUND, "container.skills", "The skill");
    return 0;
}

/* Those that the provider brings along, or none at all. */
static bool
are_public_skills(struct slice skills)
{
    size_t cursor = 0;
    struct slice skill;
    enum json_type type;
    struct json_object object;
    struct json_error error;

    while (json_array_next(skills, &cursor, &skill, &type)) {
        if (json_scan_object(skill, &object, &error) != 0)
            return false;
        const struct json_member *kind = json_find(&object, "type");
        if (kind == NULL || !json_string_is(kind->value, "anthropic"))
            return false;
    }
    return true;
}

/* But for the value that asks for nothing. */
int
dialect_field_unsupported(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type == JSON_FALSE || (field->detail != NULL && json_string_is(m->value, field->detail)))
        return 0;
    return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, field->name.ptr, "%s",
                          field->name.ptr);
}

int
dialect_field_server_tools(struct reading *r, const struct field *field,
                           const struct json_member *m)
{
    (void)field;
    (void)m;
    r->facts->has_server_tools = true;
    r->facts->is_unbounded = true;
    return 0;
}
