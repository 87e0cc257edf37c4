/*
 * sandbox.c - see sandbox.h: user, capabilities, memory; the order of all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"

#define BIT(n) (UINT64_C(1) << (n))

/*
 * What a master that was started as root goes on doing: ports below 1024 at a
 * reload; folders, socket and segment given to `user`, and taken away at the
 * end; children that change their user (and drop the rest: SETPCAP); signals
 * to them; its limits.
 */
static const uint64_t master_capabilities =
    BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) |
    BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_SETUID) |
    BIT(CAP_SETGID) | BIT(CAP_SETPCAP) | BIT(CAP_KILL) | BIT(CAP_SYS_RESOURCE) |
    BIT(CAP_IPC_LOCK);

/* What not even root's next program may have. Without CAP_SETPCAP the set
 * stays; no_new_privs then keeps what is in it out of reach. */
static void
drop_bounding_set(uint64_t keep)
{
    for (int n = 0; prctl(PR_CAPBSET_READ, n, 0, 0, 0) >= 0; n++)
        if ((keep & BIT(n)) == 0 && prctl(PR_CAPBSET_DROP, n, 0, 0, 0) != 0)
            return;
}

/* Permitted, effective, inheritable and, with them, ambient: less all but
 * `keep`. 0 or -errno. */
static int
drop_capabilities(uint64_t keep)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) != 0)
        return -errno;
    for (unsigned i = 0; i < ARRAY_LEN(sets); i++) {
        uint32_t mask = (uint32_t)(keep >> (32 * i));
        sets[i].permitted &= mask;
        sets[i].effective &= mask;
        sets[i].inheritable &= mask;
    }
    return syscall(SYS_capset, &header, sets) != 0 ? -errno : 0;
}

static int
give_no_new_rights(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -errno : 0;
}

void
sandbox_keep_rights(void)
{
    drop_bounding_set(master_capabilities);
    int r = drop_capabilities(master_capabilities);
    if (r == 0)
        r = give_no_new_rights();
    if (r != 0)
        log_warn("cannot give up rights that are not needed: %s", strerror(-r));
}

int
sandbox_drop_rights(const char *user)
{
    drop_bounding_set(0); /* while we still may */
    if (geteuid() == 0) {
        int r = proc_drop_rights(user);
        if (r != 0)
            return r;
    }
    int r = drop_capabilities(0);
    return r != 0 ? r : give_no_new_rights();
}

void
sandbox_hide_memory(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        log_warn("cannot switch core dumps off: %s", strerror(errno));
}

bool
sandbox_is_possible(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#else
    const char *preload = getenv("LD_PRELOAD");
    return preload == NULL || strstr(preload, "/vgpreload_") == NULL;
#endif
}

void
sandbox_close(enum sandbox_role role, const char *const *folders)
{
    int r = sandbox_limit_files(folders);
    if (r < 0)
        log_warn("the kernel does not confine which files are written (%s)",
                 strerror(-r));
    r = sandbox_limit_calls(role);
    if (r < 0)
        log_warn("the kernel does not confine system calls (%s)", strerror(-r));
}
