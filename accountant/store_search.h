/*
 * store_search.h - living keys by a part of the name or by group, in order of id,
 * without a look at the keys themselves: what object_names.h has of each, and the
 * segment, answer what lists ask.
 *
 * Loop thread; nothing is changed while a search goes on.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_SEARCH_H
#define AIGW_ACCOUNTANT_STORE_SEARCH_H

#include "accountant/object_names.h"
#include "accountant/store.h"

/* The next one; search->slot is its. */
bool store_gateway_search(const struct store *store,
                          struct name_search *search);
const struct gateway *store_gateway_found(const struct name_search *search);
/* The slot that the search may find a few steps later; NULL: there is none. */
const struct name_slot *store_gateway_ahead(const struct store *store,
                                            const struct name_search *search);
/* Its tags are asked for then. */
void store_tags_soon(const struct store *store, const struct name_slot *slot);
/* Tags of a slot as their JSON text, and what no number of them is above. */
const char *store_tags(const struct store *store, uint32_t number);
uint32_t store_tags_highest(const struct store *store);

#endif
