/*
 * model_listing.h - the models that a key may call, one after the other: each by
 * its name, then by its aliases.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_MODEL_LISTING_H
#define AIGW_WORKER_MODEL_LISTING_H

#include "worker/request.h"

/* Begins as {.request = request}, whose catalogue is taken. */
struct model_listing {
    struct request *request;
    uint32_t model, alias; /* alias 0: the name; else 1 + its index */
    struct str id;         /* of the model that came last */
    bool failed;           /* as `fault` says: the key is gone */
    struct fault fault;
};

/* NULL: there are no more, or it failed. */
const struct catalogue_model *model_listing_next(struct model_listing *listing);
/* Behind the model of that name; false: it is not listed. */
bool model_listing_skip(struct model_listing *listing, struct str id);

#endif
