/*
 * aigwctl_doctor_host.c - the server's machine: configuration file, permissions,
 * limits, room. See aigwctl_doctor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/certificate.h"
#include "common/heritage.h"
#include "tools/aigwctl_json.h"

enum {
    PATH_BYTES = 1024,
    MIB = 1024 * 1024,
    ROOM_FAIL_MIB = 64, /* of data_dir: the ledger stops soon */
    ROOM_WARN_MIB = 1024,
};

/* A fault that only the service's own environment decides: secrets that stand
 * elsewhere. */
static bool
is_of_environment(const char *fault)
{
    return strstr(fault, "environment variable") != NULL ||
           strstr(fault, "CREDENTIALS_DIRECTORY") != NULL;
}

static void
say_faults(struct doctor *doctor, const char *path, struct buf *error)
{
    char *text = strdup(buf_cstr(error)), *rest = text, *line;
    if (text == NULL)
        return;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line == '\0')
            continue;
        if (is_of_environment(line))
            doctor_say(doctor, DOCTOR_WARN, "config", path,
                       "check it by `aigw -t` in the service's environment",
                       "%s", line);
        else
            doctor_say(doctor, DOCTOR_FAIL, "config", path,
                       "correct the line, then `aigw -t`", "%s", line);
    }
    free(text);
}

static void
check_mode(struct doctor *doctor, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    unsigned mode = st.st_mode & 07777;
    if ((mode & 02) != 0)
        doctor_say(doctor, DOCTOR_FAIL, "permission", path, "chmod 640 it",
                   "everybody may write it (mode %03o)", mode);
    else if ((mode & 04) != 0)
        doctor_say(doctor, DOCTOR_WARN, "permission", path,
                   "chmod 640 it, or keep credentials elsewhere (file:, "
                   "cred:)",
                   "everybody may read it (mode %03o)", mode);
    else
        doctor_say(doctor, DOCTOR_OK, "permission", path, NULL, "mode %03o",
                   mode);
}

/* A relative path is the master's; false: there is nothing there, or nobody can
 * say where it is. */
static bool
server_path(const struct doctor *doctor, const char *path, char *out)
{
    double pid = json_number(doctor->status, "master_pid");
    if (path[0] == '/')
        snprintf(out, PATH_BYTES, "%s", path);
    else if (pid > 0)
        snprintf(out, PATH_BYTES, "/proc/%.0f/cwd/%s", pid, path);
    else
        return false;
    return access(out, F_OK) == 0;
}

static void
check_certificate(struct doctor *doctor)
{
    struct certificate certificate;
    struct buf error;
    char chain[PATH_BYTES], key[PATH_BYTES];
    const struct config_server *server = &doctor->config->server;
    if (server->tls_cert == NULL || server->tls_key == NULL)
        return;
    if (!server_path(doctor, server->tls_cert, chain) ||
        !server_path(doctor, server->tls_key, key) || access(key, R_OK) != 0) {
        doctor_say(doctor, DOCTOR_WARN, "certificate", server->tls_cert,
                   "run doctor as root or the server's user",
                   "it or its key cannot be read from here");
        return;
    }
    buf_init(&error, 0);
    if (certificate_load(&certificate, chain, key, &error) != 0) {
        doctor_say(doctor, DOCTOR_FAIL, "certificate", server->tls_cert,
                   "put the right pair there; it is read again by itself", "%s",
                   buf_cstr(&error));
    } else {
        int dates = certificate_check_dates(&certificate, &error);
        doctor_say(doctor, dates == 0 ? DOCTOR_OK : DOCTOR_FAIL, "certificate",
                   server->tls_cert, dates == 0 ? NULL : "renew it", "%s",
                   dates == 0 ? "valid today" : buf_cstr(&error));
        certificate_wipe(&certificate);
    }
    buf_fini(&error);
}

void
doctor_config(struct doctor *doctor, const char *named)
{
    struct buf error;
    const char *path = named;
    const cJSON *running = json_at_path(doctor->status, "config.path");
    if (path == NULL && doctor->is_local && cJSON_IsString(running))
        path = running->valuestring;
    if (path == NULL && doctor->is_local)
        path = config_default_path();
    if (path == NULL)
        return;
    if (access(path, R_OK) != 0) {
        int why = errno;
        doctor_say(doctor, why == EACCES ? DOCTOR_WARN : DOCTOR_FAIL, "config",
                   path,
                   why == EACCES ? "run doctor as root or the server's user"
                                 : "name the file by -c",
                   "cannot be read: %s", strerror(why));
        return;
    }
    buf_init(&error, 0);
    doctor->config = config_load(path, &error);
    if (doctor->config == NULL) {
        say_faults(doctor, path, &error);
    } else {
        doctor_say(doctor, DOCTOR_OK, "config", path, NULL,
                   "%u providers, %u models", doctor->config->provider_count,
                   doctor->config->model_count);
        check_certificate(doctor);
    }
    check_mode(doctor, path);
    buf_fini(&error);
}

static void
check_directory(struct doctor *doctor, const char *path, unsigned forbidden,
                const char *todo)
{
    struct stat st;
    char place[PATH_BYTES];
    if (!server_path(doctor, path, place) || stat(place, &st) != 0)
        return;
    unsigned mode = st.st_mode & 0777;
    bool open = (mode & forbidden) != 0;
    doctor_say(doctor, open ? DOCTOR_FAIL : DOCTOR_OK, "permission", path,
               open ? todo : NULL, open ? "too open (mode %03o)" : "mode %03o",
               mode);
}

void
doctor_permissions(struct doctor *doctor)
{
    struct stat st;
    const char *path = doctor->connect->socket;
    if (stat(path, &st) == 0) {
        unsigned mode = st.st_mode & 0777;
        if (!S_ISSOCK(st.st_mode))
            doctor_say(doctor, DOCTOR_FAIL, "permission", path,
                       "remove it and start aigw", "is no socket");
        else if ((mode & 07) != 0)
            doctor_say(doctor, DOCTOR_FAIL, "permission", path, "chmod 660 it",
                       "open to everybody (mode %03o)", mode);
        else
            doctor_say(doctor, DOCTOR_OK, "permission", path, NULL, "mode %03o",
                       mode);
    }
    if (doctor->config == NULL)
        return;
    check_directory(doctor, doctor->config->server.run_dir, 022,
                    "chmod 755 it: who writes there can put another socket");
    check_directory(doctor, doctor->config->server.data_dir, 077,
                    "chmod 700 it: the ledger has secrets");
}

/* Open files that the server's processes may have: "Max open files" of
 * /proc/PID/limits, else what a start from here would get. */
static uint64_t
open_files(const struct doctor *doctor)
{
    char path[64], line[256];
    unsigned long long soft = 0;
    struct rlimit limit;
    snprintf(path, sizeof(path), "/proc/%.0f/limits",
             json_number(doctor->status, "master_pid"));
    FILE *file = doctor->status == NULL ? NULL : fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Max open files %llu", &soft) == 1)
            break;
    if (file != NULL)
        fclose(file);
    if (soft == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        soft = limit.rlim_max;
    return soft;
}

static void
check_room(struct doctor *doctor, const char *check, const char *path,
           uint64_t warn_mib, uint64_t fail_mib, const char *todo)
{
    struct statvfs room;
    char place[PATH_BYTES];
    if (!server_path(doctor, path, place) || statvfs(place, &room) != 0)
        return;
    uint64_t free_mib = (uint64_t)room.f_bavail * (uint64_t)room.f_frsize / MIB;
    enum doctor_state state = free_mib < fail_mib   ? DOCTOR_FAIL
                              : free_mib < warn_mib ? DOCTOR_WARN
                                                    : DOCTOR_OK;
    doctor_say(doctor, state, check, path, state == DOCTOR_OK ? NULL : todo,
               "%llu MiB free, %llu MiB are wanted",
               (unsigned long long)free_mib, (unsigned long long)warn_mib);
}

void
doctor_limits(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    unsigned workers = config == NULL ? 0 : config->server.workers;
    uint64_t ring_mib = config == NULL ? 8 : config->server.ring_mib;
    if (config != NULL) {
        uint64_t have = open_files(doctor);
        uint64_t want = heritage_descriptors_wanted(config);
        bool few = have < want;
        doctor_say(doctor, few ? DOCTOR_WARN : DOCTOR_OK, "limit", "open files",
                   few ? "raise LimitNOFILE of the service, or lower "
                         "max_connections"
                       : NULL,
                   "%llu for a process, %llu are wanted for max_connections",
                   (unsigned long long)have, (unsigned long long)want);
    }
    if (workers == 0)
        workers = (unsigned)cJSON_GetArraySize(
            json_at_path(doctor->status, "workers"));
    /* A reload has the old workers and the new ones: a ring for each. */
    uint64_t wanted = workers * (ring_mib + 1);
    check_room(doctor, "room", "/dev/shm", wanted, wanted / 2,
               "mount it larger (mount -o remount,size=...), or remove what "
               "others left there");
    if (config != NULL)
        check_room(doctor, "room", config->server.data_dir, ROOM_WARN_MIB,
                   ROOM_FAIL_MIB,
                   "make room: the ledger stops when it is full");
}
