/* SPDX-License-Identifier: ISC
 *
 * validate - what the real services refuse with 400 and a gateway could get wrong: members they do
 * not know, roles out of turn, results without their call, ids they do not take, signatures that
 * are missing or not theirs, parameters that this model does not take. Written from the providers'
 * words (protocols.md 1..4, 7.6), independent of the product's tables on purpose.
 */
#ifndef MOCK_VALIDATE_H
#define MOCK_VALIDATE_H

#include "ask.h"

/* Sets ask->problem to the first thing that is wrong. */
void validate_request(struct ask *ask);

/* One file per protocol. */
void validate_chat(struct ask *ask);
void validate_response(struct ask *ask);
void validate_message(struct ask *ask);
void validate_generate(struct ask *ask);
void validate_vectors(struct ask *ask);
void validate_generate_count(struct ask *ask);

/* ---- what they share ---- */

/* The first complaint stands. False, always. */
bool validate_refuse(struct ask *ask, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Every member of the object is in a list "a,b,c"; the complaint takes the path and the name. */
bool validate_members(struct ask *ask, const cJSON *object, const char *list, const char *path);
bool validate_is_in(const char *list, const char *word);
/* 1..max of A-Z a-z 0-9 and these? */
bool validate_is_word(const char *word, size_t max, const char *more);
bool validate_is_base64(const char *text);
/* String member, or "". */
const char *validate_text(const cJSON *object, const char *key);
/* Number member, or otherwise. */
double validate_number(const cJSON *object, const char *key, double otherwise);

enum validate_flag {
    MODEL_SAMPLING = 1u << 0,      /* temperature, top_p, top_k */
    MODEL_SAMPLING_BOTH = 1u << 1, /* temperature beside top_p */
    MODEL_BUDGET = 1u << 2,        /* thinking by a budget */
    MODEL_ADAPTIVE = 1u << 3,      /* adaptive thinking and effort */
    MODEL_OFF = 1u << 4,           /* thinking can be turned off */
    MODEL_FORCED = 1u << 5,        /* a tool can be forced */
    MODEL_FORMAT = 1u << 6,        /* answers by a schema */
    MODEL_REASONS = 1u << 7,       /* OpenAI: reasoning_effort, no max_tokens */
    MODEL_LEVEL = 1u << 8,         /* Gemini: thinkingLevel, signed calls, formats beside tools */
};

struct validate_model {
    const char *prefix;
    long max_output;
    unsigned flags;
};

/* Never NULL. */
const struct validate_model *validate_model_of(const struct ask *ask);
static inline bool
validate_can(const struct ask *ask, enum validate_flag flag)
{
    return (validate_model_of(ask)->flags & flag) != 0;
}

#endif
