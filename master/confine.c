/*
 * confine.c - what a child may still do, from the configuration: the step
 * between its birth and its role.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "master/master.h"

/* The folder of a file; NULL for words that are no path. */
static const char *
folder_of(const char *path, char copy[PATH_MAX])
{
    if (path == NULL || strcmp(path, "off") == 0 || strcmp(path, "stderr") == 0)
        return NULL;
    snprintf(copy, PATH_MAX, "%s", path);
    return dirname(copy);
}

/* The ledger; the catalogue's files beside the segment; the access log, which
 * a reload may also put beside the error log (config_check_reload). */
static void
close_accountant(const struct master *master)
{
    char error[PATH_MAX], access[PATH_MAX], segment[PATH_MAX];
    const struct config *config = master->config;
    const char *const all[] = {
        config->server.data_dir,
        folder_of(master->segment.path, segment),
        folder_of(config->log.access, access),
        folder_of(config->log.error, error),
    };
    const char *folders[ARRAY_LEN(all) + 1];
    unsigned count = 0;
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] != NULL)
            folders[count++] = all[i];
    folders[count] = NULL;
    sandbox_close(SANDBOX_ACCOUNTANT, folders);
}

/* ---- what a child forgets ---- */

static void
wipe_text(void *context, char *secret)
{
    (void)context;
    crypto_wipe(secret, strlen(secret));
}

/* A value of the environment that is a secret, or a part of one. */
static void
wipe_from_environment(void *context, char *secret)
{
    enum { SHORTEST = 8 }; /* shorter ones are words: "no", a port */
    (void)context;
    for (char **entry = environ; *entry != NULL; entry++) {
        char *value = strchr(*entry, '=');
        if (value != NULL && strlen(++value) >= SHORTEST &&
            strstr(secret, value) != NULL)
            crypto_wipe(value, strlen(value));
    }
}

static void
wipe_named_secrets(void)
{
    static const char *const endings[] = {"_KEY", "_TOKEN", "_SECRET",
                                          "_PASSWORD"};
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t name = strcspn(*entry, "=");
        for (unsigned i = 0; i < ARRAY_LEN(endings); i++) {
            size_t len = strlen(endings[i]);
            if (name >= len &&
                memcmp(*entry + name - len, endings[i], len) == 0)
                crypto_wipe(*entry + name, strlen(*entry + name));
        }
    }
}

/*
 * What another process of ours needs, this one does not keep. A worker has its
 * credentials from the catalogue, and only those in use; the accountant writes
 * that catalogue and asks for the token of management.
 */
static void
forget(struct master *master, const struct role *role)
{
    config_visit_secrets(master->config, wipe_from_environment, NULL);
    wipe_named_secrets();
    crypto_secrets_lock(master->secrets);
    crypto_secrets_forget_master(master->secrets);
    if (role->id == ROLE_WORKER)
        config_visit_secrets(master->config, wipe_text, NULL);
}

bool
confine_allows(const struct config *running, const struct config *next,
               struct buf *error)
{
    char wanted[PATH_MAX], error_log[PATH_MAX], access_log[PATH_MAX];
    const char *folder = folder_of(next->log.access, wanted);
    const char *const open[] = {running->server.data_dir,
                                folder_of(running->log.error, error_log),
                                folder_of(running->log.access, access_log)};
    if (folder == NULL || !running->server.sandbox)
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(open); i++)
        if (open[i] != NULL && strcmp(folder, open[i]) == 0)
            return true;
    buf_printf(error,
               "[log] access in %s: the sandbox is closed around data_dir and "
               "the folders of the logs as they were at the start; it needs a "
               "restart",
               folder);
    return false;
}

void
confine_child(struct master *master, const struct role *role)
{
    const struct config_server *server = &master->config->server;
    int r = sandbox_drop_rights(server->user);
    if (r < 0)
        fatal("cannot become user %s without further rights: %s",
              server->user == NULL ? "(none)" : server->user, strerror(-r));
    forget(master, role);
    if (!server->sandbox || !sandbox_is_possible())
        return;
    sandbox_hide_memory();
    if (role->id == ROLE_ACCOUNTANT)
        close_accountant(master);
    else
        sandbox_close(SANDBOX_WORKER, NULL);
}

void
confine_master(const struct master *master)
{
    sandbox_keep_rights();
    if (!master->config->server.sandbox) {
        log_warn("the sandbox is off: a hole in a worker is one in this host");
        return;
    }
    if (!sandbox_is_possible())
        log_warn("no sandbox in this build (a sanitizer, or valgrind)");
    else
        sandbox_hide_memory();
}
