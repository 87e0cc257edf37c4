/*
 * upgrade_check.c - `aigw --check-upgrade LAYOUT -c FILE`: asked by a running
 * master (standard input: its configuration) before it becomes this program.
 * Nothing is opened but the file; the last line of the output is the verdict.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/version.h"
#include "master/handover.h"
#include "master/master.h"

enum { CONFIG_BYTES_MAX = 16 << 20 };

static struct config *
read_running(struct buf *error)
{
    struct buf text;
    char piece[4096];
    ssize_t n;
    buf_init(&text, CONFIG_BYTES_MAX);
    while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
        buf_append(&text, piece, (size_t)n);
    crypto_wipe(piece, sizeof(piece)); /* it holds credentials */
    struct config *config = NULL;
    if (n < 0 || !buf_ok(&text) || buf_len(&text) == 0)
        buf_append_cstr(error, "the running configuration did not arrive");
    else
        config = config_parse_text(buf_view(&text), error);
    if (buf_len(&text) > 0)
        crypto_wipe(text.data, text.end);
    buf_fini(&text);
    return config;
}

/* One line, so that it is the last one. */
static int
say_no(const char *what, struct buf *error)
{
    char line[160];
    snprintf(line, sizeof(line), "%s", buf_cstr(error));
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\n')
            *c = c[1] == '\0' ? '\0' : ';';
    printf("%s: %s\n", what, line);
    return UPGRADE_EXIT_REFUSED;
}

int
upgrade_check_main(const char *layout, const char *path)
{
    char own[32];
    snprintf(own, sizeof(own), "%016llx",
             (unsigned long long)segment_layout_hash());
    if (strcmp(own, layout) != 0) {
        printf("aigw %s lays out the shared segment in another way\n",
               AIGW_VERSION);
        return UPGRADE_EXIT_OTHER_LAYOUT;
    }
    int status = 0;
    struct buf error;
    buf_init(&error, 0);
    struct config *running = read_running(&error);
    struct config *next = NULL;
    if (running == NULL)
        status = say_no("the running configuration", &error);
    if (status == 0) {
        next = config_load(path, &error);
        if (next == NULL || config_check_reload(running, next, &error) != 0)
            status = say_no("the configuration", &error);
    }
    if (status == 0)
        printf(UPGRADE_CHECK_OK "%s\n", HANDOVER_VERSION, AIGW_VERSION);
    config_free(running);
    config_free(next);
    buf_fini(&error);
    return status;
}
