/*
 * ledger_seal.c - see ledger_seal.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_open.h"
#include "common/hash.h"

enum { SEAL_BYTES_MAX = 64 << 20, PIECE_BYTES = 65536 };

static void
seal_path(const char *dir, char out[LEDGER_PATH_BYTES])
{
    snprintf(out, LEDGER_PATH_BYTES, "%s/ledger.seal", dir);
}

/* ---- what is there ---- */

static bool
ends_in(const char *name, const char *end)
{
    size_t len = strlen(name), tail = strlen(end);
    return len > tail && strcmp(name + len - tail, end) == 0;
}

/* The files whose loss is a loss. */
static bool
is_counted(const char *name)
{
    return strcmp(name, "CURRENT") == 0 || strncmp(name, "MANIFEST-", 9) == 0 ||
           ends_in(name, ".log") || ends_in(name, ".ldb") ||
           ends_in(name, ".sst");
}

static int
file_crc(const char *path, uint32_t *crc)
{
    static const size_t room = PIECE_BYTES;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    char *piece = malloc(room);
    int rc = piece == NULL ? -ENOMEM : 0;
    *crc = 0;
    while (rc == 0) {
        ssize_t n = read(fd, piece, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? -errno : 0;
            break;
        }
        *crc = hash_crc32(*crc, piece, (size_t)n);
    }
    free(piece);
    close(fd);
    return rc;
}

/* "SIZE CRC PATH" of one file below dir. */
static int
add_file(const char *dir, const char *relative, struct buf *out)
{
    char path[4 * LEDGER_PATH_BYTES];
    struct stat st;
    uint32_t crc = 0;
    snprintf(path, sizeof(path), "%s/%s", dir, relative);
    if (stat(path, &st) < 0)
        return -errno;
    int rc = 0;
    if (!ends_in(relative, ".ldb") && !ends_in(relative, ".sst"))
        rc = file_crc(path, &crc);
    buf_printf(out, "%" PRIu64 " %08" PRIx32 " %s\n", (uint64_t)st.st_size, crc,
               relative);
    return rc;
}

static int
compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
add_dir(const char *dir, const char *relative, bool days, struct buf *out)
{
    char path[2 * LEDGER_PATH_BYTES], below[2 * LEDGER_PATH_BYTES + 256];
    struct dirent **entries = NULL;
    snprintf(path, sizeof(path), "%s/%s", dir, relative);
    int count = scandir(path, &entries, NULL, compare_entries);
    if (count < 0)
        return errno == ENOENT ? 0 : -errno;
    int rc = 0;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        snprintf(below, sizeof(below), "%s/%s", relative, name);
        if (rc == 0 && days && name[0] != '.')
            rc = add_dir(dir, below, false, out);
        else if (rc == 0 && !days && is_counted(name))
            rc = add_file(dir, below, out);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

/* The text of a seal of what is there now, without its last line. */
static int
describe(const char *dir, struct buf *out)
{
    buf_append_cstr(out, "aigw-seal 1\n");
    int rc = add_dir(dir, "ledger", false, out);
    if (rc == 0)
        rc = add_dir(dir, "log", true, out);
    return rc == 0 && !buf_ok(out) ? -ENOMEM : rc;
}

/* ---- writing ---- */

static int
write_text(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = 0;
    while (rc == 0 && text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n > 0)
            text = str_skip(text, (size_t)n);
        else if (errno != EINTR)
            rc = -errno;
    }
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

int
ledger_seal_write(const char *dir, struct buf *error)
{
    char path[LEDGER_PATH_BYTES], temporary[LEDGER_PATH_BYTES + 8];
    struct buf text;
    seal_path(dir, path);
    snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    buf_init(&text, 0);
    int rc = describe(dir, &text);
    if (rc == 0)
        buf_printf(&text, "end %08" PRIx32 "\n",
                   hash_crc32(0, buf_ptr(&text), buf_len(&text)));
    if (rc == 0 && !buf_ok(&text))
        rc = -ENOMEM;
    if (rc == 0)
        rc = write_text(temporary, buf_view(&text));
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temporary);
    if (rc < 0 && error != NULL)
        buf_printf(error, "%s: %s", path, strerror(-rc));
    buf_fini(&text);
    return rc == 0 ? ledger_sync_dir(dir, error) : rc;
}

int
ledger_seal_remove(const char *dir, struct buf *error)
{
    char path[LEDGER_PATH_BYTES];
    seal_path(dir, path);
    if (unlink(path) == 0)
        return ledger_sync_dir(dir, error);
    if (errno == ENOENT)
        return 0;
    int rc = -errno;
    if (error != NULL)
        buf_printf(error, "%s: %s", path, strerror(-rc));
    return rc;
}

/* ---- checking ---- */

/* 1 and the text; 0 no seal; -errno. */
static int
read_seal(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int rc = 1;
    while (rc == 1) {
        char piece[4096];
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? -errno : 1;
            break;
        }
        buf_append(text, piece, (size_t)n);
        if (buf_len(text) > SEAL_BYTES_MAX)
            rc = -EUCLEAN;
    }
    close(fd);
    return rc == 1 && !buf_ok(text) ? -ENOMEM : rc;
}

/* Cuts the last line off; false when it does not vouch for the rest. */
static bool
take_last_line(struct buf *text)
{
    char last[16];
    size_t len = buf_len(text), line = 4 + 8 + 1; /* "end CRC\n" */
    if (len < line)
        return false;
    uint32_t crc = hash_crc32(0, buf_ptr(text), len - line);
    snprintf(last, sizeof(last), "end %08" PRIx32 "\n", crc);
    if (memcmp(buf_ptr(text) + len - line, last, line) != 0)
        return false;
    text->end -= line;
    return true;
}

/* The path in the first line of one that the other has not, for the message. */
static struct str
first_difference(struct str a, struct str b)
{
    while (a.len > 0 && b.len > 0) {
        const char *end_a = memchr(a.ptr, '\n', a.len);
        const char *end_b = memchr(b.ptr, '\n', b.len);
        size_t len_a = end_a == NULL ? a.len : (size_t)(end_a - a.ptr) + 1;
        size_t len_b = end_b == NULL ? b.len : (size_t)(end_b - b.ptr) + 1;
        if (len_a != len_b || memcmp(a.ptr, b.ptr, len_a) != 0)
            break;
        a = str_skip(a, len_a);
        b = str_skip(b, len_b);
    }
    struct str line = a.len > 0 ? a : b;
    const char *end = memchr(line.ptr, '\n', line.len);
    if (end != NULL)
        line.len = (size_t)(end - line.ptr);
    for (int i = 0; i < 2 && line.len > 0; i++) {
        const char *space = memchr(line.ptr, ' ', line.len);
        if (space != NULL)
            line = str_skip(line, (size_t)(space - line.ptr) + 1);
    }
    return line;
}

static int
compare(const char *dir, const char *path, struct buf *sealed,
        struct buf *error)
{
    struct buf now;
    if (!take_last_line(sealed)) {
        buf_printf(error,
                   "%s is damaged: remove it to open the ledger without what "
                   "it vouches for",
                   path);
        return -EUCLEAN;
    }
    buf_init(&now, 0);
    int rc = describe(dir, &now);
    if (rc == 0 && !str_equals(buf_view(sealed), buf_view(&now))) {
        struct str what = first_difference(buf_view(sealed), buf_view(&now));
        buf_printf(error,
                   "%s/%.*s is not what it was when the ledger was closed: it "
                   "was cut, changed, removed or put there",
                   dir, (int)what.len, what.ptr);
        rc = -EUCLEAN;
    }
    buf_fini(&now);
    return rc;
}

int
ledger_seal_check(const char *dir, struct buf *error)
{
    char path[LEDGER_PATH_BYTES];
    struct buf sealed, text;
    seal_path(dir, path);
    buf_init(&sealed, 0);
    buf_init(&text, 0);
    int rc = read_seal(path, &sealed);
    if (rc == 1)
        rc = compare(dir, path, &sealed, &text);
    /* Whoever removed it meanwhile has the databases open. */
    if (rc == -EUCLEAN && access(path, F_OK) < 0)
        rc = -EBUSY;
    if (rc < 0 && error != NULL) {
        if (rc == -EUCLEAN && buf_len(&text) > 0)
            buf_append_str(error, buf_view(&text));
        else
            buf_printf(error, "%s: %s", path, strerror(-rc));
    }
    buf_fini(&sealed);
    buf_fini(&text);
    return rc;
}
