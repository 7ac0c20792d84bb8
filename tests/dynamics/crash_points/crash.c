/* SPDX-License-Identifier: Apache-2.0
 *
 * A library to be preloaded, which kills its process in the middle of its k-th change to a folder.
 *
 * Changes are writes, renames, links, removals and new folders, counted from 0 once crash_arm(k, folder) was
 * called. A write that is hit has put half of its bytes down; any other change that is hit has not happened.
 *
 *     gcc -shared -fPIC -O1 -o crash.so crash.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long changes;
static long fatal = -1;
static char folder[PATH_MAX];

void crash_arm(long at, const char *path)
{
    snprintf(folder, sizeof folder, "%s", path);
    atomic_store(&changes, 0);
    fatal = at;
}

static int inside(const char *path)
{
    return fatal >= 0 && strncmp(path, folder, strlen(folder)) == 0;
}

static int descriptor_inside(int descriptor)
{
    char link[64], path[PATH_MAX];
    if (fatal < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return inside(path);
}

static int hit(int is_inside)
{
    return is_inside && atomic_fetch_add(&changes, 1) == fatal;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int descriptor, const void *bytes, size_t count)
{
    REAL(write);
    if (hit(descriptor_inside(descriptor))) {
        real(descriptor, bytes, count / 2);
        die();
    }
    return real(descriptor, bytes, count);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t at)
{
    REAL(pwrite64);
    if (hit(descriptor_inside(descriptor))) {
        real(descriptor, bytes, count / 2, at);
        die();
    }
    return real(descriptor, bytes, count, at);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    if (hit(inside(to)))
        die();
    return real(from, to);
}

int link(const char *from, const char *to)
{
    REAL(link);
    if (hit(inside(to)))
        die();
    return real(from, to);
}

int unlink(const char *path)
{
    REAL(unlink);
    if (hit(inside(path)))
        die();
    return real(path);
}

int unlinkat(int descriptor, const char *path, int flags)
{
    REAL(unlinkat);
    if (hit(path[0] == '/' ? inside(path) : descriptor_inside(descriptor)))
        die();
    return real(descriptor, path, flags);
}

int rmdir(const char *path)
{
    REAL(rmdir);
    if (hit(inside(path)))
        die();
    return real(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    if (hit(inside(path)))
        die();
    return real(path, mode);
}
