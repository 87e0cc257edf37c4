/*
 * ledger_key.h - how the keys of the databases are written. Numbers are big
 * endian, so that the order of bytes is the order of numbers.
 *
 *   main database
 *     'M' name                               meta: one number
 *     'O' kind id8                           object (opaque to the ledger)
 *     'T' kind id8                           totals, absolute
 *     'B' kind id8 row1                      budget as it stands
 *     'E' kind id8                           escrow: charged after a power cut
 *     'V' kind id8 batch8 row1               baseline move
 *     'S' name8                              what a spend rule's counter has
 *     'P' epoch8 column4                     booked ring position
 *     'U' resolution start8 group8 key8 model 00 provider      roll-up
 *     'R' model 00 version4                  prices
 *     'C' section 00 name                    part of the configuration that
 *                                            management made (opaque, sealed)
 *     'Y' group8 batch8 index4               top-up
 *     'X' day8                               the day's rows were dropped
 *     'N' space1 name                        note: the accountant's own bytes
 *     'D' kind id8                           sums of dropped rows
 *
 *   database of a day (days since 1970-01-01 UTC of ended_ms)
 *     'r' second8 epoch8 column4 window8     page of log rows (ledger_page.h)
 *     'i' as its page                        keys and groups in that page
 *     'p' request_id16                       bodies of a call (no books)
 *
 * kind: 'k' or 'g' (enum ledger_kind).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_KEY_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_KEY_H

#include <stdbool.h>

#include "accountant/ledger/ledger.h"

enum { LEDGER_KEY_BYTES_MAX = 1 + 1 + 32 + 128 + 128 };

struct ledger_key {
    size_t len;
    uint8_t bytes[LEDGER_KEY_BYTES_MAX];
};

void ledger_key_begin(struct ledger_key *key, char type);
void ledger_key_u8(struct ledger_key *key, uint8_t value);
void ledger_key_u32(struct ledger_key *key, uint32_t value);
void ledger_key_u64(struct ledger_key *key, uint64_t value);
/* Without a NUL; too long text is cut (names are < 128 bytes everywhere). */
void ledger_key_text(struct ledger_key *key, const char *text);

void ledger_key_meta(struct ledger_key *key, const char *name);
/* type: 'O', 'T', 'B' or 'D'; 'B' needs its row behind it. */
void ledger_key_object(struct ledger_key *key, char type, enum ledger_kind kind,
                       uint64_t id);
/* Of a section's name and what it is called, at most 31 and 255 bytes. */
void ledger_key_config(struct ledger_key *key, const char *section,
                       const char *name);
void ledger_key_position(struct ledger_key *key, uint64_t epoch,
                         uint32_t column);
void ledger_key_usage(struct ledger_key *key, const struct ledger_usage *usage);
/* 'r' ended8 epoch8 column4 position8: which row it is, and its place in the
 * order of the log; in exports and cursors. */
void ledger_key_row(struct ledger_key *key, const struct ledger_row *row);

/* Reading: false when the bytes are no such key. */
bool ledger_key_parse_object(struct str key, enum ledger_kind *kind,
                             uint64_t *id);
/* Views into the key. */
bool ledger_key_parse_config(struct str key, struct str *section,
                             struct str *name);
bool ledger_key_parse_position(struct str key, uint64_t *epoch,
                               uint32_t *column);
bool ledger_key_parse_usage(struct str key, struct ledger_usage *usage);
bool ledger_key_parse_row(struct str key, struct ledger_row *row);
uint32_t ledger_key_read_u32(const void *bytes);
uint64_t ledger_key_read_u64(const void *bytes);

/* Nonsense in ended_ms goes to an edge of [1970, 2100), by a pure function of
 * it, so that a row written again overwrites itself. */
int64_t ledger_clamp_ms(int64_t ended_ms);
/* The day (since 1970 UTC) that a row is filed under. */
int64_t ledger_row_day(int64_t ended_ms);

#endif
