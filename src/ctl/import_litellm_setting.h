/* SPDX-License-Identifier: ISC
 *
 * import_litellm_setting - router_settings, litellm_settings and general_settings of LiteLLM: a row
 * for each that has a counterpart, a note for each that has none.
 */
#ifndef CTL_IMPORT_LITELLM_SETTING_H
#define CTL_IMPORT_LITELLM_SETTING_H

#include <cjson/cJSON.h>

#include "import_plan.h"

/* Once the models are read. */
void import_litellm_setting_read(const cJSON *config, struct import_plan *plan);

#endif
