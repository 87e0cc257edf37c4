/*
 * certificate.h - the server's certificate chain and private key, as bytes.
 *
 * The master reads the two files with the rights it has, checks that they fit,
 * and hands the bytes to its workers: by fork, and by a memfd when the files
 * have changed. So no worker reads a file, every worker has the pair that was
 * checked, and one that is born while somebody replaces the files has it too.
 * OpenSSL is used for the check only; nothing of it is kept.
 * Owner: whoever called certificate_load() or certificate_receive();
 * certificate_wipe() gives the memory back with the key overwritten.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CERTIFICATE_H
#define AIGW_COMMON_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/check.h"

enum { CERTIFICATE_FILE_MAX = 256 * 1024 };

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* All zero: there is none. PEM; `chain` begins with the server's own. */
struct certificate {
    char *chain, *key;
    uint32_t chain_len, key_len;
};

/*
 * certificate_load - reads and checks both files; `out` is overwritten, not
 * wiped. 0; -errno with the reason in `error` and nothing in `out`: a file
 * cannot be read, is no PEM, needs a passphrase, is too weak for OpenSSL's
 * security level, or the key is another certificate's.
 */
int certificate_load(struct certificate *out, const char *chain_file,
                     const char *key_file, struct buf *error) MUST_CHECK;
/* 0; -EKEYEXPIRED or -EKEYREJECTED (not valid yet), with dates in `error`. */
int certificate_check_dates(const struct certificate *certificate,
                            struct buf *error) MUST_CHECK;
/* When it ends, in seconds since 1970; 0: there is none, or it cannot be read. */
int64_t certificate_until(const struct certificate *certificate);
/* Puts it into an SSL_CTX. 0 or -EINVAL, with the reason in `error`. */
int certificate_use(const struct certificate *certificate,
                    struct ssl_ctx_st *ssl_context,
                    struct buf *error) MUST_CHECK;

bool certificate_equals(const struct certificate *a,
                        const struct certificate *b);
/* A memfd that certificate_receive() reads in another process, or -errno. The
 * caller closes it. */
int certificate_send(const struct certificate *certificate) MUST_CHECK;
/* Does not close the descriptor. 0 or -errno. */
int certificate_receive(struct certificate *out, int fd) MUST_CHECK;
/* No-op when there is none. */
void certificate_wipe(struct certificate *certificate);

#endif
