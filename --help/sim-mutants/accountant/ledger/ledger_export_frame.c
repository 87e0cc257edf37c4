/*
 * ledger_export_frame.c - see ledger_export_frame.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_export_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/codec.h"
#include "common/hash.h"

static int
begin(struct export_file *f, int fd, const char *mode)
{
    *f = (struct export_file){0};
    buf_init(&f->payload, 0);
    if (fd < 0)
        return -errno;
    f->file = fdopen(fd, mode);
    f->digest = EVP_MD_CTX_new();
    if (f->file == NULL || f->digest == NULL ||
        EVP_DigestInit_ex(f->digest, EVP_sha256(), NULL) != 1) {
        if (f->file == NULL)
            close(fd);
        return -ENOMEM;
    }
    return 0;
}

static int
put_bytes(struct export_file *f, const void *bytes, size_t len)
{
    errno = 0;
    if (fwrite(bytes, 1, len, f->file) != len)
        return errno != 0 ? -errno : -EIO;
    if (EVP_DigestUpdate(f->digest, bytes, len) != 1)
        return -ENOMEM;
    f->bytes += len;
    return 0;
}

/* -EUCLEAN: the file ends before. */
static int
get_bytes(struct export_file *f, void *bytes, size_t len)
{
    errno = 0;
    if (fread(bytes, 1, len, f->file) != len)
        return ferror(f->file) ? (errno != 0 ? -errno : -EIO) : -EUCLEAN;
    if (EVP_DigestUpdate(f->digest, bytes, len) != 1)
        return -ENOMEM;
    f->bytes += len;
    return 0;
}

int
export_file_create(struct export_file *f, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = begin(f, fd, "wb");
    return rc < 0 ? rc : put_bytes(f, EXPORT_MAGIC, EXPORT_MAGIC_BYTES);
}

int
export_file_open(struct export_file *f, const char *path)
{
    char magic[EXPORT_MAGIC_BYTES];
    int rc = begin(f, open(path, O_RDONLY | O_CLOEXEC), "rb");
    if (rc == 0)
        rc = get_bytes(f, magic, sizeof(magic));
    if (rc == 0 && memcmp(magic, EXPORT_MAGIC, sizeof(magic)) != 0)
        rc = -EUCLEAN;
    return rc;
}

static void
put_u32(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t
get_u32(const uint8_t in[4])
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 |
           (uint32_t)in[3] << 24;
}

static uint32_t
frame_crc(const uint8_t head[EXPORT_HEAD_BYTES], const struct buf *payload)
{
    uint32_t crc = hash_crc32(0, head, EXPORT_HEAD_BYTES);
    return hash_crc32(crc, buf_ptr(payload), buf_len(payload));
}

int
export_frame_put(struct export_file *f, char type)
{
    uint8_t head[EXPORT_HEAD_BYTES] = {(uint8_t)type}, tail[4];
    if (!buf_ok(&f->payload))
        return -ENOMEM;
    if (buf_len(&f->payload) > EXPORT_FRAME_MAX)
        return -EFBIG;
    put_u32(head + 1, (uint32_t)buf_len(&f->payload));
    put_u32(tail, frame_crc(head, &f->payload));
    int rc = put_bytes(f, head, sizeof(head));
    if (rc == 0)
        rc = put_bytes(f, buf_ptr(&f->payload), buf_len(&f->payload));
    if (rc == 0)
        rc = put_bytes(f, tail, sizeof(tail));
    f->frames++;
    return rc;
}

int
export_file_digest(const struct export_file *f,
                   uint8_t digest[EXPORT_DIGEST_BYTES])
{
    unsigned len = 0;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool good = copy != NULL && EVP_MD_CTX_copy_ex(copy, f->digest) == 1 &&
                EVP_DigestFinal_ex(copy, digest, &len) == 1 &&
                len == EXPORT_DIGEST_BYTES;
    EVP_MD_CTX_free(copy);
    return good ? 0 : -ENOMEM;
}

int
export_file_finish(struct export_file *f)
{
    uint8_t digest[EXPORT_DIGEST_BYTES];
    int rc = export_file_digest(f, digest);
    buf_reset(&f->payload);
    codec_put_u64(&f->payload, f->frames);
    codec_put_bytes(&f->payload, digest, sizeof(digest));
    if (rc == 0)
        rc = export_frame_put(f, 'e');
    if (rc == 0 && (fflush(f->file) != 0 || fsync(fileno(f->file)) < 0))
        rc = -errno;
    return rc;
}

int
export_file_peek(struct export_file *f)
{
    int next = getc(f->file);
    return next == EOF ? EOF : ungetc(next, f->file);
}

int
export_frame_get(struct export_file *f)
{
    uint8_t head[EXPORT_HEAD_BYTES], tail[4];
    int rc = get_bytes(f, head, sizeof(head));
    if (rc < 0)
        return rc;
    uint32_t len = get_u32(head + 1);
    if (len > EXPORT_FRAME_MAX)
        return -EUCLEAN;
    buf_reset(&f->payload);
    if (buf_reserve(&f->payload, len + 1) < 0)
        return -ENOMEM;
    rc = get_bytes(f, f->payload.data + f->payload.end, len);
    if (rc == 0) {
        f->payload.end += len;
        rc = get_bytes(f, tail, sizeof(tail));
    }
    if (rc == 0 && get_u32(tail) != frame_crc(head, &f->payload))
        rc = -EUCLEAN;
    f->frames++;
    return rc < 0 ? rc : head[0];
}

int
export_file_check_end(struct export_file *f, uint64_t frames,
                      const uint8_t digest[EXPORT_DIGEST_BYTES])
{
    uint8_t said[EXPORT_DIGEST_BYTES];
    struct codec_reader reader;
    codec_reader_init(&reader, buf_view(&f->payload));
    uint64_t count = codec_get_u64(&reader);
    codec_get_exact(&reader, said, sizeof(said));
    bool good = codec_reader_done(&reader) && count == frames &&
                memcmp(said, digest, sizeof(said)) == 0 &&
                getc(f->file) == EOF && !ferror(f->file);
    return good ? 0 : -EUCLEAN;
}

void
export_file_close(struct export_file *f)
{
    if (f->file != NULL)
        fclose(f->file);
    EVP_MD_CTX_free(f->digest);
    buf_fini(&f->payload);
    *f = (struct export_file){0};
}
