/*
 * catalogue_credential.h - one of several credentials of a provider.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CATALOGUE_CREDENTIAL_H
#define AIGW_SHM_CATALOGUE_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/credential_slots.h"

/*
 * One of a provider's several credentials. Where a provider has but its own
 * api_key (or none), it has no list of them: nobody chooses.
 */
struct catalogue_credential {
    char name[CREDENTIAL_NAME_BYTES];
    char *group;            /* the only one that may use it; NULL: all */
    char *gateway;          /* for calls through this profile; NULL: all */
    char *api_key, *region; /* region NULL: the provider's */
    uint32_t hash,
        full_hash; /* settings_name_hash() of "NAME", "PROVIDER/NAME" */
    uint32_t weight;
    uint32_t rate_limit; /* calls in each interval; 0: any number */
    uint64_t rate_interval_ms;
    bool named_only; /* not for calls that do not name it */
    uint8_t slot;    /* of health words */
    /* The provider as it is with this one: all but these two is shared. */
    struct catalogue_provider *view;
};

#endif
