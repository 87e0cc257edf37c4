/*
 * disk.h - directories and databases that outlive processes; what is durable
 * and what only looks so. files.c, leveldb.c.
 *
 * A database is a list of versions, oldest first: what was synced, then one
 * more with each append to its log. A power cut keeps one of them, at least
 * the synced one. Nothing of the disk is freed before disk_begin().
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_SIM_DISK_H
#define AIGW_TESTS_SIM_DISK_H

#include "tests/sim/sim.h"

enum { DISK_DIRS = 24, DISK_VERSIONS = 512 };

struct disk_pair {
    const unsigned char *key, *value;
    uint32_t key_len, value_len;
};

/* Never changes once it is made. */
struct disk_version {
    uint32_t count;
    struct disk_pair pairs[]; /* ascending */
};

struct disk_db {
    bool has_current; /* created: CURRENT is there */
    bool torn;        /* written after a failed append: its log is damaged */
    bool locked;      /* a living process has it open */
    const struct disk_version *versions[DISK_VERSIONS];
    unsigned version_count, synced; /* versions[synced] survives */
};

struct disk_dir {
    char path[64];
    bool exists, durable; /* its name, in the directory above */
    struct disk_db *db;
};

void *disk_alloc(size_t bytes);
struct disk_dir *disk_find(const char *path);
/* Made by mkdir: there, and gone with a power cut until the parent is synced. */
struct disk_dir *disk_mkdir(const char *path);

#endif
