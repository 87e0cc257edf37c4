/*
 * crash_point.c - see crash_point.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/crash_point.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char wanted_name[16]; /* "": any */
static long wanted_passage;  /* 0: never */
static atomic_long passages;
static void (*_Atomic hook_function)(const char *name);

static void
read_environment(void)
{
    const char *text = getenv("AIGW_CRASHPOINT");
    if (text == NULL)
        return;
    const char *colon = strchr(text, ':');
    if (colon != NULL && (size_t)(colon - text) < sizeof(wanted_name)) {
        memcpy(wanted_name, text, (size_t)(colon - text));
        text = colon + 1;
    }
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno == 0 && *end == '\0' && n > 0)
        wanted_passage = n;
}

void
crash_point(const char *name)
{
    pthread_once(&once, read_environment);
    /* acquire: pairs with the release in crash_point_hook() */
    void (*hook)(const char *) =
        atomic_load_explicit(&hook_function, memory_order_acquire);
    if (hook != NULL) {
        hook(name);
        return;
    }
    if (wanted_passage == 0)
        return;
    if (wanted_name[0] != '\0' && strcmp(name, wanted_name) != 0)
        return;
    /* relaxed: only the count matters */
    if (atomic_fetch_add_explicit(&passages, 1, memory_order_relaxed) + 1 ==
        wanted_passage)
        raise(SIGKILL);
}

void
crash_point_hook(void (*hook)(const char *name))
{
    /* release: pairs with the acquire in crash_point() */
    atomic_store_explicit(&hook_function, hook, memory_order_release);
}
