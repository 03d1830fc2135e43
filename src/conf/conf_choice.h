/* SPDX-License-Identifier: ISC
 *
 * conf_choice - one of the words in a row's unit ("a | b | c"), or any of them ("a | b | c, one or
 * a list"). The order of the words is that of the enum whose value the member has.
 */
#ifndef CONF_CONF_CHOICE_H
#define CONF_CONF_CHOICE_H

#include "directive.h"

/* For conf_kind_choice; the member is the word's place in one byte, or else the word itself. */
int conf_choice_read(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base);
void conf_choice_write(const struct directive *row, const void *base, struct buf *out);

/* For conf_kind_choices; the member has a bit for each word. The row's min: at least one. */
int conf_choice_read_list(struct conf_reader *reader, const struct directive *row,
                          const struct conf_node *node, void *base);
void conf_choice_write_list(const struct directive *row, const void *base, struct buf *out);

#endif
