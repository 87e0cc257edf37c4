/*
 * model_listing.c - see model_listing.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/model_listing.h"

static bool
is_listed(struct model_listing *listing, const struct catalogue_model *model)
{
    if (model->is_wildcard || listing->failed)
        return false;
    int allowed =
        auth_model_allowed(listing->request, model->model_idx, &listing->fault);
    listing->failed = allowed < 0;
    return allowed > 0;
}

const struct catalogue_model *
model_listing_next(struct model_listing *listing)
{
    const struct catalogue *catalogue = listing->request->catalogue;
    for (; listing->model < catalogue->model_count; listing->model++) {
        const struct catalogue_model *model =
            &catalogue->models[listing->model];
        if (listing->alias <= model->alias_count && is_listed(listing, model)) {
            listing->id = str_from(listing->alias == 0
                                       ? model->name
                                       : model->aliases[listing->alias - 1]);
            listing->alias++;
            return model;
        }
        listing->alias = 0;
    }
    return NULL;
}

bool
model_listing_skip(struct model_listing *listing, struct str id)
{
    while (model_listing_next(listing) != NULL)
        if (str_equals(listing->id, id))
            return true;
    return false;
}
