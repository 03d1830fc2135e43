/* SPDX-License-Identifier: ISC
 *
 * citation - where a piece of a text was found, as Responses has it: url_citation.
 */
#ifndef CODEC_CITATION_H
#define CODEC_CITATION_H

#include "relayos/codec/json_scan.h"

/*
 * Append that the characters [from, to) are from that page: a JSON object with a title, maybe, and
 * an address, which is called url_key there. False, and nothing: it has no address.
 */
bool citation_write(struct slice page, const char *url_key, const int64_t range[2],
                    struct buf *out);

#endif
