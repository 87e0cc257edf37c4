/*
 * admin_state.h - what the files of this folder share of the server.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_ADMIN_STATE_H
#define AIGW_ACCOUNTANT_ADMIN_ADMIN_STATE_H

#include <sys/types.h>

#include "accountant/admin/guard.h"
#include "accountant/admin/provider_tests.h"
#include "accountant/store.h"
#include "common/net/loop.h"

struct call;
struct connection;

struct admin {
    struct store *store;
    struct loop *loop;
    struct loop_source listener;
    struct loop_timer accept_again; /* after EMFILE and the like */
    struct loop_timer load_again;   /* the ledger could not be read */
    bool listener_paused, closing;
    bool draining; /* no accept; each answer is the last of its connection */
    void (*drained)(void *context);
    void *drained_context;
    struct guard guard;
    struct members *members;   /* admin tokens */
    struct sessions *sessions; /* logins */
    struct signatures *signatures;
    gid_t group; /* of `aigw`; (gid_t)-1 where the host has none */
    struct connection *connections;
    unsigned connection_count;
    unsigned call_count;     /* not answered yet; they keep us alive */
    struct call *attached;   /* whose notes the next change takes */
    struct call *idempotent; /* not answered yet */
    uint32_t audit_serial;
    struct provider_tests tests;  /* of providers, under way */
    struct call *changes_running; /* one per object */
    struct call *changes_waiting; /* in order of arrival */
};

/* Frees a closing admin when nothing refers to it any more. */
void admin_release(struct admin *admin);
/* A place is free: accepts again when that had stopped. */
void admin_connection_gone(struct admin *admin);

#endif
