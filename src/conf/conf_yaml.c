/* SPDX-License-Identifier: ISC
 *
 * conf_yaml - see the header. libyaml's events build the tree; the path to the node in work is a
 * stack of fixed depth, so that no input makes us recurse.
 */
#include "conf_yaml.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "relayos/base/hash.h"
#include "relayos/base/mem.h"

#define CHUNK_SIZE 4096
#define CHUNK_MAX  (1024 * 1024)
#define ALIGNMENT  sizeof(void *)

struct conf_yaml_chunk {
    struct conf_yaml_chunk *older;
    size_t used, size;
    _Alignas(ALIGNMENT) char bytes[];
};

struct builder {
    const char *name;
    struct slice text;
    struct errmsg *why;
    struct conf_yaml *yaml;
    struct conf_node *open[CONF_YAML_DEPTH]; /* maps and lists that have not ended */
    size_t depth;
    struct conf_node *keyed; /* has its key, waits for its value */
    size_t n_documents;
};

static int check_tabs(struct builder *b);
static yaml_mark_t mark_of(const struct builder *b, size_t offset);
static int build(struct builder *b, yaml_parser_t *parser);
static int on_parser_error(struct builder *b, const yaml_parser_t *parser);
static int on_event(struct builder *b, const yaml_event_t *event);
static int on_scalar(struct builder *b, const yaml_event_t *event);
static int on_key(struct builder *b, const yaml_event_t *event);
static int on_open(struct builder *b, const yaml_event_t *event, enum conf_node_kind kind);
static int refuse_extras(struct builder *b, const yaml_event_t *event, const void *anchor,
                         const void *tag);
static struct conf_node *parent_of(const struct builder *b);
static struct conf_node *take_node(struct builder *b, const yaml_event_t *event);
static struct conf_node *new_node(struct builder *b);
static char *copy(struct conf_yaml *yaml, const char *text, size_t len);
static void *take_room(struct conf_yaml *yaml, size_t size);
static void append_child(struct conf_node *parent, struct conf_node *node);
static int fail(struct builder *b, yaml_mark_t mark, const char *text);

int
conf_yaml_parse(const char *name, struct slice text, struct conf_yaml *out, struct errmsg *why)
{
    struct conf_yaml yaml = {0};
    struct builder b = {.name = name, .text = text, .why = why, .yaml = &yaml};
    yaml_parser_t parser;

    if (check_tabs(&b) != 0)
        return ERR_CONFIG;

    int ok = yaml_parser_initialize(&parser);

    assert(ok);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""),
                                 text.len);

    int err = build(&b, &parser);

    yaml_parser_delete(&parser);
    if (err == 0)
        *out = yaml;
    else
        conf_yaml_free(&yaml);
    return err;
}

/* libyaml's own words for a tab are "found character that cannot start any token". */
static int
check_tabs(struct builder *b)
{
    bool is_indentation = true;

    if (b->text.len == 0 || memchr(b->text.ptr, '\t', b->text.len) == NULL)
        return 0;
    for (size_t i = 0; i < b->text.len; i++) {
        char c = b->text.ptr[i];

        if (c == '\t' && is_indentation)
            return fail(b, mark_of(b, i), "a tab in the indentation: use spaces");
        is_indentation = c == '\n' || (is_indentation && c == ' ');
    }
    return 0;
}

static yaml_mark_t
mark_of(const struct builder *b, size_t offset)
{
    yaml_mark_t mark = {0};

    for (size_t i = 0; i < offset && i < b->text.len; i++) {
        mark.column++;
        if (b->text.ptr[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static int
build(struct builder *b, yaml_parser_t *parser)
{
    for (bool is_end = false; !is_end;) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return on_parser_error(b, parser);

        int err = on_event(b, &event);

        is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (err != 0)
            return err;
    }
    return 0;
}

static int
on_parser_error(struct builder *b, const yaml_parser_t *parser)
{
    /* Of bytes that are no text at all, libyaml gives the offset only. */
    yaml_mark_t mark = parser->error == YAML_READER_ERROR ? mark_of(b, parser->problem_offset)
                                                          : parser->problem_mark;

    errmsg_set(b->why, "%s:%zu:%zu: %s%s%s", b->name, mark.line + 1, mark.column + 1,
               parser->problem == NULL ? "not readable as YAML" : parser->problem,
               parser->context == NULL ? "" : " ", parser->context == NULL ? "" : parser->context);
    return ERR_CONFIG;
}

static int
on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->n_documents++ > 0)
            return fail(b, event->start_mark, "a second document: a config is one");
        return 0;
    case YAML_ALIAS_EVENT:
        return fail(b, event->start_mark, "an alias (*): write the value out");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, CONF_NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, CONF_NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        assert(b->depth > 0);
        b->depth--;
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    }
    return 0;
}

static int
on_scalar(struct builder *b, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    struct conf_node *parent = parent_of(b);

    if (refuse_extras(b, event, event->data.scalar.anchor, event->data.scalar.tag) != 0)
        return ERR_CONFIG;
    if (strlen(text) != event->data.scalar.length)
        return fail(b, event->start_mark, "a NUL character");
    if (parent != NULL && parent->kind == CONF_NODE_MAP && b->keyed == NULL)
        return on_key(b, event);

    struct conf_node *node = take_node(b, event);

    node->kind = CONF_NODE_SCALAR;
    node->text = copy(b->yaml, text, event->data.scalar.length);
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return 0;
}

static int
on_key(struct builder *b, const yaml_event_t *event)
{
    struct slice key = slice_str((const char *)event->data.scalar.value);
    struct conf_node *map = parent_of(b);
    uint64_t hash = hash_table64(key);

    if (map->n_children == CONF_YAML_MAP_SIZE)
        return fail(b, event->start_mark, "too many keys in one map");
    for (const struct conf_node *other = map->first; other != NULL; other = other->next) {
        if (other->key_hash != hash || !slice_eq_str(key, other->key))
            continue;
        errmsg_set(b->why, "%s:%zu:%zu: duplicate key '%s': it stands in line %u already", b->name,
                   event->start_mark.line + 1, event->start_mark.column + 1, other->key,
                   other->key_line);
        return ERR_CONFIG;
    }
    b->keyed = new_node(b);
    b->keyed->key = copy(b->yaml, key.ptr, key.len);
    b->keyed->key_hash = hash;
    b->keyed->key_line = (uint32_t)event->start_mark.line + 1;
    b->keyed->key_column = (uint32_t)event->start_mark.column + 1;
    return 0;
}

static int
on_open(struct builder *b, const yaml_event_t *event, enum conf_node_kind kind)
{
    const struct conf_node *parent = parent_of(b);
    bool is_map = kind == CONF_NODE_MAP;

    if (refuse_extras(b, event,
                      is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                      is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag) != 0)
        return ERR_CONFIG;
    if (parent != NULL && parent->kind == CONF_NODE_MAP && b->keyed == NULL)
        return fail(b, event->start_mark, "a key must be a plain word");
    if (b->depth == CONF_YAML_DEPTH)
        return fail(b, event->start_mark, "nested too deeply");

    struct conf_node *node = take_node(b, event);

    node->kind = kind;
    b->open[b->depth++] = node;
    return 0;
}

static int
refuse_extras(struct builder *b, const yaml_event_t *event, const void *anchor, const void *tag)
{
    if (anchor != NULL)
        return fail(b, event->start_mark, "an anchor (&): write the value out where it is used");
    if (tag != NULL)
        return fail(b, event->start_mark, "a tag (!): the directive says what type a value has");
    return 0;
}

static struct conf_node *
parent_of(const struct builder *b)
{
    return b->depth == 0 ? NULL : b->open[b->depth - 1];
}

/* The node that this event's value belongs to, in its place in the tree. */
static struct conf_node *
take_node(struct builder *b, const yaml_event_t *event)
{
    struct conf_node *node = b->keyed != NULL ? b->keyed : new_node(b);
    struct conf_node *parent = parent_of(b);

    b->keyed = NULL;
    node->line = (uint32_t)event->start_mark.line + 1;
    node->column = (uint32_t)event->start_mark.column + 1;
    if (parent == NULL)
        b->yaml->root = node;
    else
        append_child(parent, node);
    return node;
}

static struct conf_node *
new_node(struct builder *b)
{
    struct conf_node *node = take_room(b->yaml, sizeof(*node));

    *node = (struct conf_node){.kind = CONF_NODE_SCALAR};
    return node;
}

static char *
copy(struct conf_yaml *yaml, const char *text, size_t len)
{
    char *room = take_room(yaml, len + 1);

    memcpy(room, text, len);
    room[len] = '\0';
    return room;
}

/* Twice as much each time. */
static void *
take_room(struct conf_yaml *yaml, size_t size)
{
    struct conf_yaml_chunk *chunk = yaml->chunks;

    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = chunk == NULL ? CHUNK_SIZE : 2 * chunk->size;

        room = room > CHUNK_MAX ? CHUNK_MAX : room;
        room = room < size ? size : room;
        chunk = mem_alloc(sizeof(*chunk) + room);
        *chunk = (struct conf_yaml_chunk){.older = yaml->chunks, .size = room};
        yaml->chunks = chunk;
    }
    chunk->used += size;
    return chunk->bytes + chunk->used - size;
}

static void
append_child(struct conf_node *parent, struct conf_node *node)
{
    if (parent->last == NULL)
        parent->first = node;
    else
        parent->last->next = node;
    parent->last = node;
    parent->n_children++;
}

static int
fail(struct builder *b, yaml_mark_t mark, const char *text)
{
    errmsg_set(b->why, "%s:%zu:%zu: %s", b->name, mark.line + 1, mark.column + 1, text);
    return ERR_CONFIG;
}

void
conf_yaml_free(struct conf_yaml *yaml)
{
    while (yaml->chunks != NULL) {
        struct conf_yaml_chunk *chunk = yaml->chunks;

        yaml->chunks = chunk->older;
        free(chunk);
    }
    yaml->root = NULL;
}

const struct conf_node *
conf_yaml_child(const struct conf_node *map, const char *key)
{
    uint64_t hash = hash_table64(slice_str(key));
    const struct conf_node *node = map->kind == CONF_NODE_MAP ? map->first : NULL;

    while (node != NULL && (node->key_hash != hash || strcmp(node->key, key) != 0))
        node = node->next;
    return node;
}
