/*
 * object_codec.c - see object_codec.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/object_codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/codec.h"

enum {
    OBJECT_VERSION = 1,
    OBJECT_WITH_SETTINGS = 2, /* the same, and their text behind it */
    GATEWAY_ENABLED = 1,
    GATEWAY_HOLD_WORST = 2,
    GATEWAY_CRASH_RESERVED = 4,
    GATEWAY_ACL_ENABLED = 8,
    GATEWAY_ACL_ALLOW = 16,
};

/*
 * What came later stands behind the rest as a letter and bytes, and only where
 * there is something: so objects that do not use it are read by programs that
 * do not know it.
 */
enum {
    EXTRA_MODEL_LIMITS = 'm',
    EXTRA_FORMER = 'f',  /* until, digest, masked */
    EXTRA_DELETED = 'd', /* since */
    EXTRA_GROUP = 'g',   /* flags, ratios, alert */
    GROUP_DISABLED = 1,
};

static void
put_extra(struct buf *out, uint8_t letter, struct buf *bytes)
{
    codec_put_u8(out, letter);
    codec_put_bytes(out, buf_ptr(bytes), buf_len(bytes));
    if (!buf_ok(bytes))
        out->failed = true;
    buf_fini(bytes);
}

static void
put_model_limits(struct buf *out, const struct model_limits *limits)
{
    struct buf bytes;
    if (limits == NULL || limits->count == 0)
        return;
    buf_init(&bytes, 0);
    model_limits_encode(limits, &bytes);
    put_extra(out, EXTRA_MODEL_LIMITS, &bytes);
}

static void
put_former(struct buf *out, const struct gateway *gateway)
{
    struct buf bytes;
    if (gateway->former_until_ms == 0)
        return;
    buf_init(&bytes, 0);
    codec_put_i64(&bytes, gateway->former_until_ms);
    codec_put_bytes(&bytes, gateway->former_digest,
                    sizeof(gateway->former_digest));
    codec_put_cstr(&bytes, gateway->former_masked);
    put_extra(out, EXTRA_FORMER, &bytes);
}

static void
put_deleted(struct buf *out, int64_t deleted_ms)
{
    struct buf bytes;
    if (deleted_ms == 0)
        return;
    buf_init(&bytes, 0);
    codec_put_i64(&bytes, deleted_ms);
    put_extra(out, EXTRA_DELETED, &bytes);
}

/* The next letter, 0 at the end. */
static uint8_t
next_extra(struct codec_reader *reader, struct str *bytes)
{
    if (reader->bad || reader->left == 0)
        return 0;
    uint8_t letter = codec_get_u8(reader);
    *bytes = codec_get_bytes(reader);
    return reader->bad ? 0 : letter;
}

void
object_encode_gateway(const struct gateway *gateway, struct buf *out)
{
    uint64_t flags = (gateway->enabled ? GATEWAY_ENABLED : 0u) |
                     (gateway->hold_worst ? GATEWAY_HOLD_WORST : 0u) |
                     (gateway->crash_reserved ? GATEWAY_CRASH_RESERVED : 0u) |
                     (gateway->acl_enabled ? GATEWAY_ACL_ENABLED : 0u) |
                     (gateway->acl_allow ? GATEWAY_ACL_ALLOW : 0u);
    codec_put_u8(out, gateway->settings != NULL ? OBJECT_WITH_SETTINGS
                                                : OBJECT_VERSION);
    codec_put_u64(out, gateway->group_id);
    codec_put_cstr(out, gateway->name);
    codec_put_bytes(out, gateway->digest, sizeof(gateway->digest));
    codec_put_bytes(out, gateway->sealed, gateway->sealed_len);
    codec_put_cstr(out, gateway->masked);
    codec_put_u64(out, flags);
    codec_put_i64(out, gateway->expires_ms);
    codec_put_i64(out, gateway->created_ms);
    codec_put_i64(out, gateway->updated_ms);
    codec_put_u64(out, gateway->rpm);
    codec_put_u64(out, gateway->tpm);
    codec_put_u64(out, gateway->concurrency);
    codec_put_u64(out, gateway->on_exhausted);
    codec_put_u64(out, gateway->model_count);
    for (uint32_t i = 0; i < gateway->model_count; i++)
        codec_put_cstr(out, gateway->models[i]);
    codec_put_u64(out, gateway->acl_count);
    for (uint32_t i = 0; i < gateway->acl_count; i++)
        codec_put_cstr(out, gateway->acl[i]);
    codec_put_cstr(out, gateway->tags);
    if (gateway->settings != NULL)
        codec_put_cstr(out, gateway->settings);
    put_model_limits(out, gateway->model_limits);
    put_former(out, gateway);
    put_deleted(out, gateway->deleted_ms);
}

static int
get_models(struct codec_reader *reader, struct gateway *gateway)
{
    uint32_t count = (uint32_t)codec_get_max(reader, SHM_MODELS_MAX);
    if (count == 0)
        return 0;
    gateway->models = calloc(count, sizeof(*gateway->models));
    if (gateway->models == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count && !reader->bad; i++) {
        char name[SHM_NAME_BYTES];
        codec_get_cstr(reader, name, sizeof(name));
        gateway->models[i] = strdup(name);
        if (gateway->models[i] == NULL)
            return -ENOMEM;
        gateway->model_count++;
    }
    return 0;
}

static void
get_sealed(struct codec_reader *reader, struct gateway *gateway)
{
    struct str sealed = codec_get_bytes(reader);
    if (sealed.len > sizeof(gateway->sealed)) {
        reader->bad = true;
        return;
    }
    memcpy(gateway->sealed, sealed.ptr, sealed.len);
    gateway->sealed_len = (uint32_t)sealed.len;
}

static int
get_model_limits(struct str bytes, struct gateway *gateway)
{
    if (gateway->model_limits != NULL)
        return -EBADMSG;
    gateway->model_limits = malloc(sizeof(*gateway->model_limits));
    if (gateway->model_limits == NULL)
        return -ENOMEM;
    return model_limits_decode(bytes, gateway->model_limits) ? 0 : -EBADMSG;
}

static int
get_former(struct str bytes, struct gateway *gateway)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    gateway->former_until_ms = codec_get_i64(&reader);
    codec_get_exact(&reader, gateway->former_digest,
                    sizeof(gateway->former_digest));
    codec_get_cstr(&reader, gateway->former_masked,
                   sizeof(gateway->former_masked));
    return codec_reader_done(&reader) && gateway->former_until_ms > 0
               ? 0
               : -EBADMSG;
}

static int
get_deleted(struct str bytes, int64_t *deleted_ms)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    *deleted_ms = codec_get_i64(&reader);
    return codec_reader_done(&reader) && *deleted_ms > 0 ? 0 : -EBADMSG;
}

static int
get_gateway_extras(struct codec_reader *reader, struct gateway *gateway)
{
    struct str bytes;
    uint8_t letter;
    int rc = 0;
    while (rc == 0 && (letter = next_extra(reader, &bytes)) != 0) {
        if (letter == EXTRA_MODEL_LIMITS)
            rc = get_model_limits(bytes, gateway);
        else if (letter == EXTRA_FORMER)
            rc = get_former(bytes, gateway);
        else if (letter == EXTRA_DELETED)
            rc = get_deleted(bytes, &gateway->deleted_ms);
        else
            rc = -EBADMSG;
    }
    if (rc < 0)
        return rc;
    return codec_reader_done(reader) ? 0 : -EBADMSG;
}

static int
get_gateway(struct codec_reader *reader, uint8_t version,
            struct gateway *gateway)
{
    gateway->group_id = codec_get_u64(reader);
    codec_get_cstr(reader, gateway->name, sizeof(gateway->name));
    codec_get_exact(reader, gateway->digest, sizeof(gateway->digest));
    get_sealed(reader, gateway);
    codec_get_cstr(reader, gateway->masked, sizeof(gateway->masked));
    uint64_t flags = codec_get_u64(reader);
    gateway->enabled = (flags & GATEWAY_ENABLED) != 0;
    gateway->hold_worst = (flags & GATEWAY_HOLD_WORST) != 0;
    gateway->crash_reserved = (flags & GATEWAY_CRASH_RESERVED) != 0;
    gateway->acl_enabled = (flags & GATEWAY_ACL_ENABLED) != 0;
    gateway->acl_allow = (flags & GATEWAY_ACL_ALLOW) != 0;
    gateway->expires_ms = codec_get_i64(reader);
    gateway->created_ms = codec_get_i64(reader);
    gateway->updated_ms = codec_get_i64(reader);
    gateway->rpm = codec_get_u64(reader);
    gateway->tpm = codec_get_u64(reader);
    gateway->concurrency = (uint32_t)codec_get_max(reader, UINT32_MAX);
    gateway->on_exhausted = (uint32_t)codec_get_max(reader, SHM_ON_FINISH);
    int rc = get_models(reader, gateway);
    if (rc < 0)
        return rc;
    gateway->acl_count = (uint32_t)codec_get_max(reader, SHM_ACL_MAX);
    for (uint32_t i = 0; i < gateway->acl_count; i++)
        codec_get_cstr(reader, gateway->acl[i], sizeof(gateway->acl[i]));
    codec_get_cstr(reader, gateway->tags, sizeof(gateway->tags));
    if (version == OBJECT_WITH_SETTINGS) {
        gateway->settings = calloc(1, SETTINGS_TEXT_MAX);
        if (gateway->settings == NULL)
            return -ENOMEM;
        codec_get_cstr(reader, gateway->settings, SETTINGS_TEXT_MAX);
    }
    return get_gateway_extras(reader, gateway);
}

int
object_decode_gateway(uint64_t id, struct str bytes, struct gateway **out)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    uint8_t version = codec_get_u8(&reader);
    if (version != OBJECT_VERSION && version != OBJECT_WITH_SETTINGS)
        return -EBADMSG;
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return -ENOMEM;
    gateway->id = id;
    gateway->entry = SHM_ENTRY_NONE;
    int rc = get_gateway(&reader, version, gateway);
    if (rc < 0) {
        gateway_free(&gateway);
        return rc;
    }
    *out = gateway;
    return 0;
}

static void
put_group_extra(struct buf *out, const struct group *group)
{
    struct buf bytes;
    if (!group->disabled && group->alert_below_nano == 0 &&
        group->ratio[SHM_RATIO_RPM] == 0 && group->ratio[SHM_RATIO_TPM] == 0)
        return;
    buf_init(&bytes, 0);
    codec_put_u64(&bytes, group->disabled ? GROUP_DISABLED : 0u);
    for (int i = 0; i < SHM_RATIOS; i++)
        codec_put_u64(&bytes, group->ratio[i]);
    codec_put_i64(&bytes, group->alert_below_nano);
    put_extra(out, EXTRA_GROUP, &bytes);
}

void
object_encode_group(const struct group *group, struct buf *out)
{
    bool has_settings = group->settings[0] != '\0';
    codec_put_u8(out, has_settings ? OBJECT_WITH_SETTINGS : OBJECT_VERSION);
    codec_put_cstr(out, group->name);
    codec_put_u8(out, group->prepaid ? 1 : 0);
    codec_put_i64(out, group->topped_up_nano);
    codec_put_u64(out, group->rpm);
    codec_put_u64(out, group->tpm);
    codec_put_u64(out, group->concurrency);
    codec_put_i64(out, group->created_ms);
    codec_put_i64(out, group->updated_ms);
    if (has_settings)
        codec_put_cstr(out, group->settings);
    put_model_limits(out, &group->model_limits);
    put_group_extra(out, group);
    put_deleted(out, group->deleted_ms);
}

static bool
get_group_extra(struct str bytes, struct group *group)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    uint64_t flags = codec_get_u64(&reader);
    group->disabled = (flags & GROUP_DISABLED) != 0;
    for (int i = 0; i < SHM_RATIOS; i++)
        group->ratio[i] = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    group->alert_below_nano = codec_get_i64(&reader);
    return codec_reader_done(&reader) && group->alert_below_nano >= 0;
}

static bool
get_group_extras(struct codec_reader *reader, struct group *group)
{
    struct str bytes;
    uint8_t letter;
    bool good = true;
    while (good && (letter = next_extra(reader, &bytes)) != 0) {
        if (letter == EXTRA_MODEL_LIMITS)
            good = model_limits_decode(bytes, &group->model_limits);
        else if (letter == EXTRA_DELETED)
            good = get_deleted(bytes, &group->deleted_ms) == 0;
        else
            good = letter == EXTRA_GROUP && get_group_extra(bytes, group);
    }
    return good && codec_reader_done(reader);
}

int
object_decode_group(uint64_t id, struct str bytes, struct group **out)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    uint8_t version = codec_get_u8(&reader);
    if (version != OBJECT_VERSION && version != OBJECT_WITH_SETTINGS)
        return -EBADMSG;
    struct group *group = calloc(1, sizeof(*group));
    if (group == NULL)
        return -ENOMEM;
    group->id = id;
    group->entry = SHM_ENTRY_NONE;
    codec_get_cstr(&reader, group->name, sizeof(group->name));
    group->prepaid = codec_get_u8(&reader) != 0;
    group->topped_up_nano = codec_get_i64(&reader);
    group->rpm = codec_get_u64(&reader);
    group->tpm = codec_get_u64(&reader);
    group->concurrency = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    group->created_ms = codec_get_i64(&reader);
    group->updated_ms = codec_get_i64(&reader);
    if (version == OBJECT_WITH_SETTINGS)
        codec_get_cstr(&reader, group->settings, sizeof(group->settings));
    if (!get_group_extras(&reader, group)) {
        free(group);
        return -EBADMSG;
    }
    *out = group;
    return 0;
}
