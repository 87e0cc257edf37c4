/*
 * proc.c - see proc.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/crypto.h"

extern char **environ;

/* argv[] and the environment lie in one piece behind each other; the title may
 * use all of it once the environment has moved to the heap. */
static char *title_area;
static size_t title_area_bytes;
/* Never freed; twice, because unsetenv() takes texts out of the one in use. */
static char **title_environment __attribute__((used));
static char **title_texts __attribute__((used));

static char **arguments; /* copies: the title takes the place of argv */
static char program_path[PATH_MAX];

static void
remember_arguments(int argc, char **argv)
{
    arguments = calloc((size_t)argc + 1, sizeof(*arguments));
    for (int i = 0; arguments != NULL && i < argc; i++)
        arguments[i] = strdup(argv[i]);
}

/* A name without a slash was found by PATH, and is what the kernel says. */
static void
remember_program(const char *name)
{
    char folder[PATH_MAX];
    int len = -1;
    if (name[0] == '/')
        len = snprintf(program_path, sizeof(program_path), "%s", name);
    else if (strchr(name, '/') != NULL && getcwd(folder, sizeof(folder)))
        len =
            snprintf(program_path, sizeof(program_path), "%s/%s", folder, name);
    if (len > 0 && len < (int)sizeof(program_path))
        return;
    ssize_t n =
        readlink("/proc/self/exe", program_path, sizeof(program_path) - 1);
    program_path[n > 0 ? n : 0] = '\0';
}

char *const *
proc_arguments(void)
{
    return arguments;
}

const char *
proc_program_path(void)
{
    return program_path;
}

int
proc_exec_fd(int fd, char *const argv[])
{
    if (argv == NULL || argv[0] == NULL)
        return -EINVAL;
    syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
    return -errno;
}

void
proc_title_init(int argc, char **argv)
{
    if (argc < 1 || title_area != NULL)
        return;
    remember_arguments(argc, argv);
    remember_program(argv[0]);
    char *end = argv[0];
    for (int i = 0; i < argc && argv[i] == end; i++)
        end = argv[i] + strlen(argv[i]) + 1;
    size_t count = 0;
    for (; environ[count] != NULL; count++)
        if (environ[count] == end)
            end += strlen(end) + 1;
    title_environment = calloc(count + 1, sizeof(*title_environment));
    title_texts = calloc(count + 1, sizeof(*title_texts));
    if (title_environment == NULL || title_texts == NULL)
        return; /* then the title stays as it is */
    for (size_t i = 0; i < count; i++) {
        title_texts[i] = title_environment[i] = strdup(environ[i]);
        if (title_environment[i] == NULL)
            return;
    }
    environ = title_environment;
    title_area = argv[0];
    title_area_bytes = (size_t)(end - argv[0]);
}

void
proc_title_set(const char *format, ...)
{
    char title[256];
    va_list args;
    va_start(args, format);
    vsnprintf(title, sizeof(title), format, args);
    va_end(args);
    prctl(PR_SET_NAME, title); /* cut to 15 bytes: what `ps -e` shows */
    if (title_area == NULL)
        return;
    /* Zeros behind the title: ps would show them as empty arguments else. */
    memset(title_area, 0, title_area_bytes);
    snprintf(title_area, title_area_bytes, "%s", title);
}

uint64_t
proc_start_time(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* Field 2 is the name in brackets and may hold anything but its end. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

/* The number of KiB behind `name`, as bytes; 0 where there is none. */
static uint64_t
status_bytes(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10) * 1024;
}

int
proc_usage(pid_t pid, struct proc_usage *usage)
{
    char path[64], text[4096];
    struct stat st;
    *usage = (struct proc_usage){0};
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    int r = n < 0 ? -errno : 0;
    close(fd);
    if (r < 0)
        return r;
    text[n] = '\0';
    usage->own = status_bytes(text, "\nRssAnon:");
    usage->files = status_bytes(text, "\nRssFile:");
    usage->shared = status_bytes(text, "\nRssShmem:");
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    if (stat(path, &st) == 0)
        usage->descriptors = (uint64_t)st.st_size;
    return 0;
}

int
proc_pidfd_open(pid_t pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}

int
proc_signal(pid_t pid, int number)
{
    return kill(pid, number) != 0 ? -errno : 0;
}

int
proc_pidfd_signal(int pidfd, int number)
{
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) != 0 ? -errno
                                                                       : 0;
}

int
proc_signalfd(const int *signals)
{
    /* All that any role handles: one that does not list it ignores it. */
    static const int handled[] = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                                  SIGUSR2, SIGCHLD, SIGWINCH, SIGPIPE};
    sigset_t block, wanted;
    sigemptyset(&block);
    sigemptyset(&wanted);
    for (size_t i = 0; i < ARRAY_LEN(handled); i++)
        sigaddset(&block, handled[i]);
    for (; *signals != 0; signals++) {
        sigaddset(&block, *signals);
        sigaddset(&wanted, *signals);
    }
    if (sigprocmask(SIG_SETMASK, &block, NULL) != 0)
        return -errno;
    int fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static int
drop_to(const struct passwd *user)
{
    if (geteuid() != 0)
        return geteuid() == user->pw_uid ? 0 : -EPERM;
    if (initgroups(user->pw_name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return -errno;
    /* A way back would mean that nothing was dropped. */
    if (user->pw_uid != 0 && setuid(0) == 0)
        return -EPERM;
    return 0;
}

int
proc_drop_rights(const char *user)
{
    if (user != NULL && *user != '\0') {
        errno = 0;
        const struct passwd *entry = getpwnam(user);
        if (entry == NULL)
            return errno != 0 ? -errno : -ENOENT;
        int rc = drop_to(entry);
        if (rc != 0)
            return rc;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -errno : 0;
}

int
proc_set_cloexec(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

int
proc_set_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

uint64_t
proc_raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : soft;
}

int
proc_raise_oom_score(int by)
{
    enum { OOM_SCORE_MAX = 1000 };
    static const char path[] = "/proc/self/oom_score_adj";
    char text[16] = "";
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = 0;
    if (read(fd, text, sizeof(text) - 1) < 0)
        result = -errno;
    int score = atoi(text) + by;
    int len = snprintf(text, sizeof(text), "%d",
                       score < OOM_SCORE_MAX ? score : OOM_SCORE_MAX);
    if (result == 0 && pwrite(fd, text, (size_t)len, 0) != len)
        result = -errno;
    close(fd);
    return result;
}

int
proc_boot_id(uint8_t out[16])
{
    char text[64], hex[33];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof(text));
    int rc = n < 0 ? -errno : 0;
    close(fd);
    if (rc != 0)
        return rc;
    size_t len = 0;
    for (ssize_t i = 0; i < n && text[i] != '\n' && len < 32; i++)
        if (text[i] != '-')
            hex[len++] = text[i];
    return crypto_unhex(str_make(hex, len), out, 16);
}

static int
make_directory(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    int rc = -errno;
    if (rc == -EEXIST && stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    return rc;
}

int
proc_mkdir_p(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part))
        return len == 0 ? -ENOENT : -ENAMETOOLONG;
    for (size_t i = 1; i < len; i++) {
        if (path[i] != '/' || path[i - 1] == '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        int rc = make_directory(part, mode);
        if (rc != 0)
            return rc;
    }
    return make_directory(path, mode);
}
