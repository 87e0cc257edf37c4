/*
 * credential.h - the gateway's credential in what a provider says: it is not
 * the client's to see ("Incorrect API key provided: sk-...").
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_CREDENTIAL_H
#define AIGW_WORKER_PROVIDER_CREDENTIAL_H

#include <stdbool.h>

#include "common/str.h"
#include "shm/catalogue.h"

/* Whether any eight bytes of provider->api_key stand in `body` (all of a
 * shorter key; one of less than four is no secret). */
bool credential_shows(const struct catalogue_provider *provider,
                      struct str body);
/* Puts '*' in the place of any twelve bytes of it; the length stays, and JSON
 * stays JSON. Twelve, for this text goes on to the client, where a prefix
 * ("sk-proj-") or a word does no harm. True when there was something to hide. */
bool credential_hide(const struct catalogue_provider *provider, char *bytes,
                     size_t len);

#endif
