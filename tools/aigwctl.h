/*
 * aigwctl.h - one run of the command: its arguments, where it connects, how it
 * prints. Exit status of the program and of every command function: CTL_*.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_H
#define AIGW_TOOLS_AIGWCTL_H

#include <cjson/cJSON.h>

#include "tools/aigwctl_connect.h"
#include "tools/aigwctl_grammar.h"
#include "tools/aigwctl_output.h"

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

struct ctl {
    struct arguments args;
    struct output output;
    struct connect connect;
};

/* ---- aigwctl_call.c ---- */
/*
 * ctl_call - one request; `body` is taken. CTL_OK and the answer in *answer
 * (the caller's), or the error was printed.
 */
int ctl_call(struct ctl *ctl, const char *method, const char *path, cJSON *body,
             cJSON **answer) MUST_CHECK;
/* GET whose answer goes to standard output as it comes. */
int ctl_stream(struct ctl *ctl, const char *path) MUST_CHECK;
/* GET of `path`, which is freed, and the rows of its `data`. */
int ctl_list(struct ctl *ctl, struct buf *path,
             const struct output_column *columns) MUST_CHECK;
/* The key that the first positional or --key names. */
int ctl_find_key(struct ctl *ctl, cJSON **key) MUST_CHECK;
/* Its plain value ("" when it could not be had: the error was printed). */
int ctl_reveal_key(struct ctl *ctl, double id, cJSON **key) MUST_CHECK;
/* "PATH?name=value&...": adds a parameter, escaped; nothing when NULL. */
void ctl_query(struct buf *path, const char *name, const char *value);

/* Prints the sentence and ends it. */
int ctl_refuse_usage(struct ctl *ctl, struct buf *error);
/* PATCHes the key that is named (`body` is taken), then {id, MEMBER...} of the
 * server's answer. */
int ctl_patch_key(struct ctl *ctl, cJSON *body,
                  const char *const *members) MUST_CHECK;

/* "/admin/v1/providers/NAME", the name escaped; initialises `path`. */
void ctl_config_path(struct buf *path, const char *collection,
                     const char *name);

/* "http://127.0.0.1:8080" of what the server's status says it listens on; a
 * wildcard is reached by loopback (aigwctl_provider_test.c). */
bool ctl_listener_url(const cJSON *status, char out[512]);

/* Budgets of a key or group as [{type, unit, limit, usage, reserved,
 * resets_at}] (aigwctl_key_show.c). */
cJSON *quotas_of(const cJSON *object);

/* ---- commands ---- */
int run_key_create(struct ctl *ctl);
int run_key_upsert(struct ctl *ctl);
int run_key_list(struct ctl *ctl);
int run_key_get(struct ctl *ctl);
int run_key_periods(struct ctl *ctl);
int run_key_reveal(struct ctl *ctl);
int run_key_enable(struct ctl *ctl);
int run_key_disable(struct ctl *ctl);
int run_key_delete(struct ctl *ctl);
int run_key_restore(struct ctl *ctl);
int run_key_rotate(struct ctl *ctl);
int run_key_rename(struct ctl *ctl);
int run_key_copy(struct ctl *ctl);
int run_key_set_quota(struct ctl *ctl);
int run_key_set_expiry(struct ctl *ctl);
int run_key_set_limits(struct ctl *ctl);
int run_key_set_models(struct ctl *ctl);
int run_key_set_acl(struct ctl *ctl);
int run_group_create(struct ctl *ctl);
int run_group_list(struct ctl *ctl);
int run_group_get(struct ctl *ctl);
int run_group_enable(struct ctl *ctl); /* aigwctl_group_life.c */
int run_group_disable(struct ctl *ctl);
int run_group_rename(struct ctl *ctl);
int run_group_delete(struct ctl *ctl);
int run_group_update(struct ctl *ctl);
int run_group_byok(struct ctl *ctl);
/* set-route, -cache, -retry, -log: one of their flags at least, then {id,
 * settings} (aigwctl_route.c). */
int run_key_set(struct ctl *ctl);
int run_group_top_up(struct ctl *ctl);
int run_group_top_ups(struct ctl *ctl);
int run_group_set_quota(struct ctl *ctl);
int run_group_set_limits(struct ctl *ctl);
int run_balance_list(struct ctl *ctl); /* aigwctl_balance.c */
int run_balance_charges(struct ctl *ctl);
int run_balance_ask(struct ctl *ctl);
int run_balance_settle(struct ctl *ctl);
int run_token_create(struct ctl *ctl);
int run_token_list(struct ctl *ctl);
int run_token_get(struct ctl *ctl);
int run_token_set(struct ctl *ctl);
int run_token_enable(struct ctl *ctl);
int run_token_disable(struct ctl *ctl);
int run_token_revoke(struct ctl *ctl);
int run_audit(struct ctl *ctl);
int run_model_list(struct ctl *ctl);
/* aigwctl_config.c, by the command's noun */
int run_config_list(struct ctl *ctl);
int run_config_get(struct ctl *ctl);
int run_config_add(struct ctl *ctl);
int run_config_set(struct ctl *ctl);
int run_config_enable(struct ctl *ctl);
int run_config_disable(struct ctl *ctl);
int run_config_delete(struct ctl *ctl);
int run_provider_test(struct ctl *ctl); /* aigwctl_provider_test.c */
/* aigwctl_price.c */
int run_price_list(struct ctl *ctl);
int run_price_history(struct ctl *ctl);
int run_price_set(struct ctl *ctl);
int run_price_import(struct ctl *ctl);
int run_price_reprice(struct ctl *ctl);
int run_alert_deliveries(struct ctl *ctl);
int run_alert_test(struct ctl *ctl);
int run_status(struct ctl *ctl);
int run_usage(struct ctl *ctl);
int run_logs(struct ctl *ctl);
int run_verify(struct ctl *ctl);
int run_cache_stats(struct ctl *ctl);
int run_health(struct ctl *ctl);
int run_cache_purge(struct ctl *ctl);
/* aigwctl_llm.c, aigwctl_llm_test.c; they need no server */
int run_llm_add(struct ctl *ctl);
int run_llm_list(struct ctl *ctl);
int run_llm_show(struct ctl *ctl);
int run_llm_use(struct ctl *ctl);
int run_llm_remove(struct ctl *ctl);
int run_llm_test(struct ctl *ctl);
int run_reload(struct ctl *ctl);     /* aigwctl_reload.c */
int run_console(struct ctl *ctl);    /* aigwctl_console.c */
int run_top(struct ctl *ctl);        /* aigwctl_top.c */
int run_doctor(struct ctl *ctl);     /* aigwctl_doctor.c */
int run_completion(struct ctl *ctl); /* aigwctl_completion_run.c */

#endif
