/*
 * aigwctl_profiles.c - see aigwctl_profiles.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_profiles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"

enum { TEXT_MAX = 1024 * 1024, FOLDER_MODE = 0700 };

static int
fail(struct buf *error, const char *what, const char *path)
{
    int why = errno;
    buf_printf(error, "Cannot %s %s: %s", what, path, strerror(why));
    return -why;
}

/* ~/.clickzetta, made when it is to be written to. */
static int
find_folder(char out[PROFILES_PATH_BYTES], bool make, struct buf *error)
{
    const char *home = getenv("CLICKZETTA_TEST_HOME");
    if (home == NULL || *home == '\0')
        home = getenv("HOME");
    if (home == NULL || *home != '/') {
        buf_append_cstr(error, "HOME names no folder.");
        return -ENOENT;
    }
    int n = snprintf(out, PROFILES_PATH_BYTES, "%s/.clickzetta", home);
    if (n < 0 || n > PROFILES_PATH_BYTES - 64) {
        buf_append_cstr(error, "HOME is too long.");
        return -ENAMETOOLONG;
    }
    if (make && mkdir(out, FOLDER_MODE) != 0 && errno != EEXIST)
        return fail(error, "make", out);
    return 0;
}

/* A link to a file elsewhere stays a link. */
static void
follow_link(char path[PROFILES_PATH_BYTES])
{
    char *real = realpath(path, NULL);
    if (real != NULL && strlen(real) < PROFILES_PATH_BYTES - 16)
        memcpy(path, real, strlen(real) + 1);
    free(real);
}

static int
read_text(struct profiles *profiles, struct buf *error)
{
    char part[4096];
    ssize_t n;
    int fd = open(profiles->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(error, "read", profiles->path);
    while ((n = read(fd, part, sizeof(part))) > 0)
        buf_append(&profiles->text, part, (size_t)n);
    int result = n < 0 ? fail(error, "read", profiles->path) : 0;
    close(fd);
    crypto_wipe(part, sizeof(part));
    if (result == 0 && !buf_ok(&profiles->text)) {
        buf_printf(error, "%s is too long to be profiles.", profiles->path);
        result = -EFBIG;
    }
    return result;
}

int
profiles_open(struct profiles *profiles, bool change, struct buf *error)
{
    profiles->lock = -1;
    buf_init(&profiles->text, TEXT_MAX);
    int result = find_folder(profiles->path, change, error);
    if (result == 0 && change) {
        profiles->lock =
            open(profiles->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (profiles->lock < 0 || flock(profiles->lock, LOCK_EX) != 0)
            result = fail(error, "lock", profiles->path);
    }
    if (result == 0) {
        size_t at = strlen(profiles->path);
        memcpy(profiles->path + at, "/profiles.toml", 15);
        follow_link(profiles->path);
        result = read_text(profiles, error);
    }
    /* Never NULL, for those who look into it. */
    buf_cstr(&profiles->text);
    if (result == 0 &&
        !toml_is_plain(str_from(buf_cstr(&profiles->text)), "llm")) {
        buf_printf(error,
                   "%s has llm entries in another form than [llm.NAME]: "
                   "rewrite them so.",
                   profiles->path);
        result = -EINVAL;
    }
    if (result != 0)
        profiles_close(profiles);
    return result;
}

static int
write_all(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            text = (struct str){text.ptr + n, text.len - (size_t)n};
    }
    return fsync(fd);
}

int
profiles_write(struct profiles *profiles, struct buf *error)
{
    char temporary[PROFILES_PATH_BYTES + 16];
    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", profiles->path);
    int fd = buf_ok(&profiles->text) ? mkostemp(temporary, O_CLOEXEC)
                                     : -1; /* 0600 */
    if (fd < 0)
        return fail(error, "write beside", profiles->path);
    int result = 0;
    if (write_all(fd, buf_view(&profiles->text)) != 0 ||
        rename(temporary, profiles->path) != 0) {
        result = fail(error, "write", profiles->path);
        unlink(temporary);
    } else if (fsync(profiles->lock) != 0) {
        result = fail(error, "sync the folder of", profiles->path);
    }
    close(fd);
    return result;
}

void
profiles_close(struct profiles *profiles)
{
    if (profiles->lock >= 0)
        close(profiles->lock);
    profiles->lock = -1;
    buf_fini(&profiles->text);
}

void
profiles_edit(struct buf *text, const char *name, const char *key,
              const char *value)
{
    struct buf next;
    struct toml_path path = name == NULL ? toml_top() : toml_table("llm", name);
    buf_init(&next, TEXT_MAX);
    toml_set(str_from(buf_cstr(text)), &path, key, value, &next);
    buf_fini(text);
    *text = next;
}
