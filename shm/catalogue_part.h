/*
 * catalogue_part.h - what the parts of the catalogue share. Private to shm/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CATALOGUE_PART_H
#define AIGW_SHM_CATALOGUE_PART_H

#include "shm/catalogue.h"

/* From models and aliases that stand; false without memory. */
bool catalogue_make_index(struct catalogue *catalogue);

/* The bytes of a catalogue, before sealing. Numbers as they lie in memory: the
 * file never leaves the host, nor the layout hash of its segment. */
void catalogue_write(const struct catalogue *catalogue, struct buf *out);
/* NULL when the bytes are not a catalogue, or without memory. */
struct catalogue *catalogue_read(struct str bytes);

#endif
