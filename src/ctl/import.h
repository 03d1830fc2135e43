/* SPDX-License-Identifier: ISC
 *
 * import - the `import ...` commands: another gateway's files -> plan -> relayos.yaml and keys.
 */
#ifndef CTL_IMPORT_H
#define CTL_IMPORT_H

#include "verb.h"

verb_run import_run_litellm, import_run_new_api, import_run_one_api;

#endif
