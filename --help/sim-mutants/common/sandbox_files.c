/*
 * sandbox_files.c - which files may be written: Landlock (landlock(7)), since
 * Linux 5.13. Reading is left alone: resolver, certificates and time zones lie
 * where the system wants them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"

/* Since 5.19 and 6.2; the headers of Debian 12 are of 6.1. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* What is held in a folder that may be written. */
static const uint64_t written =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG;
/* What nobody does: programs, devices, sockets, links. */
static const uint64_t never =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;

/* 0 or -errno; a folder that is not there cannot be written either. */
static int
allow_folder(int rules, const char *folder, uint64_t access)
{
    struct landlock_path_beneath_attr below = {.allowed_access = access};
    below.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (below.parent_fd < 0) {
        log_warn("folder %s will not be written: %s", folder, strerror(errno));
        return 0;
    }
    long r = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
                     &below, 0);
    r = r < 0 ? -errno : 0;
    close(below.parent_fd);
    return (int)r;
}

int
sandbox_limit_files(const char *const *folders)
{
    uint64_t write = written;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0)
        return -errno;
    if (version >= 2)
        write |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        write |= LANDLOCK_ACCESS_FS_TRUNCATE;
    struct landlock_ruleset_attr handled = {.handled_access_fs = write | never};
    int rules =
        (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
    if (rules < 0)
        return -errno;
    int r = 0;
    for (; r == 0 && folders != NULL && *folders != NULL; folders++)
        r = allow_folder(rules, *folders, write);
    if (r == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                   syscall(SYS_landlock_restrict_self, rules, 0) != 0))
        r = -errno;
    close(rules);
    return r;
}
