/* SPDX-License-Identifier: ISC
 *
 * conf_choice - see the header.
 */
#include "conf_choice.h"

#include <assert.h>
#include <string.h>

#include "conf_kind.h"
#include "relayos/base/text.h"

#define WORD_SIZE 32
#define N_WORDS   32

/* The words of a row's unit, in its order. */
struct words {
    char text[N_WORDS][WORD_SIZE];
    const char *names[N_WORDS];
    size_t n;
};

static void split(const struct directive *row, struct words *out);
static int read_word(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, size_t *out);

int
conf_choice_read(struct conf_reader *reader, const struct directive *row,
                 const struct conf_node *node, void *base)
{
    size_t n;

    if (read_word(reader, row, node, &n) != 0)
        return ERR_CONFIG;
    if (row->size == 1) {
        conf_kind_store(row, (int64_t)n, base);
        return 0;
    }
    assert(strlen(node->text) < row->size);
    memcpy(conf_kind_member(row, base), node->text, strlen(node->text) + 1);
    return 0;
}

static int
read_word(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          size_t *out)
{
    const char *text = conf_kind_scalar(reader, row, node, "a word");
    struct words words;

    if (text == NULL)
        return ERR_CONFIG;
    split(row, &words);
    for (size_t n = 0; n < words.n; n++) {
        if (strcmp(words.text[n], text) != 0)
            continue;
        *out = n;
        return 0;
    }

    const char *nearest = text_nearest(slice_str(text), words.names, words.n);

    if (nearest != NULL)
        return directive_fail(reader, node, "'%s' cannot be '%.64s' - did you mean '%s'?",
                              directive_name(row), text, nearest);
    return directive_fail(reader, node, "'%s' must be one of: %.*s; not '%.64s'",
                          directive_name(row), (int)strcspn(row->unit, ","), row->unit, text);
}

/* "a | b | c, one or a list": what follows the comma is for people. */
static void
split(const struct directive *row, struct words *out)
{
    const char *at = row->unit;

    out->n = 0;
    for (size_t len; (len = strcspn(at, " ,")) > 0; out->n++) {
        assert(out->n < N_WORDS && len < WORD_SIZE);
        memcpy(out->text[out->n], at, len);
        out->text[out->n][len] = '\0';
        out->names[out->n] = out->text[out->n];
        at += len;
        at += strspn(at, " |");
    }
}

void
conf_choice_write(const struct directive *row, const void *base, struct buf *out)
{
    struct words words;

    if (row->size > 1) {
        conf_kind_write_text(conf_kind_const_member(row, base), out);
        return;
    }
    split(row, &words);

    int64_t n = conf_kind_load(row, base);

    assert(n < (int64_t)words.n);
    buf_append_str(out, words.text[n]);
}

int
conf_choice_read_list(struct conf_reader *reader, const struct directive *row,
                      const struct conf_node *node, void *base)
{
    bool is_list = node->kind == CONF_NODE_LIST;
    uint32_t bits = 0;

    for (const struct conf_node *item = is_list ? node->first : node; item != NULL;
         item = is_list ? item->next : NULL) {
        size_t n;

        if (read_word(reader, row, item, &n) != 0)
            return ERR_CONFIG;
        bits |= 1u << n;
    }
    if (bits == 0 && row->min > 0)
        return directive_fail(reader, node, "'%s' must name at least one: %s", directive_name(row),
                              row->unit);
    conf_kind_store(row, bits, base);
    return 0;
}

void
conf_choice_write_list(const struct directive *row, const void *base, struct buf *out)
{
    int64_t bits = conf_kind_load(row, base);
    const char *comma = "";
    struct words words;

    split(row, &words);
    if (bits >> words.n != 0)
        return; /* a bit that is no word's: nothing was said */
    buf_append_byte(out, '[');
    for (size_t n = 0; n < words.n; n++) {
        if ((bits >> n & 1) == 0)
            continue;
        buf_append_str(out, comma);
        buf_append_str(out, words.text[n]);
        comma = ", ";
    }
    buf_append_byte(out, ']');
}
