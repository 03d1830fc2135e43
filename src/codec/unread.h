/* SPDX-License-Identifier: ISC
 *
 * unread - top-level fields of a request that have no place in the neutral records: rows of
 * unread.def.
 */
#ifndef CODEC_UNREAD_H
#define CODEC_UNREAD_H

#include "relayos/codec/json_out.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"

/* A reader does not know the member: of its protocol, and asking for something, it is noted in
 * out->unread. */
void unread_take(struct neutral_request *out, const struct json_member *member);

/*
 * In the body of a request for that protocol, an object that is open: what it has a word for. What
 * it has not is dropped, or ERR_UNSUPPORTED_PARAMETER with *why.
 */
int unread_write(const struct neutral_request *request, enum protocol upstream,
                 struct json_out *json, struct translate_dropped *dropped,
                 struct refusal_reason *why) MUST_CHECK;

#endif
