/* SPDX-License-Identifier: ISC
 *
 * import_litellm - LiteLLM's config.yaml and its virtual keys, as a plan. Pure.
 */
#ifndef CTL_IMPORT_LITELLM_H
#define CTL_IMPORT_LITELLM_H

#include <cjson/cJSON.h>

#include "import_plan.h"

typedef char *import_litellm_env(const char *name); /* as getenv() */

/* prices: LiteLLM's model_prices_and_context_window.json, or NULL. env: getenv(), for addresses
 * that stand in variables. */
void import_litellm_config(const cJSON *config, const cJSON *prices, import_litellm_env *env,
                           struct import_plan *plan);
/* The keys of an export, once the configuration is read: a list of LiteLLM_VerificationToken, as
 * /key/list?return_full_object=true or a CSV has it. teams: of /team/list, or NULL. */
void import_litellm_keys(const cJSON *keys, const cJSON *teams, int64_t now_us,
                         struct import_plan *plan);

#endif
