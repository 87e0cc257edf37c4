/*
 * main.c - aigw: options, configuration, then the master.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "common/version.h"
#include "master/master.h"

struct options {
    const char *config_path;
    const char *signal_word;
    const char *check_upgrade; /* the layout that the caller has */
    bool test, dump;
};

static const char usage_text[] =
    "usage: aigw [-c FILE] [-t | -T | -s WORD]\n"
    "       aigw --options | --example-config | --version | --help\n"
    "\n"
    "  -c FILE           configuration (else ./aigw.ini, /etc/aigw/aigw.ini)\n"
    "  -t                check the configuration and leave\n"
    "  -T                check it and print it as it is understood\n"
    "  -s WORD           signal the running master: reload, reopen, upgrade, "
    "quit,\n"
    "                    stop\n"
    "  --options         every option with type, default and meaning\n"
    "  --example-config  a commented aigw.ini with all defaults\n"
    "\n"
    "The program stays in the foreground. Signals: HUP reload, USR1 reopen\n"
    "logs, USR2 upgrade the program in place, QUIT drain and stop, TERM and\n"
    "INT stop now, WINCH drain workers.\n";

static void
print_options(enum config_doc form)
{
    struct buf out;
    buf_init(&out, 0);
    config_print_options(form, &out);
    fwrite(buf_ptr(&out), 1, buf_len(&out), stdout);
    buf_fini(&out);
}

/* Fills `options`; returns an exit status when there is nothing more to do, or
 * -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *options)
{
    enum {
        OPT_OPTIONS = 256,
        OPT_EXAMPLE,
        OPT_VERSION,
        OPT_HELP,
        OPT_MDOC,
        OPT_CHECK_UPGRADE,
    };
    static const struct option longs[] = {
        {"options", no_argument, NULL, OPT_OPTIONS},
        {"example-config", no_argument, NULL, OPT_EXAMPLE},
        {"options-mdoc", no_argument, NULL, OPT_MDOC},
        /* asked by a running master, see upgrade_check.c */
        {"check-upgrade", required_argument, NULL, OPT_CHECK_UPGRADE},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, OPT_HELP},
        {NULL, 0, NULL, 0},
    };
    for (;;) {
        int c = getopt_long(argc, argv, "c:tTs:hV", longs, NULL);
        switch (c) {
        case -1:
            if (optind == argc)
                return -1;
            fprintf(stderr, "aigw: unexpected argument '%s'\n%s", argv[optind],
                    usage_text);
            return 2;
        case 'c':
            options->config_path = optarg;
            break;
        case 't':
            options->test = true;
            break;
        case 'T':
            options->test = options->dump = true;
            break;
        case 's':
            options->signal_word = optarg;
            break;
        case OPT_CHECK_UPGRADE:
            options->check_upgrade = optarg;
            break;
        case OPT_OPTIONS:
            print_options(CONFIG_DOC_TEXT);
            return 0;
        case OPT_EXAMPLE:
            print_options(CONFIG_DOC_INI);
            return 0;
        case OPT_MDOC:
            print_options(CONFIG_DOC_MDOC);
            return 0;
        case 'V':
        case OPT_VERSION:
            printf("aigw %s\n", AIGW_VERSION);
            return 0;
        case 'h':
        case OPT_HELP:
            fputs(usage_text, stdout);
            return 0;
        default:
            fputs(usage_text, stderr);
            return 2;
        }
    }
}

static const char *
find_config(const char *path)
{
    if (path == NULL)
        path = config_default_path();
    if (path == NULL)
        fprintf(stderr, "aigw: no configuration: neither ./aigw.ini nor "
                        "/etc/aigw/aigw.ini is there; name one with -c, or "
                        "begin with: aigw --example-config > aigw.ini\n");
    return path;
}

static struct config *
load_config(const char *path)
{
    path = find_config(path);
    if (path == NULL)
        return NULL;
    struct buf error;
    buf_init(&error, 0);
    struct config *config = config_load(path, &error);
    if (config == NULL)
        fprintf(stderr, "%s\naigw: configuration %s is not usable\n",
                buf_cstr(&error), path);
    buf_fini(&error);
    return config;
}

/* What the configuration names outside of itself. */
static bool
check_certificate(const struct config *config)
{
    struct certificate certificate;
    struct buf error;
    buf_init(&error, 0);
    bool good = certificate_read(config, NULL, &certificate, &error) == 0;
    if (!good)
        fprintf(stderr, "%s\naigw: configuration %s is not usable\n",
                buf_cstr(&error), config->path);
    certificate_wipe(&certificate);
    buf_fini(&error);
    return good;
}

static int
report_config(const struct config *config, bool dump)
{
    if (dump) {
        struct buf out;
        buf_init(&out, 0);
        config_serialize(config, true, &out);
        fwrite(buf_ptr(&out), 1, buf_len(&out), stdout);
        buf_fini(&out);
    }
    if (!check_certificate(config))
        return 1;
    fprintf(stderr, "aigw: configuration %s is fine\n", config->path);
    return 0;
}

int
main(int argc, char **argv)
{
    static struct master master;
    struct options options = {0};
    proc_title_init(argc, argv);
    log_set_role("master");

    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    if (options.check_upgrade != NULL)
        return upgrade_check_main(options.check_upgrade, options.config_path);
    if (options.signal_word != NULL) {
        const char *path = find_config(options.config_path);
        return path == NULL ? 1 : signal_send(path, options.signal_word);
    }
    struct handover *handover = takeover_find();
    master.config = handover != NULL ? takeover_config(handover)
                                     : load_config(options.config_path);
    if (master.config == NULL)
        return 1;
    if (options.test)
        return report_config(master.config, options.dump);

    status = log_open(master.config->log.error,
                      log_level_from(master.config->log.level));
    if (status < 0 && handover != NULL) /* no reason to stop what serves */
        log_error("cannot open the error log %s: %s; going on with stderr",
                  master.config->log.error, strerror(-status));
    else if (status < 0)
        fatal("cannot open the error log %s: %s", master.config->log.error,
              strerror(-status));
    if (handover != NULL)
        master_take_over(&master, handover);
    else
        master_start(&master);
    supervise(&master);
    master_finish(&master);
    return master.exit_status;
}
