/*
 * ledger_repair_copy.c - the files of a damaged ledger, copied.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accountant/ledger/ledger_repair_part.h"
#include "common/proc.h"

enum { PATH_BYTES = 2 * LEDGER_PATH_BYTES, ENTRY_BYTES = 2 * PATH_BYTES };

static int
say(struct buf *error, const char *path, int rc)
{
    if (rc < 0)
        buf_printf(error, "%s: %s", path, strerror(-rc));
    return rc;
}

static int
copy_bytes(int in, int out)
{
    char piece[65536];
    for (;;) {
        ssize_t n = read(in, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(out, piece + done, (size_t)(n - done));
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                return -errno;
            done += written;
        }
    }
}

static int
copy_file(const char *from, const char *to, struct buf *error)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return say(error, from, -errno);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = out < 0 ? -errno : copy_bytes(in, out);
    if (rc == 0 && fsync(out) < 0)
        rc = -errno;
    close(in);
    if (out >= 0)
        close(out);
    return say(error, to, rc);
}

/* Plain files of one folder, but for the lock and LevelDB's own diary. */
static int
copy_dir(const char *from, const char *to, struct buf *error)
{
    char source[ENTRY_BYTES], target[ENTRY_BYTES];
    struct stat st;
    DIR *dir = opendir(from);
    if (dir == NULL)
        return errno == ENOENT ? 0 : say(error, from, -errno);
    int rc = say(error, to, proc_mkdir_p(to, 0700));
    while (rc == 0) {
        struct dirent *e = readdir(dir);
        if (e == NULL)
            break;
        snprintf(source, sizeof(source), "%s/%s", from, e->d_name);
        snprintf(target, sizeof(target), "%s/%s", to, e->d_name);
        if (strcmp(e->d_name, "LOCK") == 0 || strncmp(e->d_name, "LOG", 3) == 0)
            continue;
        if (lstat(source, &st) == 0 && S_ISREG(st.st_mode))
            rc = copy_file(source, target, error);
    }
    closedir(dir);
    return rc;
}

static int
copy_days(const char *from, const char *to, struct buf *error)
{
    char source[ENTRY_BYTES], target[ENTRY_BYTES];
    DIR *dir = opendir(from);
    if (dir == NULL)
        return errno == ENOENT ? 0 : say(error, from, -errno);
    int rc = 0;
    while (rc == 0) {
        struct dirent *e = readdir(dir);
        if (e == NULL)
            break;
        snprintf(source, sizeof(source), "%s/%s", from, e->d_name);
        snprintf(target, sizeof(target), "%s/%s", to, e->d_name);
        if (e->d_name[0] != '.')
            rc = copy_dir(source, target, error);
    }
    closedir(dir);
    return rc;
}

/* LevelDB's lock on the main database, as it takes it itself. */
static int
lock_ledger(const char *from, int *fd, struct buf *error)
{
    char path[PATH_BYTES];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof(path), "%s/ledger/LOCK", from);
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT ? 0 : say(error, path, -errno);
    if (fcntl(*fd, F_SETLK, &lock) == 0)
        return 0;
    close(*fd);
    *fd = -1;
    buf_printf(error, "%s is open: stop the server first", from);
    return -EBUSY;
}

int
repair_copy(const char *from, const char *to, struct buf *error)
{
    char source[PATH_BYTES], target[PATH_BYTES];
    struct stat st;
    int fd;
    snprintf(source, sizeof(source), "%s/ledger", from);
    snprintf(target, sizeof(target), "%s/log", from);
    if (stat(source, &st) < 0 && stat(target, &st) < 0)
        return say(error, source, -errno);
    int rc = lock_ledger(from, &fd, error);
    if (rc < 0)
        return rc;
    snprintf(target, sizeof(target), "%s/ledger", to);
    rc = copy_dir(source, target, error);
    snprintf(source, sizeof(source), "%s/log", from);
    snprintf(target, sizeof(target), "%s/log", to);
    if (rc == 0)
        rc = copy_days(source, target, error);
    if (fd >= 0)
        close(fd);
    return rc;
}

int
repair_copy_secret(const char *from, const char *to, struct buf *error)
{
    char source[PATH_BYTES], target[PATH_BYTES];
    snprintf(source, sizeof(source), "%s/secret", from);
    snprintf(target, sizeof(target), "%s/secret", to);
    if (access(source, F_OK) < 0 || access(target, F_OK) == 0)
        return 0;
    return copy_file(source, target, error);
}
