/*
 * leveldb.c - the calls of LevelDB's C interface that the ledger makes, over
 * disk.h. What is like LevelDB 1.23 and matters here:
 *
 *   a batch is whole or not there; a synced write syncs all before it;
 *   what the log has, the death of the process does not take;
 *   opening replays the log into a synced table: all that is there is durable;
 *   after a failed append later writes say OK and are lost, and make the next
 *   opening with paranoid_checks fail; after a failed sync all writes fail.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/leveldb_part.h"

struct leveldb_snapshot_t {
    const struct disk_version *version;
};
struct leveldb_t {
    struct disk_dir *dir;
    struct disk_db *db;
    const struct disk_version *view; /* what its readers see */
    bool append_failed, sync_failed;
};
struct leveldb_iterator_t {
    const struct disk_version *version;
    uint32_t at; /* count: not valid */
    bool failed;
};
struct operation {
    struct disk_pair pair;
    bool is_put;
};
struct leveldb_writebatch_t {
    struct operation *operations;
    uint32_t count, room;
};

/* ---- versions ---- */

static int
compare(const struct disk_pair *pair, const void *key, size_t len)
{
    size_t shorter = pair->key_len < len ? pair->key_len : len;
    int order = memcmp(pair->key, key, shorter);
    if (order != 0)
        return order;
    return (pair->key_len > len) - (pair->key_len < len);
}

/* The first pair that is not before the key. */
static uint32_t
lower_bound(const struct disk_version *version, const void *key, size_t len)
{
    uint32_t low = 0, high = version->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(&version->pairs[middle], key, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const void *
keep(const void *bytes, size_t len)
{
    return memcpy(disk_alloc(len + 1), bytes, len);
}

static void
apply_one(struct disk_version *to, const struct operation *operation)
{
    const struct disk_pair *pair = &operation->pair;
    uint32_t at = lower_bound(to, pair->key, pair->key_len);
    bool found = at < to->count &&
                 compare(&to->pairs[at], pair->key, pair->key_len) == 0;
    size_t behind = (to->count - at) * sizeof(*pair);
    if (operation->is_put) {
        if (!found) {
            memmove(&to->pairs[at + 1], &to->pairs[at], behind);
            to->count++;
            to->pairs[at].key = keep(pair->key, pair->key_len);
            to->pairs[at].key_len = pair->key_len;
        }
        to->pairs[at].value = keep(pair->value, pair->value_len);
        to->pairs[at].value_len = pair->value_len;
    } else if (found) {
        memmove(&to->pairs[at], &to->pairs[at + 1], behind - sizeof(*pair));
        to->count--;
    }
}

static const struct disk_version *
apply(const struct disk_version *from, const leveldb_writebatch_t *batch)
{
    struct disk_version *to = disk_alloc(
        sizeof(*to) + (from->count + batch->count) * sizeof(to->pairs[0]));
    to->count = from->count;
    memcpy(to->pairs, from->pairs, from->count * sizeof(to->pairs[0]));
    for (uint32_t i = 0; i < batch->count; i++)
        apply_one(to, &batch->operations[i]);
    return to;
}

/* ---- errors ---- */

static void
set_error(char **error, const struct disk_dir *dir, const char *what)
{
    char text[160];
    snprintf(text, sizeof(text), "IO error: %s/000003.log: %s", dir->path,
             what);
    *error = strdup(text);
    sim_trace("  LevelDB: %s", text);
}

static const char *
any_error(void)
{
    return sim_one_in(2) ? "No space left on device" : "Input/output error";
}

void
leveldb_free(void *block)
{
    free(block);
}

/* ---- a database's life ---- */

static struct disk_db *
make_db(void)
{
    struct disk_db *db = disk_alloc(sizeof(*db));
    db->versions[0] = disk_alloc(sizeof(struct disk_version));
    db->version_count = 1;
    return db;
}

static bool
create_db(struct disk_dir *dir, char **error)
{
    if (dir->db == NULL)
        dir->db = make_db();
    sim_point(); /* MANIFEST */
    if (disk_fails_now()) {
        set_error(error, dir, any_error());
        return false;
    }
    dir->db->has_current = true;
    sim_point(); /* the first log */
    return true;
}

leveldb_t *
leveldb_open(const leveldb_options_t *options, const char *path, char **error)
{
    sim_point();
    struct disk_dir *dir = disk_find(path);
    if (dir == NULL || !dir->exists) {
        if (!options->create || disk_fails_now()) {
            const struct disk_dir none = {.path = "new database"};
            set_error(error, &none, any_error());
            return NULL;
        }
        dir = disk_mkdir(path);
    }
    sim_point();
    if (dir->db != NULL && dir->db->locked) {
        set_error(error, dir, "already held by process");
        return NULL;
    }
    if ((dir->db == NULL || !dir->db->has_current) && !create_db(dir, error))
        return NULL;
    struct disk_db *db = dir->db;
    if (db->torn) {
        *error = strdup("Corruption: missing start of fragmented record");
        return NULL;
    }
    if (disk_fails_now()) {
        set_error(error, dir, any_error());
        return NULL;
    }
    sim_point(); /* the log is replayed into a table, which is synced */
    db->versions[0] = db->versions[db->version_count - 1];
    db->version_count = 1;
    db->synced = 0;
    db->locked = true;
    leveldb_t *handle = calloc(1, sizeof(*handle));
    *handle = (leveldb_t){.dir = dir, .db = db, .view = db->versions[0]};
    return handle;
}

void
leveldb_close(leveldb_t *handle)
{
    sim_point();
    handle->db->locked = false;
    free(handle);
}

void
leveldb_destroy_db(const leveldb_options_t *options, const char *path,
                   char **error)
{
    struct disk_dir *dir = disk_find(path);
    (void)options;
    sim_point();
    if (disk_fails_now() && dir != NULL) {
        set_error(error, dir, any_error());
        return;
    }
    if (dir != NULL) {
        dir->exists = false;
        dir->db = NULL;
    }
}

/* ---- writing ---- */

leveldb_writebatch_t *
leveldb_writebatch_create(void)
{
    return calloc(1, sizeof(leveldb_writebatch_t));
}

static void
add_operation(leveldb_writebatch_t *batch, bool is_put, const char *key,
              size_t key_len, const char *value, size_t value_len)
{
    if (batch->count == batch->room) {
        batch->room = batch->room * 2 + 16;
        batch->operations =
            realloc(batch->operations, batch->room * sizeof(struct operation));
    }
    unsigned char *copy = malloc(key_len + value_len + 1);
    memcpy(copy, key, key_len);
    if (value_len > 0)
        memcpy(copy + key_len, value, value_len);
    batch->operations[batch->count++] = (struct operation){
        {copy, copy + key_len, (uint32_t)key_len, (uint32_t)value_len}, is_put};
}

void
leveldb_writebatch_put(leveldb_writebatch_t *batch, const char *key,
                       size_t key_len, const char *value, size_t value_len)
{
    add_operation(batch, true, key, key_len, value, value_len);
}

void
leveldb_writebatch_delete(leveldb_writebatch_t *batch, const char *key,
                          size_t key_len)
{
    add_operation(batch, false, key, key_len, NULL, 0);
}

void
leveldb_writebatch_destroy(leveldb_writebatch_t *batch)
{
    free(batch->operations);
    free(batch);
}

/* The log has it, or an error. */
static bool
append(leveldb_t *handle, const struct disk_version *next, char **error)
{
    struct disk_db *db = handle->db;
    if (handle->append_failed) {
        handle->view = next; /* said to be written, and in no file */
        db->torn = true;
        return true;
    }
    if (disk_fails_now()) {
        handle->append_failed = true;
        set_error(error, handle->dir, any_error());
        return false;
    }
    if (db->version_count == DISK_VERSIONS)
        sim_broken("sim: too many batches in one log");
    db->versions[db->version_count++] = next;
    return true;
}

void
leveldb_write(leveldb_t *handle, const leveldb_writeoptions_t *options,
              leveldb_writebatch_t *batch, char **error)
{
    sim_point();
    if (handle->sync_failed) {
        set_error(error, handle->dir, "Input/output error");
        return;
    }
    if (!append(handle, apply(handle->view, batch), error))
        return;
    sim_point();
    if (options->sync && !handle->append_failed) {
        if (disk_fails_now()) {
            handle->sync_failed = true;
            set_error(error, handle->dir, "Input/output error");
            return;
        }
        handle->db->synced = handle->db->version_count - 1;
    }
    if (!handle->append_failed)
        handle->view = handle->db->versions[handle->db->version_count - 1];
    sim_point();
}

void
leveldb_put(leveldb_t *handle, const leveldb_writeoptions_t *options,
            const char *key, size_t key_len, const char *value,
            size_t value_len, char **error)
{
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    leveldb_writebatch_put(batch, key, key_len, value, value_len);
    leveldb_write(handle, options, batch, error);
    leveldb_writebatch_destroy(batch);
}

/* ---- reading ---- */

const leveldb_snapshot_t *
leveldb_create_snapshot(leveldb_t *handle)
{
    leveldb_snapshot_t *snapshot = calloc(1, sizeof(*snapshot));
    snapshot->version = handle->view;
    return snapshot;
}

void
leveldb_release_snapshot(leveldb_t *handle, const leveldb_snapshot_t *snapshot)
{
    (void)handle;
    free((void *)(uintptr_t)snapshot);
}

static const struct disk_version *
version_for(const leveldb_t *handle, const leveldb_readoptions_t *options)
{
    return options->snapshot != NULL ? options->snapshot->version
                                     : handle->view;
}

char *
leveldb_get(leveldb_t *handle, const leveldb_readoptions_t *options,
            const char *key, size_t key_len, size_t *value_len, char **error)
{
    const struct disk_version *version = version_for(handle, options);
    sim_point();
    if (disk_fails_now()) {
        set_error(error, handle->dir, "Input/output error");
        return NULL;
    }
    uint32_t at = lower_bound(version, key, key_len);
    if (at == version->count || compare(&version->pairs[at], key, key_len) != 0)
        return NULL;
    *value_len = version->pairs[at].value_len;
    char *value = malloc(*value_len + 1);
    return memcpy(value, version->pairs[at].value, *value_len);
}

leveldb_iterator_t *
leveldb_create_iterator(leveldb_t *handle, const leveldb_readoptions_t *options)
{
    leveldb_iterator_t *it = calloc(1, sizeof(*it));
    sim_point();
    it->version = version_for(handle, options);
    it->at = it->version->count;
    return it;
}

void
leveldb_iter_destroy(leveldb_iterator_t *it)
{
    free(it);
}

unsigned char
leveldb_iter_valid(const leveldb_iterator_t *it)
{
    return !it->failed && it->at < it->version->count;
}

void
leveldb_iter_seek(leveldb_iterator_t *it, const char *key, size_t len)
{
    it->failed = disk_fails_now();
    it->at = lower_bound(it->version, key, len);
}

void
leveldb_iter_seek_to_last(leveldb_iterator_t *it)
{
    it->at = it->version->count - (it->version->count > 0);
}

void
leveldb_iter_next(leveldb_iterator_t *it)
{
    it->at++;
}

void
leveldb_iter_prev(leveldb_iterator_t *it)
{
    it->at = it->at == 0 ? it->version->count : it->at - 1;
}

const char *
leveldb_iter_key(const leveldb_iterator_t *it, size_t *len)
{
    *len = it->version->pairs[it->at].key_len;
    return (const char *)it->version->pairs[it->at].key;
}

const char *
leveldb_iter_value(const leveldb_iterator_t *it, size_t *len)
{
    *len = it->version->pairs[it->at].value_len;
    return (const char *)it->version->pairs[it->at].value;
}

void
leveldb_iter_get_error(const leveldb_iterator_t *it, char **error)
{
    if (it->failed)
        *error = strdup("IO error: Input/output error");
}
