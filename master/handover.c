/*
 * handover.c - see handover.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "master/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/proc.h"

/* ---- the simple lines: name and number ---- */

enum field_type { FIELD_INT, FIELD_U64, FIELD_BOOL, FIELD_TEXT };
struct field {
    const char *name;
    enum field_type type;
    size_t at, size;
    bool is_fd;
};

#define ROW(name, type, is_fd)                                                 \
    {                                                                          \
#name, type, offsetof(struct handover, name),                          \
            sizeof(((struct handover *)0)->name), is_fd                        \
    }
// clang-format off
static const struct field fields[] = {
    ROW(pid,           FIELD_U64,  false),
    ROW(start_time,    FIELD_U64,  false),
    ROW(generation,    FIELD_U64,  false),
    ROW(workers_off,   FIELD_BOOL, false),
    ROW(upgrade_wanted, FIELD_BOOL, false),
    ROW(is_return,     FIELD_BOOL, false),
    ROW(exe_fd,        FIELD_INT,  true),
    ROW(config_fd,     FIELD_INT,  true),
    ROW(secret_fd,     FIELD_INT,  true),
    ROW(certificate_fd, FIELD_INT, true),
    ROW(pid_file_fd,   FIELD_INT,  true),
    ROW(admin_unix_fd, FIELD_INT,  true),
    ROW(wake_fd,       FIELD_INT,  true),
    ROW(reloads,       FIELD_U64,  false),
    ROW(upgrades,      FIELD_U64,  false),
    ROW(version,       FIELD_TEXT, false),
    ROW(config_path,   FIELD_TEXT, false),
    ROW(reload_reason, FIELD_TEXT, false),
};
// clang-format on

static void
write_field(const struct field *field, const char *base, struct buf *out)
{
    const void *at = base + field->at;
    buf_printf(out, "%s ", field->name);
    switch (field->type) {
    case FIELD_INT:
        buf_printf(out, "%d\n", *(const int *)at);
        break;
    case FIELD_U64:
        buf_printf(out, "%" PRIu64 "\n", *(const uint64_t *)at);
        break;
    case FIELD_BOOL:
        buf_printf(out, "%d\n", *(const bool *)at);
        break;
    case FIELD_TEXT:
        for (const char *c = at; *c != '\0'; c++)
            buf_append_char(out, *c == '\n' ? ' ' : *c);
        buf_append_char(out, '\n');
        break;
    }
}

static bool
read_field(const struct field *field, const char *value, char *base)
{
    void *at = base + field->at;
    char *end = NULL;
    errno = 0;
    switch (field->type) {
    case FIELD_INT:
        *(int *)at = (int)strtol(value, &end, 10);
        break;
    case FIELD_U64:
        *(uint64_t *)at = strtoull(value, &end, 10);
        break;
    case FIELD_BOOL:
        *(bool *)at = strtol(value, &end, 10) != 0;
        break;
    case FIELD_TEXT:
        return snprintf(at, field->size, "%s", value) < (int)field->size;
    }
    return errno == 0 && end != value && *end == '\0';
}

/* ---- listeners and children ---- */

static bool
read_listener(const char *value, struct handover *handover)
{
    if (handover->listener_count == HERITAGE_LISTENERS_MAX)
        return false;
    struct heritage_listener *l =
        &handover->listeners[handover->listener_count++];
    int admin, tls;
    if (sscanf(value, "%d %d %d %79s", &l->fd, &admin, &tls, l->text) != 4)
        return false;
    l->admin = admin != 0;
    l->tls = tls != 0;
    return true;
}

static bool
read_child(const char *value, bool is_worker, struct handover *handover)
{
    if (handover->child_count == HANDOVER_CHILDREN_MAX)
        return false;
    struct handover_child *c = &handover->children[handover->child_count++];
    c->is_worker = is_worker;
    return sscanf(value, "%d %u %" SCNu32 " %" SCNu64 " %" SCNu64 " %d",
                  &c->pid, &c->state, &c->column, &c->generation,
                  &c->started_ms, &c->control_fd) == 6;
}

static void
write_text(const struct handover *handover, struct buf *out)
{
    buf_printf(out, "aigw-handover %d\n", HANDOVER_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        write_field(&fields[i], (const char *)handover, out);
    for (unsigned i = 0; i < handover->listener_count; i++) {
        const struct heritage_listener *l = &handover->listeners[i];
        buf_printf(out, "listener %d %d %d %s\n", l->fd, l->admin, l->tls,
                   l->text);
    }
    for (unsigned i = 0; i < handover->child_count; i++) {
        const struct handover_child *c = &handover->children[i];
        buf_printf(out, "%s %d %u %u %" PRIu64 " %" PRIu64 " %d\n",
                   c->is_worker ? "worker" : "accountant", (int)c->pid,
                   c->state, c->column, c->generation, c->started_ms,
                   c->control_fd);
    }
    buf_append_cstr(out, "end\n");
}

int
handover_write(const struct handover *handover)
{
    struct buf text;
    buf_init(&text, HANDOVER_BYTES_MAX);
    write_text(handover, &text);
    int fd = buf_ok(&text) ? memfd_create("aigw-handover", MFD_CLOEXEC) : -1;
    int result = fd;
    if (fd < 0)
        result = buf_ok(&text) ? -errno : -ENOMEM;
    else if (write(fd, buf_ptr(&text), buf_len(&text)) !=
             (ssize_t)buf_len(&text)) {
        result = errno != 0 ? -errno : -EIO;
        close(fd);
    }
    buf_fini(&text);
    return result;
}

/* ---- reading ---- */

static bool
read_line(char *line, struct handover *handover)
{
    char *value = strchr(line, ' ');
    if (value == NULL)
        return true;
    *value++ = '\0';
    if (strcmp(line, "listener") == 0)
        return read_listener(value, handover);
    if (strcmp(line, "worker") == 0 || strcmp(line, "accountant") == 0)
        return read_child(value, line[0] == 'w', handover);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(line, fields[i].name) == 0)
            return read_field(&fields[i], value, (char *)handover);
    return true; /* of a later version */
}

static const char *
read_lines(char *text, struct handover *handover)
{
    int version = 0;
    bool ended = false;
    char *rest = text;
    char *line = strsep(&rest, "\n");
    if (sscanf(line, "aigw-handover %d", &version) != 1 ||
        version != HANDOVER_VERSION)
        return "it is of another version";
    while (!ended && (line = strsep(&rest, "\n")) != NULL) {
        ended = strcmp(line, "end") == 0;
        if (!read_line(line, handover))
            return "a line of it makes no sense";
    }
    return ended ? NULL : "it is cut short";
}

/* All descriptors that it names, one after the other; -1 behind the last. */
static int
descriptor(const struct handover *handover, unsigned i)
{
    if (i-- == 0)
        return handover->fd;
    for (size_t f = 0; f < ARRAY_LEN(fields); f++)
        if (fields[f].is_fd && i-- == 0)
            return *(const int *)((const char *)handover + fields[f].at);
    if (i < handover->listener_count)
        return handover->listeners[i].fd;
    i -= handover->listener_count;
    return i < handover->child_count ? handover->children[i].control_fd : -1;
}

static const char *
why_not_ours(const struct handover *handover)
{
    if (handover->pid != (uint64_t)getpid() ||
        handover->start_time != proc_start_time(getpid()))
        return "it is of another process";
    int fd;
    unsigned count = 0;
    for (unsigned i = 0; (fd = descriptor(handover, i)) != -1; i++, count++)
        if (fd <= STDERR_FILENO || fcntl(fd, F_GETFD) < 0)
            return "it names a descriptor that is not open";
    unsigned named = 1 + handover->listener_count + handover->child_count;
    for (size_t f = 0; f < ARRAY_LEN(fields); f++)
        named += fields[f].is_fd;
    return count == named ? NULL : "a descriptor is missing in it";
}

int
handover_read(int fd, struct handover *handover, struct buf *error)
{
    struct stat st;
    memset(handover, 0, sizeof(*handover));
    handover->fd = fd;
    for (size_t f = 0; f < ARRAY_LEN(fields); f++)
        if (fields[f].is_fd)
            *(int *)(void *)((char *)handover + fields[f].at) = -1;
    const char *reason = "it cannot be read";
    char *text = NULL;
    if (fstat(fd, &st) == 0 && st.st_size > 0 &&
        st.st_size <= HANDOVER_BYTES_MAX)
        text = calloc(1, (size_t)st.st_size + 1);
    if (text != NULL &&
        pread(fd, text, (size_t)st.st_size, 0) == (ssize_t)st.st_size)
        reason = read_lines(text, handover);
    if (reason == NULL)
        reason = why_not_ours(handover);
    free(text);
    if (reason != NULL)
        buf_printf(error, "the hand-over cannot be used: %s", reason);
    return reason == NULL ? 0 : -EBADMSG;
}

int
handover_keep_open(const struct handover *handover, bool open)
{
    int fd;
    for (unsigned i = 0; (fd = descriptor(handover, i)) != -1; i++) {
        if (fcntl(fd, F_SETFD, open ? 0 : FD_CLOEXEC) == 0)
            continue;
        int rc = -errno;
        while (i-- > 0) /* these are open: it cannot fail */
            (void)fcntl(descriptor(handover, i), F_SETFD, FD_CLOEXEC);
        return rc;
    }
    return 0;
}
