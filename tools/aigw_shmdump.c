/*
 * aigw_shmdump.c - shows and checks a segment, read-only, while everything else
 * hangs, or a copy of it. Exit status: 0; 1 cannot read it, or violations; 2
 * usage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/version.h"
#include "shm/verify.h"
#include "tools/aigw_shmdump.h"

enum { EXIT_USAGE = 2 };

struct options {
    const char *instance;
    const struct dump_part *part; /* NULL: all but slots, when not verifying */
    bool json, verify, quiet;
    unsigned watch_s;
};

static void
print_usage(FILE *out)
{
    fputs("usage: aigw-shmdump [--instance NAME|FILE] [--json] "
          "[--watch[=SECONDS]] [PART]\n"
          "       aigw-shmdump [--instance NAME|FILE] --verify [--quiet]\n\n"
          "parts (default: header):\n",
          out);
    for (const struct dump_part *part = dump_parts; part->name != NULL; part++)
        fprintf(out, "  %-10s %s\n", part->name, part->text);
    fputs("\n  --verify   check the invariants; exit 1 on a violation\n"
          "  --quiet    with --verify: nothing is in flight, so nothing may be "
          "reserved\n",
          out);
}

static const struct dump_part *
find_part(const char *name)
{
    const struct dump_part *part = dump_parts;
    while (part->name != NULL && strcmp(part->name, name) != 0)
        part++;
    return part->name != NULL ? part : NULL;
}

/* -1 to go on, else the exit status. */
static int
read_options(int argc, char **argv, struct options *options)
{
    enum { O_INSTANCE = 256, O_JSON, O_WATCH, O_VERIFY, O_QUIET, O_VERSION };
    static const struct option longs[] = {
        {"instance", required_argument, NULL, O_INSTANCE},
        {"json", no_argument, NULL, O_JSON},
        {"watch", optional_argument, NULL, O_WATCH},
        {"verify", no_argument, NULL, O_VERIFY},
        {"quiet", no_argument, NULL, O_QUIET},
        {"version", no_argument, NULL, O_VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
        if (c == O_INSTANCE)
            options->instance = optarg;
        else if (c == O_JSON)
            options->json = true;
        else if (c == O_WATCH)
            options->watch_s =
                optarg == NULL ? 1 : (unsigned)strtoul(optarg, NULL, 10);
        else if (c == O_VERIFY)
            options->verify = true;
        else if (c == O_QUIET)
            options->quiet = true;
        else if (c == O_VERSION || c == 'V')
            return printf("aigw-shmdump %s\n", AIGW_VERSION) < 0;
        else if (c == 'h')
            return print_usage(stdout), 0;
        else
            return print_usage(stderr), EXIT_USAGE;
    }
    options->part = find_part(optind < argc ? argv[optind] : "header");
    if (options->part == NULL || optind + 1 < argc) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    return -1;
}

/* A name without a slash is an instance; anything else a file. */
static int
attach(struct segment *segment, const char *instance)
{
    char path[128];
    struct buf error;
    buf_init(&error, 0);
    if (strchr(instance, '/') == NULL)
        segment_path(instance, path);
    else
        snprintf(path, sizeof(path), "%s", instance);
    int r = segment_attach(segment, path, false, (uid_t)-1, &error);
    if (r < 0)
        fprintf(stderr, "aigw-shmdump: %s\n", buf_cstr(&error));
    buf_fini(&error);
    return r;
}

static int
verify(const struct segment *segment, bool quiet)
{
    struct buf report;
    buf_init(&report, 0);
    uint32_t violations = segment_verify(segment, quiet, &report);
    fwrite(buf_ptr(&report), 1, buf_len(&report), stdout);
    if (violations == 0)
        puts("the segment is sound");
    else
        printf("%u violations\n", violations);
    buf_fini(&report);
    return violations == 0 ? 0 : 1;
}

static int
show(const struct segment *segment, const struct options *options)
{
    struct dump dump;
    dump_init(&dump, options->json);
    dump_section(&dump, options->part->name);
    options->part->print(&dump, segment);
    dump_section_end(&dump);
    int r = dump_flush(&dump);
    dump_fini(&dump);
    return r == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    struct options options = {.instance = "default"};
    struct segment segment;
    int status = read_options(argc, argv, &options);
    if (status >= 0)
        return status;
    if (attach(&segment, options.instance) < 0)
        return 1;
    if (options.verify) {
        status = verify(&segment, options.quiet);
    } else {
        status = show(&segment, &options);
        struct timespec pause = {(time_t)options.watch_s, 0};
        while (status == 0 && options.watch_s > 0) {
            nanosleep(&pause, NULL);
            if (!options.json)
                fputs("\033[H\033[2J", stdout);
            status = show(&segment, &options);
        }
    }
    segment_detach(&segment);
    return status;
}
