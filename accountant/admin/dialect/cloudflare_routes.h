/*
 * cloudflare_routes.h - dynamic routes of a gateway, shown (cloudflare_routes.c) and
 * changed (cloudflare_deploy.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_ROUTES_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_ROUTES_H

#include "accountant/admin/dialect/cloudflare.h"

/* The route of the path; NULL: answered. */
cJSON *cloudflare_route_find(struct visit *visit, struct cloudflare_box *box);
/* The last of its versions or deployments, or NULL. */
const cJSON *cloudflare_route_last(const cJSON *route, const char *list);
cJSON *cloudflare_route_version(const cJSON *route, const char *id);
/* As Cloudflare's objects. */
cJSON *cloudflare_route_shape(const struct visit *visit, const cJSON *route);
cJSON *cloudflare_version_shape(const cJSON *route, const cJSON *version);

/* Functions of routes that change them. */
void cloudflare_route_create(struct visit *visit);
void cloudflare_route_delete(struct visit *visit);
void cloudflare_route_rename(struct visit *visit);
void cloudflare_route_add_version(struct visit *visit);
void cloudflare_route_deploy(struct visit *visit);

#endif
