/*
 * anthropic_part.h - between anthropic.c and anthropic_error.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_ANTHROPIC_PART_H
#define AIGW_WORKER_PROVIDER_ANTHROPIC_PART_H

#include "worker/provider/provider.h"

/* As provider_family.map_error. */
bool anthropic_map_error(const struct catalogue_provider *provider,
                         uint16_t status, struct str body, bool translated,
                         struct fault *fault);

#endif
