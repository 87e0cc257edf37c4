/*
 * zenlayer_settings.c - Zenlayer's actions on models and on the addresses from
 * which a gateway may be called.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/zenlayer.h"

const cJSON *
zenlayer_gateway(struct visit *visit)
{
    const cJSON *body = zenlayer_body(visit, "gatewayUuid*s");
    return body == NULL ? NULL
                        : visit_ask(visit, HTTP_GET, NULL, "/admin/v1/keys/{}",
                                    shape_text(body, "gatewayUuid"));
}

static bool
is_allowed(const cJSON *models, const char *name)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, models)
    {
        if (strcmp(item->valuestring, name) == 0)
            return true;
    }
    return models == NULL;
}

static void
describe_gateway_models(struct visit *visit)
{
    const cJSON *key = zenlayer_gateway(visit);
    const cJSON *all = key == NULL ? NULL : zenlayer_models(visit);
    const cJSON *model = NULL;
    if (all == NULL)
        return;
    cJSON *response = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(response, "models");
    cJSON_ArrayForEach(model, all)
    {
        const char *name = shape_text(model, "id");
        if (shape_true(model, "wildcard") ||
            !is_allowed(shape_at(key, "models"), name))
            continue;
        cJSON *one = cJSON_CreateObject();
        shape_add_copy(one, "modelUuid", shape_at(model, "uuid"));
        cJSON_AddStringToObject(one, "modelName", name);
        cJSON_AddItemToArray(list, one);
    }
    zenlayer_answer(visit, response);
}

static void
describe_models(struct visit *visit)
{
    const cJSON *body = zenlayer_body(visit, "");
    const cJSON *all = body == NULL ? NULL : zenlayer_models(visit);
    const cJSON *model = NULL;
    if (all == NULL)
        return;
    cJSON *response = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(response, "modelSet");
    cJSON_ArrayForEach(model, all)
    {
        const cJSON *first =
            cJSON_GetArrayItem(shape_at(model, "providers"), 0);
        if (shape_true(model, "wildcard"))
            continue;
        cJSON *one = cJSON_CreateObject();
        shape_add_copy(one, "modelUuid", shape_at(model, "uuid"));
        shape_add_copy(one, "modelName", shape_at(model, "id"));
        cJSON_AddStringToObject(one, "modelType", shape_text(model, "type"));
        cJSON_AddStringToObject(one, "providerName",
                                shape_text(first, "provider"));
        cJSON_AddItemToArray(list, one);
    }
    zenlayer_answer(visit, response);
}

static void
describe_acl(struct visit *visit)
{
    const cJSON *key = zenlayer_gateway(visit);
    if (key == NULL)
        return;
    bool deny = strcmp(shape_text(key, "ip_acl.type"), "deny") == 0;
    cJSON *response = cJSON_CreateObject();
    cJSON_AddStringToObject(response, "ipAclType", deny ? "BLACK" : "WHITE");
    shape_add_copy(response, "ipAddresses", shape_at(key, "ip_acl.addresses"));
    cJSON_AddBoolToObject(response, "enabled",
                          shape_true(key, "ip_acl.enabled"));
    zenlayer_answer(visit, response);
}

static void
modify_acl(struct visit *visit)
{
    const cJSON *body =
        zenlayer_body(visit, "gatewayUuid*s ipAclType*s ipAddressesa enabledb");
    if (body == NULL)
        return;
    const char *type = zenlayer_word(visit, body, "ipAclType", "WHITE|BLACK");
    if (type == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    cJSON *acl = cJSON_AddObjectToObject(native, "ip_acl");
    cJSON_AddStringToObject(acl, "type", type[0] == 'W' ? "allow" : "deny");
    if (shape_at(body, "ipAddresses") != NULL)
        shape_add_copy(acl, "addresses", shape_at(body, "ipAddresses"));
    if (shape_at(body, "enabled") != NULL)
        cJSON_AddBoolToObject(acl, "enabled", shape_true(body, "enabled"));
    if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/keys/{}",
                  shape_text(body, "gatewayUuid")) != NULL)
        zenlayer_answer(visit, NULL);
}

const struct dialect_route zenlayer_settings[] = {
    {HTTP_POST, "DescribeAiGatewayModels", describe_gateway_models, 0},
    {HTTP_POST, "DescribeAiModels", describe_models, 0},
    {HTTP_POST, "DescribeAiGatewayIpAcl", describe_acl, 0},
    {HTTP_POST, "ModifyAiGatewayIpAcl", modify_acl, 0},
    {HTTP_POST, NULL, NULL, 0},
};
