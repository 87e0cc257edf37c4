/*
 * eio_shim.c - preloaded by test_75_disk: while the file that AIGW_TEST_EIO
 * names exists, calls on files below AIGW_TEST_EIO_DIR fail with EIO. The file
 * says which: "write" or "fsync".
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int
fails(int fd, const char *what)
{
    char link[64], path[4096], mode[16] = "";
    const char *control = getenv("AIGW_TEST_EIO");
    const char *dir = getenv("AIGW_TEST_EIO_DIR");
    if (control == NULL || dir == NULL)
        return 0;
    int saved = errno, control_fd = open(control, O_RDONLY | O_CLOEXEC);
    if (control_fd < 0) {
        errno = saved;
        return 0;
    }
    ssize_t n = read(control_fd, mode, sizeof(mode) - 1);
    close(control_fd);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    errno = saved;
    if (n <= 0 || len <= 0 || strncmp(mode, what, strlen(what)) != 0)
        return 0;
    path[len] = '\0';
    if (strncmp(path, dir, strlen(dir)) != 0)
        return 0;
    errno = EIO;
    return 1;
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return fails(fd, "write") ? -1 : real(fd, bytes, len);
}

int
fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return fails(fd, "fsync") ? -1 : real(fd);
}

int
fdatasync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails(fd, "fsync") ? -1 : real(fd);
}
