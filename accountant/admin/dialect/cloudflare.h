/*
 * cloudflare.h - what the files of Cloudflare's API share: its envelopes, its
 * errors, the account of a path, fields of bodies.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_H

#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/shape.h"

/* ---- cloudflare.c: answers; what is given is taken ---- */

/* 200, {success, errors, messages, result}; `result` NULL is null. */
void cloudflare_answer(struct visit *visit, cJSON *result);
/* The same with `message` of that code among the messages. */
void cloudflare_answer_noted(struct visit *visit, cJSON *result, int code,
                             const char *message);
/* One error in the envelope, result null. */
void cloudflare_refuse(struct visit *visit, uint16_t status, int code,
                       const char *message);
/* 400 with the errors of cloudflare_fault(). */
void cloudflare_refuse_faults(struct visit *visit, cJSON *faults);
/* One more of them; `member` may be dotted, of the body. */
void cloudflare_fault(cJSON *faults, const char *member, const char *format,
                      ...) PRINTF_LIKE(3, 4);
/* 404 7002. */
void cloudflare_refuse_missing(struct visit *visit, const char *what,
                               const char *id);
/* As a native operation that visit_try() asked said it. */
void cloudflare_refuse_native(struct visit *visit, uint16_t status,
                              const cJSON *answer);

/* ---- lists ---- */

struct cloudflare_page {
    uint64_t page, per_page;
};
/* Of the query; false: answered. */
bool cloudflare_page(struct visit *visit, struct cloudflare_page *page,
                     uint64_t most) MUST_CHECK;
/* Those of `all` (taken) that are on the page, in the envelope. */
void cloudflare_answer_list(struct visit *visit, cJSON *all,
                            const struct cloudflare_page *page);
/* The same where the page is all that is there; total < 0: not counted. */
void cloudflare_answer_page(struct visit *visit, cJSON *items,
                            const struct cloudflare_page *page, int64_t total,
                            cJSON *info);
/* The raw list {"success", "data": {NAME: [...], "order_by", ...}}. */
void cloudflare_answer_data(struct visit *visit, const char *name, cJSON *all,
                            const struct cloudflare_page *page);

/* ---- cloudflare_fields.c ---- */

enum cloudflare_type {
    CF_TEXT, /* min to max bytes */
    CF_BOOL,
    CF_INT, /* min to max */
    CF_NUMBER,
    CF_WORD, /* one of `words` */
    CF_OBJECT,
    CF_ARRAY, /* at most max items; 0: any number */
};
enum cloudflare_field_flags {
    CF_REQUIRED = 1,
    CF_NULL = 2,    /* null may be said */
    CF_CHANGED = 4, /* only where an object is changed, not where it is made */
};
struct cloudflare_field {
    const char *name;
    enum cloudflare_type type;
    unsigned flags;
    double min, max;
    const char *words; /* of CF_WORD, "|" between */
};

/*
 * cloudflare_fields - of the body only what the table has, each as it must be;
 * ends with a NULL name. What is not in the table is left out, as the original
 * does. NULL: answered, with all faults. Else a new object.
 */
cJSON *cloudflare_fields(struct visit *visit, const cJSON *body,
                         const struct cloudflare_field *table) MUST_CHECK;
/* The same, faults added to `faults`. */
cJSON *cloudflare_fields_check(const cJSON *body,
                               const struct cloudflare_field *table,
                               cJSON *faults) MUST_CHECK;

/* ---- cloudflare_box.c: what a gateway keeps ---- */

/*
 * A gateway {account}/{id} is the native profile of that name; fields without a
 * native option, and what hangs on it (datasets, routes, ...), are JSON in its
 * option `attributes`, the box:
 *     {"settings": {...}, "datasets": [...], ...}
 */
struct cloudflare_box {
    const cJSON *profile; /* the native object */
    cJSON *content;       /* owned */
    const char *refusal;  /* why native routes were refused before, or NULL */
};
/* Of the account and gateway in the path's first two parameters. False: not
 * there yet, or answered. */
bool cloudflare_box_open(struct visit *visit,
                         struct cloudflare_box *box) MUST_CHECK;
void cloudflare_box_close(struct cloudflare_box *box);
/*
 * cloudflare_box_change - opens, has `edit` change box->content and make *result
 * (false: it has answered), writes back; where others wrote meanwhile once more
 * from the start. `answer` then gets *result. `edit` may add native members to
 * `native`, and dynamic routes as its `routes`; where these do not fit to the
 * configuration it is asked once more, with box->refusal.
 */
void cloudflare_box_change(struct visit *visit,
                           bool (*edit)(struct visit *visit,
                                        struct cloudflare_box *box,
                                        cJSON *native, cJSON **result),
                           void (*answer)(struct visit *visit, cJSON *result));
/* The list of that name in the box, made where it is absent. */
cJSON *cloudflare_box_list(struct cloudflare_box *box, const char *name);
/* Its item with that "id", or NULL and 404 was answered. */
cJSON *cloudflare_box_find(struct visit *visit, cJSON *list, const char *what,
                           const char *id);
/* "ACCOUNT/ID" of the path. */
void cloudflare_profile_name(const struct visit *visit, char name[256]);

/* cloudflare_elements.c: known types, ids, and outputs that lead to one of them;
 * what is wrong is added to `faults`. NULL elements are fine: there are none. */
void cloudflare_elements_check(const cJSON *elements, cJSON *faults);
/* Whether one of them asks a model: else there is nothing to do for them. */
bool cloudflare_elements_ask(const cJSON *elements);

/* cloudflare_dlp.c: what is wrong with a `dlp` (NULL: there is none). */
void cloudflare_dlp_check(const cJSON *dlp, cJSON *faults);
/* Its rules as native options: none where it is off. */
void cloudflare_dlp_put(cJSON *native, const cJSON *dlp);

/* A UUID of this request: the same each time it is run, another for each
 * `salt`. */
void cloudflare_uuid(const struct visit *visit, const char *salt, char out[40]);
/* The same for a name wherever it is asked. */
void cloudflare_name_uuid(const char *name, char out[40]);
/* created_at, modified_at: now. */
void cloudflare_stamp(const struct visit *visit, cJSON *object, bool is_new);

/* The tables of the family. */
extern const struct dialect_route cloudflare_gateway_routes[];
extern const struct dialect_route cloudflare_log_routes[];
extern const struct dialect_route cloudflare_set_routes[];
extern const struct dialect_route cloudflare_dynamic_routes[];
extern const struct dialect_route cloudflare_provider_routes[];
extern const struct dialect_route cloudflare_billing_routes[];
extern const struct dialect_route cloudflare_model_routes[];

#endif
