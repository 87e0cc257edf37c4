/*
 * leveldb_options.c - options, caches, filters: only what matters is kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "tests/sim/leveldb_part.h"

struct leveldb_cache_t {
    int nothing;
};
struct leveldb_filterpolicy_t {
    int nothing;
};

leveldb_options_t *
leveldb_options_create(void)
{
    return calloc(1, sizeof(leveldb_options_t));
}

void
leveldb_options_destroy(leveldb_options_t *options)
{
    free(options);
}

void
leveldb_options_set_create_if_missing(leveldb_options_t *options,
                                      unsigned char create)
{
    options->create = create != 0;
}

#define IGNORED_OPTION(name, type)                                             \
    void name(leveldb_options_t *options, type value)                          \
    {                                                                          \
        (void)options;                                                         \
        (void)value;                                                           \
    }
IGNORED_OPTION(leveldb_options_set_paranoid_checks, unsigned char)
IGNORED_OPTION(leveldb_options_set_cache, leveldb_cache_t *)
IGNORED_OPTION(leveldb_options_set_filter_policy, leveldb_filterpolicy_t *)
IGNORED_OPTION(leveldb_options_set_write_buffer_size, size_t)
IGNORED_OPTION(leveldb_options_set_max_open_files, int)

leveldb_writeoptions_t *
leveldb_writeoptions_create(void)
{
    return calloc(1, sizeof(leveldb_writeoptions_t));
}

void
leveldb_writeoptions_destroy(leveldb_writeoptions_t *options)
{
    free(options);
}

void
leveldb_writeoptions_set_sync(leveldb_writeoptions_t *options,
                              unsigned char sync)
{
    options->sync = sync != 0;
}

leveldb_readoptions_t *
leveldb_readoptions_create(void)
{
    return calloc(1, sizeof(leveldb_readoptions_t));
}

void
leveldb_readoptions_destroy(leveldb_readoptions_t *options)
{
    free(options);
}

void
leveldb_readoptions_set_snapshot(leveldb_readoptions_t *options,
                                 const leveldb_snapshot_t *snapshot)
{
    options->snapshot = snapshot;
}

void
leveldb_readoptions_set_verify_checksums(leveldb_readoptions_t *options,
                                         unsigned char verify)
{
    (void)options;
    (void)verify;
}

void
leveldb_readoptions_set_fill_cache(leveldb_readoptions_t *options,
                                   unsigned char fill)
{
    (void)options;
    (void)fill;
}

leveldb_cache_t *
leveldb_cache_create_lru(size_t bytes)
{
    (void)bytes;
    return calloc(1, sizeof(leveldb_cache_t));
}

void
leveldb_cache_destroy(leveldb_cache_t *cache)
{
    free(cache);
}

leveldb_filterpolicy_t *
leveldb_filterpolicy_create_bloom(int bits)
{
    (void)bits;
    return calloc(1, sizeof(leveldb_filterpolicy_t));
}

void
leveldb_filterpolicy_destroy(leveldb_filterpolicy_t *policy)
{
    free(policy);
}
