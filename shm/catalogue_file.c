/*
 * catalogue_file.c - the file of a generation: written, renamed, then its
 * number published, so that a reader of the number finds a whole file. Sealed,
 * because provider credentials are in it; the epoch of the segment and the
 * number are part of what is sealed, so that no older file passes for it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/catalogue_part.h"

enum { FILE_MAX_BYTES = 64 << 20, LOAD_TRIES = 4, NAME_ROOM = 192 };

static void
file_name(const struct segment *segment, uint64_t generation, char *out)
{
    snprintf(out, NAME_ROOM, "%s.cat.%" PRIu64, segment->path, generation);
}

static struct str
seal_name(const struct segment *segment, uint64_t generation, char out[96])
{
    int len = snprintf(out, 96, "catalogue/%" PRIx64 "/%" PRIu64,
                       segment->header->epoch, generation);
    return str_make(out, (size_t)len);
}

static int
write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
write_file(const char *path, const uint8_t *bytes, size_t len)
{
    char temporary[NAME_ROOM + 8];
    snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    unlink(temporary); /* of an accountant that died in the middle */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, bytes, len);
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temporary);
    return rc;
}

/* Files of former segments of this name; only before the first generation. */
static void
remove_old_files(const struct segment *segment)
{
    char dir_name[sizeof(segment->path)], prefix[sizeof(segment->path) + 8];
    memcpy(dir_name, segment->path, sizeof(dir_name));
    char *slash = strrchr(dir_name, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    int len = snprintf(prefix, sizeof(prefix), "%s.cat.", slash + 1);
    DIR *dir = opendir(dir_name);
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (strncmp(e->d_name, prefix, (size_t)len) == 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
}

int
catalogue_stage(struct segment *segment, struct catalogue *catalogue,
                const struct crypto_secrets *secrets)
{
    struct buf plain;
    char path[NAME_ROOM], name[96];
    if (segment->is_private)
        return -EINVAL;
    uint64_t generation = catalogue_current(segment) + 1;
    if (generation == 1)
        remove_old_files(segment);
    buf_init(&plain, FILE_MAX_BYTES);
    catalogue_write(catalogue, &plain);
    uint8_t *sealed = malloc(buf_len(&plain) + CRYPTO_SEAL_OVERHEAD);
    int rc = !buf_ok(&plain) || sealed == NULL ? -ENOMEM : 0;
    if (rc == 0) {
        size_t len = crypto_seal(secrets, seal_name(segment, generation, name),
                                 buf_ptr(&plain), buf_len(&plain), sealed);
        file_name(segment, generation, path);
        rc = write_file(path, sealed, len);
    }
    if (buf_len(&plain) > 0)
        crypto_wipe(plain.data + plain.start, buf_len(&plain));
    buf_fini(&plain);
    free(sealed);
    if (rc == 0)
        catalogue->generation = generation;
    return rc;
}

int
catalogue_publish(struct segment *segment, struct catalogue *catalogue,
                  const struct crypto_secrets *secrets)
{
    char path[NAME_ROOM];
    uint64_t generation = catalogue_current(segment) + 1;
    int rc = segment->is_private ? -EINVAL : 0;
    if (rc == 0 && catalogue->generation != generation)
        rc = catalogue_stage(segment, catalogue, secrets);
    if (rc < 0)
        return rc;
    catalogue_show_credentials(segment, catalogue);
    /* release: the file is there before its number is */
    shm_store(&segment->header->catalogue_generation, generation);
    if (generation > 2) {
        file_name(segment, generation - 2, path);
        unlink(path);
    }
    return 0;
}

/* The whole file into fresh memory; *len bytes. */
static int
read_file(const char *path, uint8_t **bytes, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) < 0 ? -errno : 0;
    *bytes = NULL;
    *len = 0;
    if (rc == 0 && (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES ||
                    st.st_size < CRYPTO_SEAL_OVERHEAD))
        rc = -EBADMSG;
    if (rc == 0)
        *bytes = malloc((size_t)st.st_size);
    if (rc == 0 && *bytes == NULL)
        rc = -ENOMEM;
    while (rc == 0 && *len < (size_t)st.st_size) {
        ssize_t n = read(fd, *bytes + *len, (size_t)st.st_size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            rc = n < 0 ? -errno : -EBADMSG;
        else
            *len += (size_t)n;
    }
    close(fd);
    return rc;
}

static struct catalogue *
load_generation(const struct segment *segment,
                const struct crypto_secrets *secrets, uint64_t generation,
                int *error_code)
{
    char path[NAME_ROOM], name[96];
    uint8_t *sealed = NULL, *plain = NULL;
    size_t len = 0;
    struct catalogue *catalogue = NULL;
    file_name(segment, generation, path);
    int rc = read_file(path, &sealed, &len);
    if (rc == 0) {
        plain = malloc(len);
        rc = plain == NULL
                 ? -ENOMEM
                 : crypto_open(secrets, seal_name(segment, generation, name),
                               sealed, len, plain);
    }
    if (rc >= 0) {
        catalogue = catalogue_read(str_make((const char *)plain, (size_t)rc));
        crypto_wipe(plain, (size_t)rc);
        rc = catalogue == NULL ? -EBADMSG : 0;
    }
    free(sealed);
    free(plain);
    if (catalogue != NULL)
        catalogue->generation = generation;
    *error_code = rc;
    return catalogue;
}

struct catalogue *
catalogue_load(const struct segment *segment,
               const struct crypto_secrets *secrets, int *error_code)
{
    *error_code = -ENOENT;
    if (segment->is_private)
        return NULL;
    for (int tries = 0; tries < LOAD_TRIES; tries++) {
        uint64_t generation = catalogue_current(segment);
        if (generation == 0)
            return NULL;
        struct catalogue *catalogue =
            load_generation(segment, secrets, generation, error_code);
        /* Two generations came while we looked for this one: again. */
        if (catalogue != NULL || *error_code != -ENOENT)
            return catalogue;
    }
    return NULL;
}
