/*
 * aigw_ledger.c - list, sum, verify, export, restore and repair the ledger: by
 * itself when nothing runs, through the running accountant, which holds the
 * lock, otherwise.
 * Exit status: 0; 1 failure or books that do not balance; 2 usage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigw_ledger.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accountant/ledger/ledger_report.h"
#include "common/config.h"

enum { EXIT_USAGE = 2, TRIES = 50, TRY_MS = 100 };

static int run_report(const struct ledger_options *options);

struct report {
    const char *name;
    int (*make)(struct ledger *ledger, struct ledger_snapshot *snapshot,
                struct buf *out);
};

static const struct report reports[] = {
    {"list", ledger_report_list},
    {"sum", ledger_report_sum},
    {"verify", ledger_report_verify},
};

static const struct command {
    const char *name;
    int args_min, args_max;
    bool needs_ledger; /* of the configuration or --data-dir */
    int (*run)(const struct ledger_options *options);
} commands[] = {
    {"list", 0, 0, true, run_report},
    {"sum", 0, 0, true, run_report},
    {"verify", 0, 0, true, run_report},
    {"export", 1, 1, true, ledger_run_export},
    {"check", 1, 1, false, ledger_run_check},
    {"restore", 2, 2, false, ledger_run_restore},
    {"repair", 1, 2, false, ledger_run_repair},
};

static void
print_usage(FILE *out)
{
    fputs("usage: aigw-ledger [-c FILE | --data-dir DIR] [--socket PATH] "
          "[--json] [--rows] COMMAND\n"
          "  list               the newest 1,000 log rows\n"
          "  sum                totals per key and group beside the sums of "
          "their rows\n"
          "  verify             whether totals, rows, roll-ups and budgets "
          "agree\n"
          "  export FILE        a whole backup; with --rows the log rows too\n"
          "  check FILE         whether an export is whole\n"
          "  restore FILE DIR   an export into an empty data directory\n"
          "  repair DIR [NEW]   what can be read of a damaged data directory, "
          "into NEW\n"
          "                     (DIR.repaired); DIR stays as it is\n",
          out);
}

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static const struct report *
find_report(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(reports); i++)
        if (strcmp(reports[i].name, name) == 0)
            return &reports[i];
    return NULL;
}

/* 0; 1 help was printed; -1 wrong usage. */
static int
read_arguments(int argc, char **argv, struct ledger_options *options)
{
    if (optind >= argc)
        return -1;
    options->command = argv[optind++];
    const struct command *command = find_command(options->command);
    options->arg_count = argc - optind;
    if (command == NULL || options->arg_count < command->args_min ||
        options->arg_count > command->args_max)
        return -1;
    for (int i = 0; i < options->arg_count; i++)
        options->args[i] = argv[optind + i];
    return 0;
}

static int
read_options(int argc, char **argv, struct ledger_options *options)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"data-dir", required_argument, NULL, 'd'},
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"rows", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            options->config_path = optarg;
            break;
        case 'd':
            options->data_dir = optarg;
            break;
        case 's':
            options->socket_path = optarg;
            break;
        case 'j':
            options->json = true;
            break;
        case 'r':
            options->rows = true;
            break;
        case 'h':
            print_usage(stdout);
            return 1;
        default:
            return -1;
        }
    }
    return read_arguments(argc, argv, options);
}

/* data_dir and run_dir of the configuration, where no option named them. */
static int
find_places(struct ledger_options *options)
{
    struct buf error;
    if (options->socket_path == NULL)
        options->socket_path = getenv("AIGW_SOCKET");
    if (options->data_dir != NULL)
        return 0;
    const char *path = options->config_path != NULL ? options->config_path
                                                    : config_default_path();
    if (path == NULL) {
        fputs("aigw-ledger: name the ledger by -c FILE or --data-dir DIR\n",
              stderr);
        return -ENOENT;
    }
    buf_init(&error, 0);
    struct config *config = config_load(path, &error);
    if (config == NULL)
        fprintf(stderr, "aigw-ledger: %s\n", buf_cstr(&error));
    buf_fini(&error);
    if (config == NULL)
        return -EINVAL;
    snprintf(options->own_data_dir, sizeof(options->own_data_dir), "%s",
             config->server.data_dir);
    snprintf(options->own_socket_path, sizeof(options->own_socket_path),
             "%s/aigw.sock", config->server.run_dir);
    options->data_dir = options->own_data_dir;
    if (options->socket_path == NULL)
        options->socket_path = options->own_socket_path;
    config_free(config);
    return 0;
}

/*
 * The lock decides who answers. An accountant that starts holds it before it
 * answers, and one that ends answers no more before it is free: between the
 * two both are tried again.
 */
int
ledger_reach(const struct ledger_options *options, const char *method,
             const char *report, struct ledger **ledger, struct buf *json,
             struct buf *error)
{
    const struct timespec pause = {0, TRY_MS * 1000000};
    int rc = -EBUSY;
    *ledger = NULL;
    for (int i = 0; i < TRIES; i++) {
        buf_reset(error);
        buf_reset(json);
        rc = ledger_open(options->data_dir, false, ledger, error);
        if (rc != -EBUSY)
            return rc;
        buf_reset(error);
        if (options->socket_path == NULL) {
            buf_append_cstr(error, "a running accountant holds the ledger: "
                                   "give its -c FILE or --socket PATH");
            return rc;
        }
        rc = ledger_ask(options->socket_path, method, report, json, error);
        if (rc != -ECONNREFUSED)
            return rc;
        nanosleep(&pause, NULL);
    }
    return rc;
}

static int
get_report(const struct ledger_options *options, struct buf *json,
           struct buf *error)
{
    struct ledger *ledger;
    int rc =
        ledger_reach(options, "GET", options->command, &ledger, json, error);
    if (rc < 0 || ledger == NULL)
        return rc;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    rc = find_report(options->command)->make(ledger, snapshot, json);
    ledger_snapshot_release(ledger, &snapshot);
    ledger_close(&ledger);
    return rc;
}

static int
run_report(const struct ledger_options *options)
{
    struct buf json, error;
    buf_init(&json, 0);
    buf_init(&error, 0);
    int rc = get_report(options, &json, &error);
    int verdict = 1;
    if (rc < 0 && buf_len(&json) == 0) {
        fprintf(stderr, "aigw-ledger: %s\n",
                buf_len(&error) > 0 ? buf_cstr(&error) : strerror(-rc));
    } else {
        if (options->json)
            printf("%s\n", buf_cstr(&json));
        verdict = ledger_print(options->command, buf_view(&json),
                               options->json ? NULL : stdout);
    }
    if (verdict == -EBADMSG)
        fputs("aigw-ledger: the answer is no report\n", stderr);
    buf_fini(&json);
    buf_fini(&error);
    return rc == 0 && verdict == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    struct ledger_options options = {0};
    int rc = read_options(argc, argv, &options);
    if (rc < 0)
        print_usage(stderr);
    if (rc != 0)
        return rc < 0 ? EXIT_USAGE : 0;
    const struct command *command = find_command(options.command);
    if (command->needs_ledger && find_places(&options) < 0)
        return EXIT_FAILURE;
    return command->run(&options);
}
