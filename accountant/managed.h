/*
 * managed.h - parts of the configuration that management made: providers,
 * models, prices, profiles. Each has a section's options as aigw.ini would have
 * them, only those that were set. The ledger keeps them sealed, because
 * credentials are among them; together with the file they are the
 * configuration in force (store_catalogue.c).
 *
 * A part never changes: a change is a new one in its place. Parts are counted,
 * books share them. Loop thread (while restoring: the ledger thread).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_MANAGED_H
#define AIGW_ACCOUNTANT_MANAGED_H

#include "common/config_extend.h"
#include "common/crypto.h"

enum { MANAGED_NAME_BYTES = 256 };

struct managed {
    unsigned references;
    enum config_section section;
    char name[MANAGED_NAME_BYTES];
    struct config_pair *pairs;
    unsigned pair_count;
    uint64_t revision; /* 1, and one more with each change */
    int64_t created_ms, updated_ms;
    /* In the configuration in force: the file has one of this name, which
     * holds; or it does not fit to the rest and is left out, and why. */
    bool shadowed;
    char *fault;
    bool unreadable; /* nobody knows its options: another secret sealed them */
};

/* All zero is empty. In order of section and name. */
struct managed_book {
    struct managed **items;
    size_t count;
};

/* With one reference and no options. Never fails: the process ends. */
struct managed *managed_make(enum config_section section, const char *name);
/* The same options, for a change; no fault, not shadowed. */
struct managed *managed_copy(const struct managed *managed);
void managed_put(struct managed *managed); /* -1; NULL is fine */
/* The value of an option as the file would have it, or NULL: not set. */
const char *managed_get(const struct managed *managed, const char *option);
/* NULL takes it away. */
void managed_set(struct managed *managed, const char *option,
                 const char *value);

const struct managed *managed_find(const struct managed_book *book,
                                   enum config_section section,
                                   const char *name);
/* Shares every part. */
void managed_book_copy(struct managed_book *to,
                       const struct managed_book *from);
void managed_book_fini(struct managed_book *book);
/* In the place of the one of its section and name, or a new one; takes the
 * reference. */
void managed_book_put(struct managed_book *book, struct managed *managed);
void managed_book_delete(struct managed_book *book, enum config_section section,
                         const char *name);

/*
 * managed_extend - the configuration of `base` and the book. NULL with
 * config_extend()'s lines; shadowed is set in parts all the same.
 */
struct config *managed_extend(const struct config *base,
                              struct managed_book *book,
                              struct buf *error) MUST_CHECK;
/*
 * managed_extend_leniently - the same at a start: parts that do not fit (the
 * file has changed, or the program has) are left out, logged, and have a fault.
 */
struct config *managed_extend_leniently(const struct config *base,
                                        struct managed_book *book,
                                        struct buf *error) MUST_CHECK;

/* What left parts out may have gone: without their faults. */
void managed_forgive(struct managed_book *book);

/* ---- managed_codec.c: as the ledger keeps it ---- */
void managed_encode(const struct managed *managed,
                    const struct crypto_secrets *secrets, struct buf *out);
/* 0; -EBADMSG; -ENOTSUP: of a section that this program does not know. One that
 * another secret sealed is unreadable, with a fault. */
int managed_decode(struct str section, struct str name, struct str bytes,
                   const struct crypto_secrets *secrets,
                   struct managed **managed) MUST_CHECK;

#endif
