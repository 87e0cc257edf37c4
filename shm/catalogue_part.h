/*
 * catalogue_part.h - what the parts of the catalogue share. Private to shm/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CATALOGUE_PART_H
#define AIGW_SHM_CATALOGUE_PART_H

#include "shm/catalogue.h"
#include "shm/catalogue_url.h"

/* From models and aliases that stand; false without memory. */
bool catalogue_make_index(struct catalogue *catalogue);

/* Empty tables with room for so many; false without memory. */
bool catalogue_make_tables(struct catalogue *catalogue, size_t providers,
                           size_t models, size_t gateways);

/* What it owns, not itself. */
void catalogue_free_gateway(struct catalogue_gateway *gateway);

/* catalogue_credentials.c: from the configuration, with their health words; false
 * with a reason. _link: views of all, of a provider that changes no more; false
 * without memory. */
bool catalogue_add_credentials(struct segment *segment,
                               struct catalogue_provider *provider,
                               const struct config *config, struct buf *error);
bool catalogue_link_credentials(struct catalogue_provider *provider);
void catalogue_free_credentials(struct catalogue_provider *provider);
/* In the segment, for dump and metrics: which of them there are. */
void catalogue_show_credentials(const struct segment *segment,
                                const struct catalogue *catalogue);
/* A secret, which may be NULL, is overwritten first. */
void catalogue_free_secret(char *secret);

/* catalogue_guards.c: a profile's patterns and webhook. False with a reason; what
 * was made is the profile's all the same. */
bool catalogue_add_guards(struct catalogue_gateway *gateway,
                          const struct config_gateway *config,
                          struct buf *error);

/* catalogue_prices.c: of their texts; NULL where there are none, or *bad with a
 * reason. _free: a model's and its endpoints'. */
struct price_tiers *catalogue_make_tiers(const struct config_list *texts,
                                         const struct prices *base, bool *bad,
                                         struct buf *error);
void catalogue_free_tiers(struct catalogue_model *model);

/* catalogue_routes.c: a profile's dynamic routes. False with a reason. */
bool catalogue_add_routes(struct catalogue_gateway *gateway,
                          const struct config *config, struct buf *error);
/* One more of that name, of texts; false: it is none, or without memory. */
bool catalogue_add_route(struct catalogue_gateway *gateway, struct str name,
                         char *const *texts, unsigned count, struct buf *error);
void catalogue_free_routes(struct catalogue_gateway *gateway);

/* catalogue_build_more.c: what the pairs of model and provider have of their own,
 * profiles and the lowest layer of settings, of a catalogue that is complete but
 * for them. False with a reason. */
bool catalogue_add_endpoints(struct catalogue *catalogue,
                             const struct config *config,
                             catalogue_price_version price_version,
                             void *context, struct buf *error);
bool catalogue_add_settings(struct catalogue *catalogue,
                            const struct config *config, struct buf *error);

/* "AIGWCATF", what they begin with. Another number with each change of the format:
 * at an upgrade old workers meet a new file, and new ones an old. */
#define CATALOGUE_MAGIC UINT64_C(0x4654414357474941)
enum { CATALOGUE_ABSENT = 0xffffffff >> 1 }; /* length of a text that is NULL */
enum { TIERS_NONE, TIERS_OWN, TIERS_MODELS }; /* whose price tiers it has */

/* The bytes of a catalogue, before sealing. Numbers as they lie in memory: the
 * file never leaves the host, nor the layout hash of its segment. */
void catalogue_write(const struct catalogue *catalogue, struct buf *out);
/* NULL when the bytes are not a catalogue, or without memory. */
struct catalogue *catalogue_read(struct str bytes);

#endif
