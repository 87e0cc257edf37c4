/*
 * leveldb_part.h - options as leveldb.c reads them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_SIM_LEVELDB_PART_H
#define AIGW_TESTS_SIM_LEVELDB_PART_H

#include <leveldb/c.h>

#include "tests/sim/disk.h"

struct leveldb_options_t {
    bool create;
};
struct leveldb_writeoptions_t {
    bool sync;
};
struct leveldb_readoptions_t {
    const leveldb_snapshot_t *snapshot;
};

#endif
