/*
 * payloads.h - bodies of calls from the workers' rings into the ledger: taken on
 * the loop a few times a second, written on the ledger thread. Nothing waits for
 * it; what cannot be written is lost and counted.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_PAYLOADS_H
#define AIGW_ACCOUNTANT_PAYLOADS_H

#include "accountant/ledger_thread.h"
#include "common/heritage.h"

struct store;
struct payloads;

/* NULL: out of memory, or none are kept (heritage->payloads is NULL). */
struct payloads *payloads_create(const struct heritage *heritage,
                                 struct store *store, struct loop *loop);
/* The ledger's threads have ended, or will call nothing any more. */
void payloads_destroy(struct payloads **payloads);
/* All that the rings hold now goes to the ledger thread. */
void payloads_take(struct payloads *payloads);
/* The same, and `done` on the loop when it is written: at once where none are
 * kept (payloads NULL). */
void payloads_flush(struct payloads *payloads, void (*done)(void *context),
                    void *context);

/* Since the segment was made, and since this process began. */
uint64_t payloads_dropped(const struct payloads *payloads);
uint64_t payloads_written(const struct payloads *payloads);

#endif
