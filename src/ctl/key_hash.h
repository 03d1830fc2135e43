/* SPDX-License-Identifier: ISC
 *
 * key_hash - the line that declares a key by digest, for keys_file.
 */
#ifndef CTL_KEY_HASH_H
#define CTL_KEY_HASH_H

#include "verb.h"

verb_run key_hash_run;

#endif
