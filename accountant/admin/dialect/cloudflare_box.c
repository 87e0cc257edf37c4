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
    box->refusal = NULL;
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

typedef bool (*box_edit)(struct visit *visit, struct cloudflare_box *box,
                         cJSON *native, cJSON **result);

enum outcome {
    WRITTEN,
    OVERTAKEN, /* others were faster */
    UNFIT,     /* its native routes do not go with the configuration */
    ENDED,     /* not there yet, or it was answered */
};

static enum outcome
outcome_of(struct visit *visit, uint16_t status, const cJSON *answer,
           bool has_routes, const char **refusal)
{
    if (answer == NULL)
        return ENDED;
    if (status < 400)
        return WRITTEN;
    if (status == 409 &&
        strcmp(shape_text(answer, "error.code"), "changed_meanwhile") == 0)
        return OVERTAKEN;
    if (status == 400 && has_routes && *refusal == NULL) {
        *refusal = shape_text(answer, "error.message");
        return UNFIT;
    }
    cloudflare_refuse_native(visit, status, answer);
    return ENDED;
}

/* One attempt; *refusal: of an earlier one, and of this. */
static enum outcome
try_change(struct visit *visit, cJSON **result, const char **refusal,
           box_edit edit)
{
    struct cloudflare_box box;
    char name[256];
    uint16_t status;
    cloudflare_profile_name(visit, name);
    if (!cloudflare_box_open(visit, &box))
        return ENDED;
    box.refusal = *refusal;
    cJSON *native = cJSON_CreateObject();
    if (!edit(visit, &box, native, result)) {
        cJSON_Delete(native);
        cloudflare_box_close(&box);
        return ENDED;
    }
    char *text = cJSON_PrintUnformatted(box.content);
    cJSON_AddStringToObject(native, "attributes", text == NULL ? "" : text);
    cJSON_free(text);
    if (strcmp(shape_text(box.profile, "managed_by"), "api") == 0)
        shape_add_copy(native, "if_revision",
                       shape_at(box.profile, "revision"));
    bool has_routes = shape_at(native, "routes") != NULL;
    cloudflare_box_close(&box);
    const cJSON *answer = visit_try(visit, &status, HTTP_PATCH, native,
                                    "/admin/v1/gateways/{}", name);
    return outcome_of(visit, status, answer, has_routes, refusal);
}

void
cloudflare_box_change(struct visit *visit, box_edit edit,
                      void (*answer)(struct visit *visit, cJSON *result))
{
    const char *refusal = NULL; /* lives as long as the visit */
    for (int i = 0; i < TRIES; i++) {
        cJSON *result = NULL;
        enum outcome outcome = try_change(visit, &result, &refusal, edit);
        if (outcome == WRITTEN) {
            answer(visit, result);
            return;
        }
        cJSON_Delete(result);
        if (outcome == ENDED)
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
