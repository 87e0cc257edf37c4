/*
 * managed_codec.c - parts of the configuration as bytes in the ledger:
 *
 *   version1 | revision | created | updated | sealed (count, name, value ...)
 *
 * The seal names the part, so that none passes for another.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/managed.h"
#include "common/log.h"

enum { VALUE_VERSION = 1, SEAL_NAME_BYTES = MANAGED_NAME_BYTES + 64 };

static struct str
seal_name(enum config_section section, const char *name,
          char out[SEAL_NAME_BYTES])
{
    int len = snprintf(out, SEAL_NAME_BYTES, "config/%s/%s",
                       config_section_names[section], name);
    return str_make(out, (size_t)len);
}

void
managed_encode(const struct managed *managed,
               const struct crypto_secrets *secrets, struct buf *out)
{
    struct buf plain;
    char aad[SEAL_NAME_BYTES];
    buf_init_secret(&plain, 0);
    codec_put_u64(&plain, managed->pair_count);
    for (unsigned i = 0; i < managed->pair_count; i++) {
        codec_put_cstr(&plain, managed->pairs[i].name);
        codec_put_cstr(&plain, managed->pairs[i].value);
    }
    uint8_t *sealed = malloc(buf_len(&plain) + CRYPTO_SEAL_OVERHEAD);
    if (sealed == NULL || !buf_ok(&plain))
        fatal("out of memory");
    size_t len =
        crypto_seal(secrets, seal_name(managed->section, managed->name, aad),
                    buf_ptr(&plain), buf_len(&plain), sealed);
    codec_put_u8(out, VALUE_VERSION);
    codec_put_u64(out, managed->revision);
    codec_put_i64(out, managed->created_ms);
    codec_put_i64(out, managed->updated_ms);
    codec_put_bytes(out, sealed, len);
    free(sealed);
    buf_fini(&plain);
}

/* A view as a text of its own; false when it holds a NUL. */
static bool
take_text(struct str view, char **text)
{
    *text = NULL;
    if (view.len > 0 && memchr(view.ptr, '\0', view.len) != NULL)
        return false;
    *text = calloc(1, view.len + 1);
    if (*text == NULL)
        fatal("out of memory");
    str_copy(*text, view);
    return true;
}

static bool
read_pairs(struct managed *managed, struct str bytes)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    uint64_t count = codec_get_max(&reader, CONFIG_SECTION_OPTIONS_MAX);
    for (uint64_t i = 0; i < count && !reader.bad; i++) {
        char *name, *value = NULL;
        bool good = take_text(codec_get_bytes(&reader), &name) &&
                    take_text(codec_get_bytes(&reader), &value) && !reader.bad;
        if (good)
            managed_set(managed, name, value);
        if (value != NULL)
            explicit_bzero(value, strlen(value));
        free(name);
        free(value);
        if (!good)
            return false;
    }
    return codec_reader_done(&reader);
}

static bool
open_pairs(struct managed *managed, const struct crypto_secrets *secrets,
           struct str sealed)
{
    char aad[SEAL_NAME_BYTES];
    uint8_t *plain = malloc(sealed.len + 1);
    if (plain == NULL)
        fatal("out of memory");
    int len =
        crypto_open(secrets, seal_name(managed->section, managed->name, aad),
                    (const uint8_t *)sealed.ptr, sealed.len, plain);
    bool good = len >= 0 &&
                read_pairs(managed, str_make((const char *)plain, (size_t)len));
    crypto_wipe(plain, sealed.len);
    free(plain);
    return good;
}

int
managed_decode(struct str section, struct str name, struct str bytes,
               const struct crypto_secrets *secrets, struct managed **managed)
{
    char section_name[40], own_name[MANAGED_NAME_BYTES];
    struct codec_reader reader;
    if (section.len >= sizeof(section_name) || name.len >= sizeof(own_name))
        return -EBADMSG;
    *str_copy(section_name, section) = '\0';
    *str_copy(own_name, name) = '\0';
    int number = config_section_by_name(section_name);
    if (number < 0)
        return -ENOTSUP;
    codec_reader_init(&reader, bytes);
    uint8_t version = codec_get_u8(&reader);
    *managed = managed_make((enum config_section)number, own_name);
    (*managed)->revision = codec_get_u64(&reader);
    (*managed)->created_ms = codec_get_i64(&reader);
    (*managed)->updated_ms = codec_get_i64(&reader);
    struct str sealed = codec_get_bytes(&reader);
    if (version != VALUE_VERSION || !codec_reader_done(&reader)) {
        managed_put(*managed);
        *managed = NULL;
        return -EBADMSG;
    }
    if (open_pairs(*managed, secrets, sealed))
        return 0;
    (*managed)->unreadable = true;
    (*managed)->fault = strdup("it was sealed under another secret");
    if ((*managed)->fault == NULL)
        fatal("out of memory");
    log_error("%s %s, which management made, is left out: it was sealed under "
              "another secret",
              section_name, own_name);
    return 0;
}
