/*
 * crypto_memory.c - where the secrets lie: pages of their own.
 *
 *   | no access | secrets, at the end of their page | no access |
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/crypto.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"

static size_t
page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Whole pages, the structure at their end: reading on from it fails at once. */
static size_t
room(void)
{
    size_t page = page_bytes();
    return (sizeof(struct crypto_secrets) + page - 1) / page * page;
}

struct crypto_secrets *
crypto_secrets_alloc(void)
{
    size_t page = page_bytes(), bytes = room();
    char *area = mmap(NULL, bytes + 2 * page, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return NULL;
    if (mprotect(area + page, bytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(area, bytes + 2 * page);
        return NULL;
    }
    if (madvise(area + page, bytes, MADV_DONTDUMP) != 0)
        log_warn("secrets may come into a core dump: %s", strerror(errno));
    struct crypto_secrets *secrets =
        (struct crypto_secrets *)(area + page + bytes - sizeof(*secrets));
    crypto_secrets_lock(secrets);
    return secrets;
}

static char *
first_page(struct crypto_secrets *secrets)
{
    return (char *)(secrets + 1) - room();
}

void
crypto_secrets_lock(struct crypto_secrets *secrets)
{
    if (mlock(first_page(secrets), room()) != 0)
        log_debug("secrets may be swapped out: %s", strerror(errno));
}

void
crypto_secrets_free(struct crypto_secrets **secrets)
{
    if (*secrets == NULL)
        return;
    crypto_secrets_wipe(*secrets);
    munmap(first_page(*secrets) - page_bytes(), room() + 2 * page_bytes());
    *secrets = NULL;
}

void
crypto_secrets_forget_master(struct crypto_secrets *secrets)
{
    crypto_wipe(secrets->master, sizeof(secrets->master));
}
