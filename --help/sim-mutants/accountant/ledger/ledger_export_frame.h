/*
 * ledger_export_frame.h - frames of an export to a file and back; the format
 * stands in ledger_export.h. ledger_export*.c only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_EXPORT_FRAME_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_EXPORT_FRAME_H

#include <openssl/evp.h>
#include <stdio.h>

#include "common/buf.h"

#define EXPORT_MAGIC "AIGWEXP1"

enum {
    EXPORT_MAGIC_BYTES = 8,
    EXPORT_HEAD_BYTES = 5,
    EXPORT_FRAME_MAX = 16 << 20,
    EXPORT_DIGEST_BYTES = 32,
};

/* One file being written or read. All zero before export_file_*(). */
struct export_file {
    FILE *file;
    EVP_MD_CTX *digest; /* of every byte so far */
    struct buf payload; /* writer: scratch; reader: the frame */
    uint64_t frames, bytes;
};

/* Creates `path`, which must not be there, mode 0600. 0 or -errno. */
int export_file_create(struct export_file *f, const char *path) MUST_CHECK;
/* Opens and reads the magic; -EUCLEAN: not an export. */
int export_file_open(struct export_file *f, const char *path) MUST_CHECK;
/* f->payload as a frame. 0 or -errno. */
int export_frame_put(struct export_file *f, char type) MUST_CHECK;
/* The last frame, then fsync. */
int export_file_finish(struct export_file *f) MUST_CHECK;
/* The type of the next frame, unread; EOF at the end. */
int export_file_peek(struct export_file *f);
/* The next frame into f->payload: its type, or -EUCLEAN, -EIO, -ENOMEM. */
int export_frame_get(struct export_file *f) MUST_CHECK;
/* After frame 'e' was read: count and digest are those of the file, and it
 * ends here. `frames`, `digest` as they were before that frame. */
int export_file_check_end(struct export_file *f, uint64_t frames,
                          const uint8_t digest[EXPORT_DIGEST_BYTES]) MUST_CHECK;
/* Digest of all bytes so far. */
int export_file_digest(const struct export_file *f,
                       uint8_t digest[EXPORT_DIGEST_BYTES]) MUST_CHECK;
void export_file_close(struct export_file *f);

#endif
