/* SPDX-License-Identifier: ISC
 *
 * wording - how a request may be said to upstreams, by what its attempts have shown so far: as it
 * came, or in other words (translation.h).
 */
#ifndef RELAYOS_WORKER_WORDING_H
#define RELAYOS_WORKER_WORDING_H

#include "relayos/base/err.h"

struct leg;
struct request;

/* What a request's attempts have shown so far. */
enum wording {
    WORDING_FREE,       /* translated where the upstream does not speak the caller's protocol */
    WORDING_STRAIGHT,   /* one had no words for it: only to those that do */
    WORDING_TRANSLATED, /* no upstream takes it as it is: translated, also to the caller's protocol
                         */
    WORDING_STRIPPED    /* translated, without the reasoning state that was refused */
};

/*
 * As it came, but if it has the words of several protocols, or reasoning that another provider has
 * signed, from when the conversation was with another model: it goes without that then.
 */
enum wording wording_at_first(const struct request *request);

/*
 * The request was refused. How may it be said, if not as it was? Without reasoning state, if that
 * was blamed: it is another account's, or belongs to a turn that was cut. Translated, if it has
 * tools in another protocol's words, or something that the model does not take and others do, or
 * asks for the old completions where there is only chat.
 */
enum wording wording_after(const struct leg *leg, enum err_category category);

#endif
