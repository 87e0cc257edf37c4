/*
 * credential_slots.h - which of a provider's health words are which credential's:
 * the name stands beside them in the segment, so that a credential keeps its
 * cool-down over reloads, and dump, metrics and the log can say its name.
 *
 * Slot 0 is the provider's own api_key, "default". The accountant gives the
 * others away, before the catalogue that names them is published.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CREDENTIAL_SLOTS_H
#define AIGW_SHM_CREDENTIAL_SLOTS_H

#include "shm/segment.h"

#define CREDENTIAL_DEFAULT "default"

enum { CREDENTIAL_NAME_BYTES = HEALTH_NAME_WORDS * 8 };

/*
 * Accountant: slots[i] for names[i], the one that it has, else one that none of
 * `names` has. A slot that changes hands is healthy; one whose credential is gone
 * keeps its name for the records of its last calls. count < HEALTH_CREDENTIALS.
 */
void credential_slots_assign(const struct segment *segment,
                             uint32_t provider_idx, const char *const *names,
                             unsigned count, uint8_t *slots);
/* Accountant: another secret under the same name, of which nothing is known. */
void credential_slot_forget(const struct segment *segment,
                            uint32_t provider_idx, unsigned slot);
/* The slots that the catalogue has, a bit for each; 0: its provider has one
 * credential only. The accountant says so when it publishes. */
void credential_slots_use(const struct segment *segment, uint32_t provider_idx,
                          uint64_t slots);
uint64_t credential_slots_used(const struct segment *segment,
                               uint32_t provider_idx);
/* Any process: "" for one that nobody has, or whose name is being written. */
void credential_slot_name(const struct segment *segment, uint32_t provider_idx,
                          unsigned slot, char out[CREDENTIAL_NAME_BYTES]);
/* Of what a record says, 0: ""; it may be damaged. */
void credential_number_name(const struct segment *segment,
                            uint32_t provider_idx, uint8_t number,
                            char out[CREDENTIAL_NAME_BYTES]);

#endif
