/*
 * cloudflare_box.c - what a Cloudflare gateway keeps beside its native options;
 * see cloudflare.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"
#include "common/crypto.h"

enum { TRIES = 16 }; /* others may write at the same time */

/* ---- names and times ---- */

static void
digest_uuid(const char *text, char out[40])
{
    uint8_t b[CRYPTO_DIGEST_BYTES];
    struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
    crypto_sha256(&piece, 1, b);
    b[6] = (uint8_t)(0x80 | (b[6] & 0x0f)); /* version 8 of RFC 9562 */
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    snprintf(out, 40,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
             b[11], b[12], b[13], b[14], b[15]);
}

void
cloudflare_name_uuid(const char *name, char out[40])
{
    digest_uuid(name, out);
}

void
cloudflare_uuid(const struct visit *visit, const char *salt, char out[40])
{
    char text[256];
    snprintf(text, sizeof(text), "%s %lld %s", visit->id,
             (long long)visit->now_ms, salt);
    digest_uuid(text, out);
}

void
cloudflare_stamp(const struct visit *visit, cJSON *object, bool is_new)
{
    if (is_new)
        shape_add_time_ms(object, "created_at", visit->now_ms);
    cJSON_DeleteItemFromObjectCaseSensitive(object, "modified_at");
    shape_add_time_ms(object, "modified_at", visit->now_ms);
}

void
cloudflare_profile_name(const struct visit *visit, char name[256])
{
    snprintf(name, 256, "%s/%s", visit->params[0], visit->params[1]);
}

/* ---- the box ---- */

static void
fill(struct cloudflare_box *box, const cJSON *profile)
{
    box->profile = profile;
    box->content = cJSON_Parse(shape_text(profile, "attributes"));
    if (!cJSON_IsObject(box->content)) {
        cJSON_Delete(box->content);
        box->content = cJSON_CreateObject();
    }
}

void
cloudflare_box_close(struct cloudflare_box *box)
{
    cJSON_Delete(box->content);
    box->content = NULL;
}

bool
cloudflare_box_open(struct visit *visit, struct cloudflare_box *box)
{
    char name[256];
    uint16_t status;
    cloudflare_profile_name(visit, name);
    const cJSON *profile = visit_try(visit, &status, HTTP_GET, NULL,
                                     "/admin/v1/gateways/{}", name);
    if (profile == NULL)
        return false;
    if (status == 404)
        cloudflare_refuse_missing(visit, "Gateway", visit->params[1]);
    else if (status >= 400)
        cloudflare_refuse_native(visit, status, profile);
    else
        fill(box, profile);
    return status < 400;
}

/* One attempt. 1: written; 0: others were faster; -1: not there yet, or it was
 * answered. */
static int
try_change(struct visit *visit, cJSON **result,
           bool (*edit)(struct visit *visit, struct cloudflare_box *box,
                        cJSON *native, cJSON **result))
{
    struct cloudflare_box box;
    char name[256];
    uint16_t status;
    cloudflare_profile_name(visit, name);
    if (!cloudflare_box_open(visit, &box))
        return -1;
    cJSON *native = cJSON_CreateObject();
    if (!edit(visit, &box, native, result)) {
        cJSON_Delete(native);
        cloudflare_box_close(&box);
        return -1;
    }
    char *text = cJSON_PrintUnformatted(box.content);
    cJSON_AddStringToObject(native, "attributes", text == NULL ? "" : text);
    cJSON_free(text);
    if (strcmp(shape_text(box.profile, "managed_by"), "api") == 0)
        shape_add_copy(native, "if_revision",
                       shape_at(box.profile, "revision"));
    cloudflare_box_close(&box);
    const cJSON *answer = visit_try(visit, &status, HTTP_PATCH, native,
                                    "/admin/v1/gateways/{}", name);
    if (answer == NULL)
        return -1;
    if (status == 409 &&
        strcmp(shape_text(answer, "error.code"), "changed_meanwhile") == 0)
        return 0;
    if (status < 400)
        return 1;
    cloudflare_refuse_native(visit, status, answer);
    return -1;
}

void
cloudflare_box_change(struct visit *visit,
                      bool (*edit)(struct visit *visit,
                                   struct cloudflare_box *box, cJSON *native,
                                   cJSON **result),
                      void (*answer)(struct visit *visit, cJSON *result))
{
    for (int i = 0; i < TRIES; i++) {
        cJSON *result = NULL;
        int rc = try_change(visit, &result, edit);
        if (rc > 0) {
            answer(visit, result);
            return;
        }
        cJSON_Delete(result);
        if (rc < 0)
            return;
    }
    cloudflare_refuse(visit, 409, 7001,
                      "It is being changed by others: try again");
}

cJSON *
cloudflare_box_list(struct cloudflare_box *box, const char *name)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(box->content, name);
    return cJSON_IsArray(list) ? list
                               : cJSON_AddArrayToObject(box->content, name);
}

cJSON *
cloudflare_box_find(struct visit *visit, cJSON *list, const char *what,
                    const char *id)
{
    cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(shape_text(item, "id"), id) == 0)
            return item;
    }
    cloudflare_refuse_missing(visit, what, id);
    return NULL;
}
