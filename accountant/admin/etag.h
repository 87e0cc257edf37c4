/*
 * etag.h - ETags of objects: of what management sets of them, so that use does
 * not change them. The same after a restart.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_ETAG_H
#define AIGW_ACCOUNTANT_ADMIN_ETAG_H

#include "accountant/admin/call.h"
#include "accountant/admin/members.h"

void etag_of_key(const struct gateway *key, char out[CALL_ETAG_BYTES]);
void etag_of_group(const struct group *group, char out[CALL_ETAG_BYTES]);
void etag_of_token(const struct token *token, char out[CALL_ETAG_BYTES]);
/* Of a section of the configuration: `revision` 0 is the file's. */
void etag_of_revision(uint64_t revision, char out[CALL_ETAG_BYTES]);

#endif
