/*
 * ledger_builder.c - see ledger_builder.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_builder.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_open.h"
#include "common/proc.h"

#define BUILD_DIR "building.tmp"

enum { PIECE_BYTES = 1 << 20, PIECE_ROWS = 4096 };

int
builder_check_dir(const char *dir, struct buf *error)
{
    DIR *open_dir = opendir(dir);
    if (open_dir == NULL && errno == ENOENT)
        return 0;
    int rc = open_dir == NULL ? -errno : 0;
    while (rc == 0) {
        struct dirent *e = readdir(open_dir);
        if (e == NULL)
            break;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strcmp(e->d_name, "secret") == 0 ||
            strcmp(e->d_name, "export") == 0)
            continue;
        buf_printf(error,
                   "%s holds %s: a ledger is written into an empty folder "
                   "only (secret and export may be there)",
                   dir, e->d_name);
        rc = -ENOTEMPTY;
    }
    if (open_dir != NULL)
        closedir(open_dir);
    if (rc < 0 && buf_len(error) == 0)
        buf_printf(error, "%s: %s", dir, strerror(-rc));
    return rc;
}

int
builder_open(struct ledger_builder *b, const char *dir, struct buf *error)
{
    *b = (struct ledger_builder){.error = error};
    int len = snprintf(b->place, sizeof(b->place), "%s/%s", dir, BUILD_DIR);
    if (len < 0 || len >= (int)sizeof(b->place)) {
        buf_printf(error, "%s: the path is too long", dir);
        return -ENAMETOOLONG;
    }
    snprintf(b->dir, sizeof(b->dir), "%s", dir);
    int rc = builder_check_dir(dir, error);
    if (rc < 0) {
        b->place[0] = '\0'; /* nothing of ours to remove */
        return rc;
    }
    b->made_dir = access(dir, F_OK) < 0;
    rc = proc_mkdir_p(b->place, 0700);
    if (rc == 0)
        rc = ledger_open(b->place, true, &b->ledger, error);
    b->pairs = leveldb_writebatch_create();
    b->rows = ledger_batch_create();
    return rc == 0 && b->rows == NULL ? -ENOMEM : rc;
}

static int
write_pairs(struct ledger_builder *b, const leveldb_writeoptions_t *options)
{
    char *text = NULL;
    leveldb_write(b->ledger->main, options, b->pairs, &text);
    leveldb_writebatch_clear(b->pairs);
    b->pair_bytes = 0;
    if (text == NULL)
        return 0;
    return ledger_take_error(text, "while writing the ledger", b->error);
}

int
builder_put(struct ledger_builder *b, struct str key, struct str value)
{
    leveldb_writebatch_put(b->pairs, key.ptr, key.len, value.ptr, value.len);
    b->pair_bytes += key.len + value.len;
    return b->pair_bytes < PIECE_BYTES ? 0 : write_pairs(b, b->ledger->lazy);
}

int
builder_put_key(struct ledger_builder *b, const struct ledger_key *key,
                const struct buf *value)
{
    struct str bytes = {(const char *)key->bytes, key->len};
    return buf_ok(value) ? builder_put(b, bytes, buf_view(value)) : -ENOMEM;
}

int
builder_put_meta(struct ledger_builder *b, const char *name, uint64_t number)
{
    struct ledger_key key;
    struct buf value;
    ledger_key_meta(&key, name);
    buf_init(&value, 0);
    codec_put_u64(&value, number);
    int rc = builder_put_key(b, &key, &value);
    buf_fini(&value);
    return rc;
}

static int
write_rows(struct ledger_builder *b)
{
    int rc = ledger_batch_write(b->rows, b->ledger, b->error);
    ledger_batch_destroy(&b->rows);
    b->rows = ledger_batch_create();
    return rc == 0 && b->rows == NULL ? -ENOMEM : rc;
}

int
builder_put_row(struct ledger_builder *b, const struct ledger_row *row)
{
    int rc = ledger_batch_row(b->rows, b->ledger, row, b->error);
    if (rc == 0 && ++b->row_count % PIECE_ROWS == 0)
        rc = write_rows(b);
    return rc;
}

int
builder_finish(struct ledger_builder *b, struct buf *report)
{
    uint64_t differences;
    int rc = write_rows(b);
    if (rc == 0)
        rc = write_pairs(b, b->ledger->sync);
    if (rc < 0)
        return rc;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(b->ledger);
    rc = ledger_verify(b->ledger, snapshot, report, &differences);
    ledger_snapshot_release(b->ledger, &snapshot);
    return rc;
}

/* The ledger last: with it the whole is there. */
int
builder_move(struct ledger_builder *b)
{
    static const char *const names[] = {"log", "ledger.seal", "ledger"};
    char from[LEDGER_PATH_BYTES], to[LEDGER_PATH_BYTES];
    ledger_close(&b->ledger);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(from, sizeof(from), "%s/%s", b->place, names[i]);
        snprintf(to, sizeof(to), "%s/%s", b->dir, names[i]);
        if (rename(from, to) < 0) {
            int rc = -errno;
            buf_printf(b->error, "%s: %s", from, strerror(-rc));
            return rc;
        }
    }
    b->moved = true;
    if (rmdir(b->place) < 0)
        return -errno;
    return ledger_sync_dir(b->dir, b->error);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int
builder_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : -EIO;
}

void
builder_close(struct ledger_builder *b)
{
    if (b->pairs != NULL)
        leveldb_writebatch_destroy(b->pairs);
    b->pairs = NULL;
    ledger_batch_destroy(&b->rows);
    ledger_close(&b->ledger);
    if (b->moved || b->place[0] == '\0')
        return;
    builder_remove(b->place);
    if (b->made_dir)
        rmdir(b->dir); /* stays where it has something in it */
}
