/* SPDX-License-Identifier: ISC
 *
 * import_price - what others charge, as prices in nano-USD per million tokens.
 */
#ifndef CTL_IMPORT_PRICE_H
#define CTL_IMPORT_PRICE_H

#include <cjson/cJSON.h>

#include "import_plan.h"

/* Of an object with LiteLLM's members (input_cost_per_token, ...); not known where it has none. */
struct import_price import_price_of_litellm(const cJSON *object);
/* Of LiteLLM's own list, under the first of the names that it has; NULL ends them. Sets what it
 * says of the sizes, too, where they are not said yet. */
struct import_price import_price_listed(const cJSON *list, const char *const *names,
                                        struct import_model *model);
/* Of new-api and one-api: USD per million tokens = 2 * ratio. < 0: not said; without a cache's all
 * the same, without one of the others the price is not known. */
struct import_price import_price_of_ratio(double ratio, double completion, double cache);
/* A request costs so much, its tokens nothing. */
struct import_price import_price_of_request(double usd);

#endif
