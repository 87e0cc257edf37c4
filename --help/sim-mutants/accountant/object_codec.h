/*
 * object_codec.h - keys and groups as bytes in the ledger. Budgets are not
 * part of them (they have records of their own, which a period roll writes
 * alone), nor is what lives only in memory and segment. The virtual key itself
 * is in the bytes only sealed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_OBJECT_CODEC_H
#define AIGW_ACCOUNTANT_OBJECT_CODEC_H

#include "accountant/store.h"

void object_encode_gateway(const struct gateway *gateway, struct buf *out);
void object_encode_group(const struct group *group, struct buf *out);
/* 0, -EBADMSG, -ENOMEM. *gateway is new, with `id`. */
int object_decode_gateway(uint64_t id, struct str bytes,
                          struct gateway **gateway) MUST_CHECK;
int object_decode_group(uint64_t id, struct str bytes,
                        struct group **group) MUST_CHECK;

#endif
