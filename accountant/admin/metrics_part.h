/*
 * metrics_part.h - what the files of metrics*.c share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_METRICS_PART_H
#define AIGW_ACCOUNTANT_ADMIN_METRICS_PART_H

#include "accountant/admin/metrics.h"

/* HELP and TYPE of a family. */
void metrics_family(struct buf *out, const char *name, const char *type,
                    const char *help);
/* A label's value, escaped. */
void metrics_label(struct buf *out, const char *text);
/* metrics_cache.c; where there is one */
void metrics_cache(const struct metrics_input *input, struct buf *out);
/* metrics_balance.c; where there are any */
void metrics_balance(const struct metrics_input *input, struct buf *out);
/* metrics_health.c */
void metrics_health(const struct segment *segment, struct buf *out);

#endif
