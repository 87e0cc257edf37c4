/*
 * aigw_ledger.c - list, sum and verify the ledger: by itself when nothing runs,
 * through the running accountant, which holds the lock, otherwise.
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

struct options {
    const char *config_path, *data_dir, *socket_path, *report;
    bool json;
    char own_data_dir[512], own_socket_path[512];
};

static const struct report {
    const char *name;
    int (*make)(struct ledger *ledger, struct ledger_snapshot *snapshot,
                struct buf *out);
} reports[] = {
    {"list", ledger_report_list},
    {"sum", ledger_report_sum},
    {"verify", ledger_report_verify},
};

static void
print_usage(FILE *out)
{
    fputs("usage: aigw-ledger [-c FILE | --data-dir DIR] [--socket PATH] "
          "[--json] list|sum|verify\n"
          "  list     the newest 1,000 log rows\n"
          "  sum      totals per key and group beside the sums of their rows\n"
          "  verify   whether totals, rows, roll-ups and budgets agree\n",
          out);
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
read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"data-dir", required_argument, NULL, 'd'},
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
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
        case 'h':
            print_usage(stdout);
            return 1;
        default:
            return -1;
        }
    }
    if (optind + 1 != argc || find_report(argv[optind]) == NULL)
        return -1;
    options->report = argv[optind];
    return 0;
}

/* data_dir and run_dir of the configuration, where no option named them. */
static int
find_places(struct options *options)
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

static int
make_report(struct ledger *ledger, const struct options *options,
            struct buf *json)
{
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    int rc = find_report(options->report)->make(ledger, snapshot, json);
    ledger_snapshot_release(ledger, &snapshot);
    return rc;
}

/*
 * The lock decides who answers. An accountant that starts holds it before it
 * answers, and one that ends answers no more before it is free: between the
 * two both are tried again.
 */
static int
get_report(const struct options *options, struct buf *json, struct buf *error)
{
    const struct timespec pause = {0, TRY_MS * 1000000};
    int rc = -EBUSY;
    for (int i = 0; i < TRIES; i++) {
        struct ledger *ledger = NULL;
        buf_reset(error);
        buf_reset(json);
        rc = ledger_open(options->data_dir, false, &ledger, error);
        if (rc == 0) {
            rc = make_report(ledger, options, json);
            ledger_close(&ledger);
            return rc;
        }
        if (rc != -EBUSY)
            return rc;
        buf_reset(error);
        if (options->socket_path == NULL) {
            buf_append_cstr(error, "a running accountant holds the ledger: "
                                   "give its -c FILE or --socket PATH");
            return rc;
        }
        rc = ledger_ask(options->socket_path, options->report, json, error);
        if (rc != -ECONNREFUSED)
            return rc;
        nanosleep(&pause, NULL);
    }
    return rc;
}

int
main(int argc, char **argv)
{
    struct options options = {0};
    struct buf json, error;
    int rc = read_options(argc, argv, &options);
    if (rc < 0)
        print_usage(stderr);
    if (rc != 0)
        return rc < 0 ? EXIT_USAGE : 0;
    if (find_places(&options) < 0)
        return EXIT_FAILURE;
    buf_init(&json, 0);
    buf_init(&error, 0);
    rc = get_report(&options, &json, &error);
    if (rc < 0 && buf_len(&json) == 0) {
        fprintf(stderr, "aigw-ledger: %s\n",
                buf_len(&error) > 0 ? buf_cstr(&error) : strerror(-rc));
        return EXIT_FAILURE;
    }
    if (options.json)
        printf("%s\n", buf_cstr(&json));
    int verdict = ledger_print(options.report, buf_view(&json),
                               options.json ? NULL : stdout);
    if (verdict == -EBADMSG)
        fputs("aigw-ledger: the answer is no report\n", stderr);
    buf_fini(&json);
    buf_fini(&error);
    return rc == 0 && verdict == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
