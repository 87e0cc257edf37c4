/*
 * operations.h - the one table of management operations. A row says all that
 * the server must know of one: path, parameters, whether it takes a body; its
 * function does the work. accountant/admin/README.md has the shapes.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_OPERATIONS_H
#define AIGW_ACCOUNTANT_ADMIN_OPERATIONS_H

#include "accountant/admin/call.h"
#include "common/net/http_parse.h"

enum operation_flags {
    OPERATION_BODY = 1,    /* takes a JSON object */
    OPERATION_CHANGES = 2, /* is written to the log */
    OPERATION_METRICS = 4, /* no secret: open to loopback without a token */
    OPERATION_OPEN = 8,    /* needs nobody: a login */
    OPERATION_LARGE = 16,  /* its body may have 8 MiB, not 1 */
    OPERATION_ETAG = 32,   /* heeds If-Match */
};

/* Of which group an operation is, for a token that is bound to some. */
enum operation_bound {
    BOUND_NEVER,      /* of all groups: not for such a token */
    BOUND_FREE,       /* of none */
    BOUND_KEY,        /* of the path's key */
    BOUND_GROUP,      /* of the path's group */
    BOUND_BODY,       /* of the body's "group"; absent: default */
    BOUND_BODY_NAMED, /* of the body's "group", which must be there */
    BOUND_PROFILE,    /* of the profile GROUP/NAME of path or body, or of the
                         query's "group" */
    BOUND_ROUTE,      /* the same of GROUP/GATEWAY/NAME */
    BOUND_SEEN,       /* of those that view.h shows the handler */
};

/* Who may. All zero: an owner of all groups with all scopes. */
struct operation_access {
    enum member_role role; /* the least */
    uint32_t scopes;       /* member_scope bits: all of them */
    enum operation_bound bound;
};

struct operation {
    enum http_method method;
    const char *path; /* "{}" stands for one segment */
    const char *name;
    const char *query; /* names of its parameters, blanks between */
    void (*handler)(struct call *call);
    unsigned flags; /* operation_flags */
    struct operation_access access;
};

/* How a repetition with the same Idempotency-Key is answered: by a function that
 * shows what the first one made, with that in path_params[0]. */
struct operation_replay {
    const char *name; /* of the operation */
    void (*answer)(struct call *call);
    enum replay_by { REPLAY_BY_ID, REPLAY_BY_NAME, REPLAY_BY_PATH } by;
};
/* NULL: such a key says nothing here. */
const struct operation_replay *
operations_replay(const struct operation *operation);

/*
 * operations_find - the row for method and path (as sent), path parameters
 * decoded into `params`. NULL: 404, 405 (*allow = the methods there are) or 400
 * in `error`. HEAD finds GET.
 */
const struct operation *
operations_find(enum http_method method, struct str path,
                char params[CALL_PATH_PARAMS][CALL_PATH_PARAM_BYTES],
                const char **allow, struct admin_error *error);
/* Row `i`, or NULL behind the last one. */
const struct operation *operations_row(unsigned i);

/* op_keys.c, op_keys_read.c */
void op_keys_create(struct call *call);
void op_keys_upsert(struct call *call);
void op_keys_update(struct call *call);
void op_keys_list(struct call *call);
void op_keys_get(struct call *call);
void op_keys_lookup(struct call *call);
void op_keys_reveal(struct call *call);
void op_keys_copy(struct call *call);
/* op_key_life.c */
void op_keys_delete(struct call *call);
void op_keys_restore(struct call *call);
void op_keys_rotate(struct call *call);
void op_keys_end_former(struct call *call);
/* op_periods.c */
void op_keys_periods(struct call *call);
/* op_balances.c */
void op_balances_list(struct call *call);
void op_balances_ask(struct call *call);
void op_balances_settle(struct call *call);
void op_balances_work(struct call *call);
/* op_groups.c */
void op_groups_create(struct call *call);
void op_groups_list(struct call *call);
void op_groups_get(struct call *call);
void op_groups_update(struct call *call);
void op_groups_delete(struct call *call);
void op_groups_top_up(struct call *call);
void op_groups_top_ups(struct call *call); /* op_top_ups.c */
/* op_config.c: of providers, credentials, models, endpoints, gateways */
void op_config_create(struct call *call);
void op_config_list(struct call *call);
void op_config_get(struct call *call);
void op_config_update(struct call *call);
void op_config_delete(struct call *call);
/* op_provider_test.c */
void op_providers_test(struct call *call);
void op_provider_tests_work(struct call *call);
/* op_tokens.c */
void op_tokens_create(struct call *call);
void op_tokens_list(struct call *call);
void op_tokens_get(struct call *call);
void op_tokens_update(struct call *call);
void op_tokens_delete(struct call *call);
/* op_session.c */
void op_tokens_replay(struct call *call); /* with its value */
void op_session_open(struct call *call);
void op_session_link(struct call *call);
void op_session_get(struct call *call);
void op_session_close(struct call *call);
void op_sessions_list(struct call *call);
void op_sessions_revoke(struct call *call);
/* op_prices.c, op_price_history.c */
void op_prices_import(struct call *call);
void op_prices_list(struct call *call);
/* op_reprice.c */
void op_reprice(struct call *call);
void op_reprice_list(struct call *call);
/* op_deliveries.c */
void op_alerts_test(struct call *call);
void op_deliveries_list(struct call *call);
void op_deliveries_due(struct call *call);
void op_deliveries_note(struct call *call);
/* op_audit.c */
void op_audit(struct call *call);
/* op_openapi.c */
void op_openapi(struct call *call);
/* op_models.c, op_status.c, op_usage.c, op_logs.c, op_ledger.c, op_metrics.c */
void op_models_list(struct call *call);
void op_status(struct call *call);
void op_usage(struct call *call);
void op_logs(struct call *call);
void op_log(struct call *call);
/* op_log_export.c */
void op_log_export(struct call *call);
/* op_log_search.c, op_log_delete.c */
void op_log_search(struct call *call);
void op_log_delete(struct call *call);
/* op_log_update.c */
void op_log_update(struct call *call);
void op_ledger_sum(struct call *call);
void op_ledger_verify(struct call *call);
void op_ledger_list(struct call *call);
void op_ledger_export(struct call *call);
void op_ledger_disk(struct call *call);
void op_metrics(struct call *call);
/* op_cache.c */
void op_cache_stats(struct call *call);
void op_cache_purge(struct call *call);
/* op_health.c, op_reload.c, op_settings.c */
void op_health(struct call *call);
void op_reload(struct call *call);
void op_settings(struct call *call);

#endif
