/*
 * aigwctl_doctor_server.c - what the server says of itself: processes, reload,
 * clock, ledger. See aigwctl_doctor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>

#include "common/clock.h"
#include "tools/aigwctl_json.h"

enum {
    HEARTBEAT_LATE_MS = 5000, /* a worker beats every second */
    CLOCK_WARN_MS = 2000,
    CLOCK_FAIL_MS = 30000,
    RING_FULL_PERCENT = 50,
};

static void
check_workers(struct doctor *doctor)
{
    unsigned live = 0;
    char subject[48];
    const cJSON *worker = NULL;
    cJSON_ArrayForEach(worker, json_at_path(doctor->status, "workers"))
    {
        double age = json_number(worker, "heartbeat_age_ms");
        live += strcmp(json_text(worker, "state"), "live") == 0;
        snprintf(subject, sizeof(subject), "worker %.0f",
                 json_number(worker, "pid"));
        if (age > HEARTBEAT_LATE_MS)
            doctor_say(doctor, DOCTOR_FAIL, "server", subject,
                       "see `top -H` for what it does; `kill -9` it, the next "
                       "one goes on",
                       "has not moved for %.0f ms", age);
    }
    if (live == 0)
        doctor_say(doctor, DOCTOR_FAIL, "server", "workers",
                   "read the error log; `aigwctl status` shows the processes",
                   "none of them takes requests");
    else
        doctor_say(doctor, DOCTOR_OK, "server", "workers", NULL, "%u live",
                   live);
    double restarts = json_number(doctor->status, "worker_restarts");
    if (restarts > 0)
        doctor_say(doctor, DOCTOR_WARN, "server", "workers",
                   "find \"worker\" in the error log and report it",
                   "%.0f ended without being asked since the start", restarts);
}

static void
check_reload(struct doctor *doctor)
{
    const cJSON *config =
        cJSON_GetObjectItemCaseSensitive(doctor->status, "config");
    const char *path = json_text(config, "path");
    if (*path == '\0')
        path = "no file";
    if (strcmp(json_text(config, "last_reload"), "refused") == 0)
        doctor_say(doctor, DOCTOR_FAIL, "reload", path,
                   "correct it, then `aigw -t` and `aigw -s reload`",
                   "the last reload was refused: %s",
                   json_text(config, "reason"));
    else
        doctor_say(doctor, DOCTOR_OK, "reload", path, NULL,
                   "generation %.0f is in force",
                   json_number(config, "generation"));
}

void
doctor_server(struct doctor *doctor)
{
    struct buf error;
    const struct connect *connect = doctor->connect;
    const char *place = *connect->socket ? connect->socket : connect->url;
    buf_init(&error, 0);
    doctor->asked_ms = clock_wall_ms();
    doctor->status = doctor_ask(doctor, "/admin/v1/status", &error);
    doctor->answered_ms = clock_wall_ms();
    const char *state = json_text(doctor->status, "state");
    if (doctor->status == NULL) {
        doctor_say(doctor, DOCTOR_FAIL, "server", place,
                   *connect->socket
                       ? "start it, or name it by --socket, -c or --url"
                       : "check its address, and the token in AIGW_TOKEN",
                   "%s", buf_cstr(&error));
    } else {
        bool runs = strcmp(state, "running") == 0;
        doctor_say(doctor, runs ? DOCTOR_OK : DOCTOR_FAIL, "server", place,
                   runs ? NULL : "see the rows below and the error log",
                   "aigw %s, instance %s: %s",
                   json_text(doctor->status, "version"),
                   json_text(doctor->status, "instance"), state);
        check_workers(doctor);
        check_reload(doctor);
    }
    buf_fini(&error);
}

/* Expiry, budgets' periods and signatures go by it. */
static void
check_difference(struct doctor *doctor)
{
    int64_t server_ms = 0, off_ms = 0;
    const char *text = json_text(doctor->status, "time");
    if (clock_parse_rfc3339(text, &server_ms) != 0)
        return; /* one of an older version does not say */
    if (server_ms < doctor->asked_ms)
        off_ms = server_ms - doctor->asked_ms;
    else if (server_ms > doctor->answered_ms)
        off_ms = server_ms - doctor->answered_ms;
    int64_t by_ms = llabs(off_ms);
    if (by_ms < CLOCK_WARN_MS)
        doctor_say(doctor, DOCTOR_OK, "clock", "server", NULL,
                   "as this machine's");
    else
        doctor_say(doctor, by_ms < CLOCK_FAIL_MS ? DOCTOR_WARN : DOCTOR_FAIL,
                   "clock", "server",
                   "set both machines' clocks by NTP (chrony, "
                   "systemd-timesyncd)",
                   "%" PRId64 ".%03" PRId64 " s %s of this machine's",
                   by_ms / 1000, by_ms % 1000, off_ms < 0 ? "behind" : "ahead");
}

void
doctor_clock(struct doctor *doctor)
{
    struct timex timex = {0};
    if (doctor->status != NULL)
        check_difference(doctor);
    int state = adjtimex(&timex);
    if (state == -1 || (timex.status & STA_UNSYNC) != 0)
        doctor_say(doctor, DOCTOR_WARN, "clock", "this machine",
                   "run chrony or systemd-timesyncd; in a container, its host "
                   "does",
                   "nothing keeps it by NTP, as far as the kernel knows");
    else
        doctor_say(doctor, DOCTOR_OK, "clock", "this machine", NULL,
                   "kept by NTP");
}

static void
check_rings(struct doctor *doctor)
{
    double capacity = json_number(doctor->status, "ring_capacity_bytes");
    const cJSON *worker = NULL;
    double fullest = 0;
    cJSON_ArrayForEach(worker, json_at_path(doctor->status, "workers"))
    {
        double bytes = json_number(worker, "ring_bytes");
        fullest = bytes > fullest ? bytes : fullest;
    }
    double percent = capacity > 0 ? 100 * fullest / capacity : 0;
    if (percent >= RING_FULL_PERCENT)
        doctor_say(doctor, DOCTOR_FAIL, "ledger", "rings",
                   "the disk is too slow or stands still: `iostat -x`, the "
                   "error log",
                   "records wait in memory, the fullest ring has %.0f %%",
                   percent);
    else
        doctor_say(doctor, DOCTOR_OK, "ledger", "rings", NULL,
                   "%.0f %% of the fullest waits", percent);
}

void
doctor_ledger(struct doctor *doctor)
{
    const cJSON *accountant =
        cJSON_GetObjectItemCaseSensitive(doctor->status, "accountant");
    if (accountant == NULL)
        return;
    double exports = json_number(accountant, "export_failures");
    double errors = json_number(accountant, "flush_errors");
    if (strcmp(json_text(accountant, "ledger"), "ok") != 0)
        doctor_say(doctor, DOCTOR_FAIL, "ledger", "store",
                   "free or mend the disk under data_dir, then `aigw-ledger "
                   "verify`",
                   "%s", json_text(accountant, "ledger_error"));
    else if (errors > 0)
        doctor_say(doctor, DOCTOR_WARN, "ledger", "store",
                   "read the error log for when and why",
                   "it writes now; %.0f flushes failed since the start",
                   errors);
    else
        doctor_say(doctor, DOCTOR_OK, "ledger", "store", NULL,
                   "%.0f records written, last flush %s",
                   json_number(accountant, "records"),
                   json_text(accountant, "last_flush_at"));
    check_rings(doctor);
    if (exports > 0)
        doctor_say(doctor, DOCTOR_FAIL, "ledger", "export",
                   "make room under data_dir; the error log has the reason",
                   "%.0f exports failed since the start", exports);
}
