/* SPDX-License-Identifier: ISC
 *
 * conf_keys_file - see the header.
 *
 * Why an item by itself means what it means in the file: each is read behind a line "keys:", and
 * only taken if that makes one key and no more. So it leaves nothing open behind it (a quote, a
 * bracket, a text of several lines), and a line that begins with the list's "- " begins the next
 * one. What could make a line begin where no line feed is, or end the document, is not taken apart.
 */
#include "conf_keys_file.h"

#include <stdlib.h>
#include <string.h>

#include "conf_keys.h"
#include "conf_model.h"
#include "relayos/base/fdio.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"

#define KEYS_FILE_SIZE (64 * 1024 * 1024)
#define HEAD           "keys:\n"

/* The items of a file that is laid out plainly. */
struct items {
    struct slice rest;
    size_t indent; /* of each "- " */
};

/* Keys of the configuration before, by their text. */
struct known {
    const struct conf *before, *conf;
    bool same_models; /* what they name is there still */
    size_t next;      /* likely the next one */
    bool *is_taken;   /* by its number: none is shared twice */
    uint32_t *index;  /* n + 1 of its keys, 0 = empty; NULL: not needed so far */
    size_t mask;
};

static bool read_items(struct conf_reader *reader, struct slice text);
static bool find_items(struct slice text, struct items *out);
static bool has_odd_breaks(struct slice text);
static bool has(struct slice text, struct slice word);
static struct slice take_line(struct slice *rest);
static bool is_blank(struct slice line);
static bool is_head(struct slice line);
static bool begins_item(const struct items *items, struct slice line);
static bool take_item(struct items *items, struct slice *out);
static bool ends_document(struct slice line);
static struct conf_key *find_known(struct known *known, struct slice item);
static bool is_text(const struct conf_key *key, struct slice item);
static struct conf_key *look_up(struct known *known, struct slice item);
static void make_index(struct known *known);
static bool has_same_models(const struct conf *a, const struct conf *b);
static bool has_models(const struct conf *conf, const struct key_record *key);
static bool read_item(struct conf_reader *reader, struct slice item, struct buf *scratch);
static int read_whole(struct conf_reader *reader, struct slice text);

int
conf_keys_file_load(struct conf_reader *reader)
{
    struct conf_reader inner = *reader;
    struct buf text;

    inner.file = reader->conf->keys_file;
    buf_init(&text, KEYS_FILE_SIZE);

    int err = fdio_check_not_for_all(inner.file, reader->why) == 0
                  ? fdio_read_file(inner.file, &text, reader->why)
                  : ERR_CONFIG;

    if (err == 0 && !read_items(&inner, buf_slice(&text))) {
        conf_keys_forget(reader->conf, reader->before);
        err = read_whole(&inner, buf_slice(&text));
    }
    buf_fini(&text);
    return err;
}

/* false: not so, or there is something to be said of it. */
static bool
read_items(struct conf_reader *reader, struct slice text)
{
    struct conf *conf = reader->conf;
    struct conf_reader inner = *reader;
    struct errmsg ignored;
    struct known known = {.before = reader->before, .conf = conf};
    struct items items;
    struct slice item;
    struct buf scratch;
    bool is_good = true;

    if (!find_items(text, &items))
        return false;
    inner.why = &ignored;
    known.same_models = known.before != NULL && has_same_models(conf, known.before);
    known.is_taken = mem_zalloc(known.before == NULL ? 0 : known.before->n_keys);
    buf_init(&scratch, KEYS_FILE_SIZE + sizeof(HEAD));
    while (is_good && items.rest.len > 0) {
        is_good = take_item(&items, &item) && (int64_t)conf->n_keys < conf->capacity_keys;
        struct conf_key *key = is_good ? find_known(&known, item) : NULL;
        if (key != NULL)
            conf_keys_add(conf, key);
        else if (is_good)
            is_good = read_item(&inner, item, &scratch);
    }
    free(known.index);
    free(known.is_taken);
    buf_fini(&scratch);
    return is_good && !conf_keys_has_twins(conf);
}

/* Blank lines and comments, "keys:", the same again, then the first item. */
static bool
find_items(struct slice text, struct items *out)
{
    bool has_head = false;

    if (has_odd_breaks(text))
        return false;
    *out = (struct items){.rest = text};
    while (out->rest.len > 0) {
        struct slice ahead = out->rest, line = take_line(&ahead);

        if (has_head && !is_blank(line)) {
            while (out->indent < line.len && line.ptr[out->indent] == ' ')
                out->indent++;
            return begins_item(out, line);
        }
        if (!is_blank(line) && !is_head(line))
            return false;
        has_head = has_head || is_head(line);
        out->rest = ahead;
    }
    return false;
}

/* Breaks of YAML that are not a line feed: CR, NEL, LS, PS. */
static bool
has_odd_breaks(struct slice text)
{
    return text.len == 0 || memchr(text.ptr, '\r', text.len) != NULL ||
           has(text, SLICE_LIT("\xc2\x85")) || has(text, SLICE_LIT("\xe2\x80\xa8")) ||
           has(text, SLICE_LIT("\xe2\x80\xa9"));
}

/* The first byte alone is looked for faster, and most files have none of those. */
static bool
has(struct slice text, struct slice word)
{
    const char *at = memchr(text.ptr, word.ptr[0], text.len);

    return at != NULL && memmem(at, text.len - (size_t)(at - text.ptr), word.ptr, word.len) != NULL;
}

/* With its line feed, if it has one. */
static struct slice
take_line(struct slice *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr) + 1;
    struct slice line = slice_sub(*rest, 0, len);

    *rest = slice_sub(*rest, len, rest->len);
    return line;
}

static bool
is_blank(struct slice line)
{
    size_t n = 0;

    while (n < line.len && line.ptr[n] == ' ')
        n++;
    return n == line.len || line.ptr[n] == '\n' || line.ptr[n] == '#';
}

static bool
is_head(struct slice line)
{
    static const struct slice keys = {"keys:", 5};
    struct slice rest = slice_sub(line, keys.len, line.len);

    return slice_starts_with(line, keys) && is_blank(rest) &&
           (rest.len == 0 || rest.ptr[0] != '#'); /* "keys:#" is a word */
}

static bool
begins_item(const struct items *items, struct slice line)
{
    size_t n = 0;

    while (n < line.len && n < items->indent && line.ptr[n] == ' ')
        n++;
    return n == items->indent && n + 1 < line.len && line.ptr[n] == '-' &&
           (line.ptr[n + 1] == ' ' || line.ptr[n + 1] == '\n');
}

/* The lines from one that begins an item to the next that does. */
static bool
take_item(struct items *items, struct slice *out)
{
    struct slice from = items->rest, ahead = items->rest, line = take_line(&ahead);

    do {
        if (ends_document(line))
            return false;
        items->rest = ahead;
        line = ahead.len > 0 ? take_line(&ahead) : slice_of(NULL, 0);
    } while (items->rest.len > 0 && !begins_item(items, line));
    *out = slice_sub(from, 0, from.len - items->rest.len);
    return true;
}

static bool
ends_document(struct slice line)
{
    return line.len > 0 && (line.ptr[0] == '%' || slice_starts_with(line, SLICE_LIT("---")) ||
                            slice_starts_with(line, SLICE_LIT("...")));
}

/* In the order of the file, as long as it holds: after one that has changed or was taken out the
 * next one is there. */
static struct conf_key *
find_known(struct known *known, struct slice item)
{
    const struct conf *before = known->before;
    struct conf_key *key = NULL;

    for (size_t n = 0; n < 2 && before != NULL && key == NULL; n++) {
        if (known->next + n < before->n_keys && is_text(before->keys[known->next + n], item))
            key = before->keys[known->next += n];
    }
    if (key == NULL && before != NULL && before->n_keys > 0)
        key = look_up(known, item);
    if (key == NULL)
        return NULL;
    size_t n = known->next++;
    if (known->is_taken[n] || !(known->same_models || has_models(known->conf, &key->record)))
        return NULL;
    known->is_taken[n] = true;
    return key;
}

static bool
is_text(const struct conf_key *key, struct slice item)
{
    return slice_eq(slice_of(key->text, key->text_len), item);
}

static struct conf_key *
look_up(struct known *known, struct slice item)
{
    uint64_t hash = hash_table64(item);

    if (known->index == NULL)
        make_index(known);
    for (size_t at = hash & known->mask; known->index[at] != 0; at = (at + 1) & known->mask) {
        size_t n = known->index[at] - 1;

        if (known->before->keys[n]->text_hash != hash || !is_text(known->before->keys[n], item))
            continue;
        known->next = n;
        return known->before->keys[n];
    }
    return NULL;
}

static void
make_index(struct known *known)
{
    const struct conf *before = known->before;

    known->mask = 63;
    while (known->mask < 2 * before->n_keys)
        known->mask = 2 * known->mask + 1;
    known->index = mem_zalloc((known->mask + 1) * sizeof(known->index[0]));
    for (size_t i = 0; i < before->n_keys; i++) {
        size_t at = before->keys[i]->text_hash & known->mask;

        if (before->keys[i]->text_len == 0) /* of a file that was read as a whole: never shared */
            continue;
        while (known->index[at] != 0)
            at = (at + 1) & known->mask;
        known->index[at] = (uint32_t)i + 1;
    }
}

static bool
has_same_models(const struct conf *a, const struct conf *b)
{
    bool is_same = a->n_models == b->n_models;

    for (size_t i = 0; i < a->n_models && is_same; i++)
        is_same = strcmp(a->models[i].record.name, b->models[i].record.name) == 0;
    return is_same;
}

/* All that it names: else it is read again, which says what is wrong. */
static bool
has_models(const struct conf *conf, const struct key_record *key)
{
    bool is_good = true;

    for (uint32_t n = 0; n < key->n_models && is_good; n++)
        is_good = conf_model_find(conf, key->models[n]) != NULL;
    for (uint8_t n = 0; n < key->n_limits && is_good; n++)
        is_good =
            key->limits[n].model[0] == '\0' || conf_model_find(conf, key->limits[n].model) != NULL;
    return is_good;
}

static bool
read_item(struct conf_reader *reader, struct slice item, struct buf *scratch)
{
    struct conf *conf = reader->conf;
    size_t n_before = conf->n_keys;
    struct conf_yaml yaml;

    buf_clear(scratch);
    buf_append_str(scratch, HEAD);
    buf_append_slice(scratch, item);
    if (scratch->overflow ||
        conf_yaml_parse(reader->file, buf_slice(scratch), &yaml, reader->why) != 0)
        return false;
    reader->item = item;
    int err = yaml.root == NULL
                  ? ERR_CONFIG
                  : directive_read(reader, DIRECTIVE_SET_KEYS, yaml.root, reader->conf);
    conf_yaml_free(&yaml);
    return err == 0 && conf->n_keys == n_before + 1;
}

static int
read_whole(struct conf_reader *reader, struct slice text)
{
    struct conf_yaml yaml;
    int err = conf_yaml_parse(reader->file, text, &yaml, reader->why);

    if (err != 0)
        return err;
    if (yaml.root == NULL) {
        errmsg_set(reader->why, "%s:1:1: is empty: a keys file without keys says 'keys: []'",
                   reader->file);
        err = ERR_CONFIG;
    } else {
        err = directive_read(reader, DIRECTIVE_SET_KEYS, yaml.root, reader->conf);
    }
    conf_yaml_free(&yaml);
    return err;
}
