/*
 * files.c - the directories of the ledger: made, listed, synced, lost.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/sim/disk.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { DISK_BYTES = 64 << 20, DIR_FD = 1000 };

static unsigned char *memory;
static size_t memory_used;
static struct disk_dir dirs[DISK_DIRS];
static unsigned dir_count;
static unsigned failures_left;

void *
disk_alloc(size_t bytes)
{
    bytes = (bytes + 15) / 16 * 16;
    if (bytes > DISK_BYTES - memory_used)
        sim_broken("sim: the disk's memory is used up");
    void *at = memory + memory_used;
    memory_used += bytes;
    return memset(at, 0, bytes);
}

static struct disk_dir *
add_dir(const char *path, bool durable)
{
    struct disk_dir *dir = disk_find(path);
    if (dir == NULL) {
        if (dir_count == DISK_DIRS || strlen(path) >= sizeof(dir->path))
            sim_broken("sim: too many directories");
        dir = &dirs[dir_count++];
        memset(dir, 0, sizeof(*dir));
        strcpy(dir->path, path);
    }
    dir->exists = true;
    dir->durable = durable;
    return dir;
}

void
disk_begin(void)
{
    if (memory == NULL) {
        memory = mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            perror("sim: disk");
            exit(2);
        }
    }
    memory_used = 0;
    dir_count = 0;
    failures_left = 0;
    add_dir("/sim/data", true);
}

struct disk_dir *
disk_find(const char *path)
{
    for (unsigned i = 0; i < dir_count; i++)
        if (strcmp(dirs[i].path, path) == 0)
            return &dirs[i];
    return NULL;
}

struct disk_dir *
disk_mkdir(const char *path)
{
    struct disk_dir *dir = disk_find(path);
    return dir != NULL && dir->exists ? dir : add_dir(path, false);
}

void
disk_fail(unsigned calls)
{
    failures_left = calls;
}

bool
disk_fails_now(void)
{
    if (failures_left == 0 || sim_self == NULL || !sim_one_in(2))
        return false;
    failures_left--;
    return true;
}

void
disk_process_died(void)
{
    for (unsigned i = 0; i < dir_count; i++)
        if (dirs[i].db != NULL)
            dirs[i].db->locked = false;
}

void
disk_power_cut(void)
{
    failures_left = 0;
    for (unsigned i = 0; i < dir_count; i++) {
        struct disk_dir *dir = &dirs[i];
        if (dir->exists && !dir->durable && sim_one_in(2)) {
            sim_trace("  %s is gone", dir->path);
            dir->exists = false;
            dir->db = NULL;
        }
        struct disk_db *db = dir->db;
        if (db == NULL)
            continue;
        unsigned unsynced = db->version_count - 1 - db->synced;
        unsigned kept = (unsigned)sim_below(unsynced + 1);
        sim_trace("  %s keeps %u of %u unsynced batches", dir->path, kept,
                  unsynced);
        db->version_count = db->synced + kept + 1;
    }
    /* What is below a lost directory went with it. */
    for (unsigned i = 0; i < dir_count; i++)
        for (unsigned k = 0; k < dir_count; k++)
            if (!dirs[k].exists &&
                strncmp(dirs[i].path, dirs[k].path, strlen(dirs[k].path)) == 0)
                dirs[i].exists = false;
}

/* ---- what the ledger calls ---- */

int __wrap_access(const char *path, int mode);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_open(const char *path, int flags, ...);
int __wrap_fsync(int fd);
int __wrap_rmdir(const char *path);
int __wrap_unlink(const char *path);
int __wrap_proc_mkdir_p(const char *path, mode_t mode);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *stream);
int __wrap_closedir(DIR *stream);

/* "DIRECTORY/CURRENT" */
int
__wrap_access(const char *path, int mode)
{
    char folder[128];
    const char *slash = strrchr(path, '/');
    (void)mode;
    sim_point();
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    const struct disk_dir *dir = disk_find(folder);
    if (strcmp(slash, "/CURRENT") == 0 && dir != NULL && dir->exists &&
        dir->db != NULL && dir->db->has_current)
        return 0;
    errno = ENOENT;
    return -1;
}

int
__wrap_stat(const char *path, struct stat *st)
{
    const struct disk_dir *dir = disk_find(path);
    sim_point();
    if (dir == NULL || !dir->exists) {
        errno = ENOENT;
        return -1;
    }
    memset(st, 0, sizeof(*st));
    st->st_mode = S_IFDIR | 0700;
    return 0;
}

int
__wrap_open(const char *path, int flags, ...)
{
    const struct disk_dir *dir = disk_find(path);
    (void)flags;
    sim_point();
    if (dir == NULL || !dir->exists || disk_fails_now()) {
        errno = dir == NULL || !dir->exists ? ENOENT : EIO;
        return -1;
    }
    return DIR_FD + (int)(dir - dirs);
}

/* The names in it become durable. */
int
__wrap_fsync(int fd)
{
    const struct disk_dir *parent = &dirs[fd - DIR_FD];
    size_t len = strlen(parent->path);
    sim_point();
    if (disk_fails_now()) {
        errno = EIO;
        return -1;
    }
    for (unsigned i = 0; i < dir_count; i++)
        if (strncmp(dirs[i].path, parent->path, len) == 0 &&
            dirs[i].path[len] == '/' &&
            strchr(dirs[i].path + len + 1, '/') == NULL)
            dirs[i].durable = true;
    return 0;
}

int
__wrap_rmdir(const char *path)
{
    struct disk_dir *dir = disk_find(path);
    sim_point();
    if (dir == NULL || !dir->exists) {
        errno = ENOENT;
        return -1;
    }
    dir->exists = false;
    dir->db = NULL;
    return 0;
}

/* The only file that the ledger removes is its seal, which nobody writes: a
 * simulated accountant ends without closing its ledger. */
int
__wrap_unlink(const char *path)
{
    (void)path;
    sim_point();
    errno = ENOENT;
    return -1;
}

int
__wrap_proc_mkdir_p(const char *path, mode_t mode)
{
    (void)mode;
    sim_point();
    if (disk_fails_now())
        return -ENOSPC;
    disk_mkdir(path);
    return 0;
}

/* A listing, made when it is opened. */
struct listing {
    unsigned next, count;
    struct dirent entries[DISK_DIRS + 2];
};

static void
list(struct listing *listing, const char *name)
{
    snprintf(listing->entries[listing->count++].d_name,
             sizeof(listing->entries[0].d_name), "%s", name);
}

DIR *
__wrap_opendir(const char *path)
{
    const struct disk_dir *dir = disk_find(path);
    size_t len = strlen(path);
    sim_point();
    if (dir == NULL || !dir->exists) {
        errno = ENOENT;
        return NULL;
    }
    struct listing *listing = calloc(1, sizeof(*listing));
    for (unsigned i = 0; i < dir_count; i++)
        if (dirs[i].exists && strncmp(dirs[i].path, path, len) == 0 &&
            dirs[i].path[len] == '/')
            list(listing, dirs[i].path + len + 1);
    if (dir->db != NULL && dir->db->has_current) {
        list(listing, "CURRENT");
        list(listing, "000003.log");
    }
    return (DIR *)(void *)listing;
}

struct dirent *
__wrap_readdir(DIR *stream)
{
    struct listing *listing = (struct listing *)(void *)stream;
    return listing->next < listing->count ? &listing->entries[listing->next++]
                                          : NULL;
}

int
__wrap_closedir(DIR *stream)
{
    free(stream);
    return 0;
}
