/*
 * cloudflare_sets.c - datasets, evaluations and their types: stored and listed,
 * nothing here is evaluated.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"

enum { PER_PAGE_MAX = 50, NAME_MAX = 256, SETS_MAX = 100 };

static const struct cloudflare_field dataset_fields[] = {
    {"name", CF_TEXT, CF_REQUIRED, 1, NAME_MAX, NULL},
    {"enable", CF_BOOL, CF_REQUIRED, 0, 0, NULL},
    {"filters", CF_ARRAY, CF_REQUIRED, 0, 32, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};
static const struct cloudflare_field evaluation_fields[] = {
    {"name", CF_TEXT, CF_REQUIRED, 1, NAME_MAX, NULL},
    {"dataset_ids", CF_ARRAY, CF_REQUIRED, 0, 32, NULL},
    {"evaluation_type_ids", CF_ARRAY, CF_REQUIRED, 0, 32, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};

/* ---- what both share ---- */

static bool
has_room(struct visit *visit, const cJSON *list)
{
    if (cJSON_GetArraySize(list) < SETS_MAX)
        return true;
    cloudflare_refuse(visit, 409, 7001, "There are too many of them");
    return false;
}

static bool
name_is_free(struct visit *visit, const cJSON *list, const cJSON *fields,
             const char *besides)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(shape_text(item, "name"), shape_text(fields, "name")) != 0 ||
            strcmp(shape_text(item, "id"), besides) == 0)
            continue;
        cJSON *faults = cJSON_CreateArray();
        cloudflare_fault(faults, "name", "the name '%.64s' is taken",
                         shape_text(fields, "name"));
        cloudflare_refuse_faults(visit, faults);
        return false;
    }
    return true;
}

static void
answer_list(struct visit *visit, const char *name)
{
    struct cloudflare_page page;
    struct cloudflare_box box;
    const char *search = visit_query(visit, "search");
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) ||
        !cloudflare_box_open(visit, &box))
        return;
    cJSON *all = cJSON_CreateArray();
    const cJSON *item;
    cJSON_ArrayForEach(item, cloudflare_box_list(&box, name))
    {
        if (search == NULL ||
            strcasestr(shape_text(item, "name"), search) != NULL)
            cJSON_AddItemToArray(all, cJSON_Duplicate(item, true));
    }
    cloudflare_box_close(&box);
    cloudflare_answer_list(visit, all, &page);
}

static void
answer_one(struct visit *visit, const char *name, const char *what)
{
    struct cloudflare_box box;
    if (!cloudflare_box_open(visit, &box))
        return;
    const cJSON *item = cloudflare_box_find(
        visit, cloudflare_box_list(&box, name), what, visit->params[2]);
    if (item != NULL)
        cloudflare_answer(visit, cJSON_Duplicate(item, true));
    cloudflare_box_close(&box);
}

static bool
take_out(struct visit *visit, struct cloudflare_box *box, const char *name,
         const char *what, cJSON **result)
{
    cJSON *list = cloudflare_box_list(box, name);
    cJSON *item = cloudflare_box_find(visit, list, what, visit->params[2]);
    if (item == NULL)
        return false;
    *result = cJSON_DetachItemViaPointer(list, item);
    return true;
}

/* ---- datasets ---- */

static bool
add_dataset(struct visit *visit, struct cloudflare_box *box, cJSON *native,
            cJSON **result)
{
    char id[40];
    (void)native;
    cJSON *list = cloudflare_box_list(box, "datasets");
    const cJSON *body = visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, dataset_fields);
    if (fields == NULL)
        return false;
    if (!has_room(visit, list) || !name_is_free(visit, list, fields, "")) {
        cJSON_Delete(fields);
        return false;
    }
    cloudflare_uuid(visit, "dataset", id);
    cJSON_AddStringToObject(fields, "id", id);
    cJSON_AddStringToObject(fields, "gateway_id", visit->params[1]);
    cloudflare_stamp(visit, fields, true);
    cJSON_AddItemToArray(list, fields);
    *result = cJSON_Duplicate(fields, true);
    return true;
}

static void
create_dataset(struct visit *visit)
{
    cloudflare_box_change(visit, add_dataset, cloudflare_answer);
}

static void
list_datasets(struct visit *visit)
{
    answer_list(visit, "datasets");
}

static void
get_dataset(struct visit *visit)
{
    answer_one(visit, "datasets", "Dataset");
}

static bool
put_dataset(struct visit *visit, struct cloudflare_box *box, cJSON *native,
            cJSON **result)
{
    (void)native;
    cJSON *list = cloudflare_box_list(box, "datasets");
    cJSON *item = cloudflare_box_find(visit, list, "Dataset", visit->params[2]);
    const cJSON *body = item == NULL ? NULL : visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, dataset_fields);
    if (fields == NULL)
        return false;
    if (!name_is_free(visit, list, fields, visit->params[2])) {
        cJSON_Delete(fields);
        return false;
    }
    shape_add_copy(fields, "id", shape_at(item, "id"));
    shape_add_copy(fields, "gateway_id", shape_at(item, "gateway_id"));
    shape_add_copy(fields, "created_at", shape_at(item, "created_at"));
    cloudflare_stamp(visit, fields, false);
    *result = cJSON_Duplicate(fields, true);
    cJSON_ReplaceItemViaPointer(list, item, fields);
    return true;
}

static void
update_dataset(struct visit *visit)
{
    cloudflare_box_change(visit, put_dataset, cloudflare_answer);
}

static bool
drop_dataset(struct visit *visit, struct cloudflare_box *box, cJSON *native,
             cJSON **result)
{
    (void)native;
    return take_out(visit, box, "datasets", "Dataset", result);
}

static void
delete_dataset(struct visit *visit)
{
    cloudflare_box_change(visit, drop_dataset, cloudflare_answer);
}

/* ---- evaluations ---- */

/* Copies of the datasets with these ids; NULL: one is not there, answered. */
static cJSON *
datasets_of(struct visit *visit, struct cloudflare_box *box, const cJSON *ids)
{
    cJSON *out = cJSON_CreateArray();
    const cJSON *id;
    cJSON_ArrayForEach(id, ids)
    {
        const cJSON *found = cloudflare_box_find(
            visit, cloudflare_box_list(box, "datasets"), "Dataset",
            cJSON_IsString(id) ? id->valuestring : "");
        if (found == NULL) {
            cJSON_Delete(out);
            return NULL;
        }
        cJSON_AddItemToArray(out, cJSON_Duplicate(found, true));
    }
    return out;
}

static bool
add_evaluation(struct visit *visit, struct cloudflare_box *box, cJSON *native,
               cJSON **result)
{
    char id[40];
    (void)native;
    cJSON *list = cloudflare_box_list(box, "evaluations");
    const cJSON *body = visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, evaluation_fields);
    if (fields == NULL)
        return false;
    cJSON *datasets =
        !has_room(visit, list) || !name_is_free(visit, list, fields, "")
            ? NULL
            : datasets_of(visit, box, shape_at(fields, "dataset_ids"));
    if (datasets == NULL) {
        cJSON_Delete(fields);
        return false;
    }
    cloudflare_uuid(visit, "evaluation", id);
    cJSON *made = cJSON_CreateObject();
    cJSON_AddStringToObject(made, "id", id);
    shape_add_copy(made, "name", shape_at(fields, "name"));
    cJSON_AddStringToObject(made, "gateway_id", visit->params[1]);
    cJSON_AddItemToObject(made, "datasets", datasets);
    cJSON_AddFalseToObject(made, "processed");
    cJSON_AddArrayToObject(made, "results");
    cJSON_AddNumberToObject(made, "total_logs", 0);
    cloudflare_stamp(visit, made, true);
    cJSON_Delete(fields);
    cJSON_AddItemToArray(list, made);
    *result = cJSON_Duplicate(made, true);
    return true;
}

static void
create_evaluation(struct visit *visit)
{
    cloudflare_box_change(visit, add_evaluation, cloudflare_answer);
}

static void
list_evaluations(struct visit *visit)
{
    answer_list(visit, "evaluations");
}

static void
get_evaluation(struct visit *visit)
{
    answer_one(visit, "evaluations", "Evaluation");
}

static bool
drop_evaluation(struct visit *visit, struct cloudflare_box *box, cJSON *native,
                cJSON **result)
{
    (void)native;
    return take_out(visit, box, "evaluations", "Evaluation", result);
}

static void
delete_evaluation(struct visit *visit)
{
    cloudflare_box_change(visit, drop_evaluation, cloudflare_answer);
}

/* ---- their types ---- */

static void
list_types(struct visit *visit)
{
    static const struct {
        const char *name, *type, *description;
    } types[] = {
        {"Cost", "cost", "What the calls of a dataset cost on average"},
        {"Speed", "duration", "How long the calls of a dataset take"},
        {"Human feedback", "feedback", "How many answers were judged good"},
    };
    struct cloudflare_page page;
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) ||
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                  visit->params[0]) == NULL)
        return;
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char id[40];
        cJSON *type = cJSON_CreateObject();
        cloudflare_name_uuid(types[i].type, id);
        cJSON_AddStringToObject(type, "id", id);
        cJSON_AddStringToObject(type, "name", types[i].name);
        cJSON_AddStringToObject(type, "type", types[i].type);
        cJSON_AddStringToObject(type, "description", types[i].description);
        cJSON_AddTrueToObject(type, "enable");
        cJSON_AddFalseToObject(type, "mandatory");
        cJSON_AddStringToObject(type, "created_at", "2024-09-01T00:00:00Z");
        cJSON_AddStringToObject(type, "modified_at", "2024-09-01T00:00:00Z");
        cJSON_AddItemToArray(all, type);
    }
    cloudflare_answer_list(visit, all, &page);
}

// clang-format off
const struct dialect_route cloudflare_set_routes[] = {
    {HTTP_GET, "/accounts/{}/ai-gateway/evaluation-types", list_types, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/datasets", create_dataset, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/datasets", list_datasets, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/datasets/{}", get_dataset, 0},
    {HTTP_PUT, "/accounts/{}/ai-gateway/gateways/{}/datasets/{}", update_dataset, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/gateways/{}/datasets/{}", delete_dataset, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways/{}/evaluations", create_evaluation, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/evaluations", list_evaluations, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/evaluations/{}", get_evaluation, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/gateways/{}/evaluations/{}", delete_evaluation, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
