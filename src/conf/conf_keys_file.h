/* SPDX-License-Identifier: ISC
 *
 * conf_keys_file - the file that `keys_file` names.
 *
 * It may hold a hundred thousand keys of which one has changed: as long as it is laid out as a list
 * of items that each begin a line, it is read item by item, and those that stand in `before` word
 * for word are taken over from there. A file that is laid out otherwise, or has any error, is read
 * as a whole: what is said of it is the same in both cases.
 */
#ifndef CONF_CONF_KEYS_FILE_H
#define CONF_CONF_KEYS_FILE_H

#include "directive.h"

/* Read conf->keys_file into conf->keys. reader->file is not changed. */
int conf_keys_file_load(struct conf_reader *reader) MUST_CHECK;

#endif
