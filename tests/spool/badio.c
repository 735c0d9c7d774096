/* Lets I/O fail with the error that a file tells, as long as that file is there.
 *
 *     LD_PRELOAD=badio.so BADIO_UNDER=/some/directory BADIO_WHEN=/some/file
 *
 * The file holds "ENOSPC" or "EIO", which writing below the directory then gives; "EIO sync" fails
 * only when data is to be brought onto the disk, "EIO read" also when it is read. With "EACCES path"
 * what is open stays well, and no path leads there any more.
 *
 * badio_arm(from, calls, error) has those calls below the directory fail, of whatever kind, the next
 * being number 0; badio_calls() tells how many there were.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { WRITE, SYNC, READ, PATH };

static long first, last = -1, calls;
static int armed;

void badio_arm(long from, long count, int error) {
    calls = 0;
    first = from;
    last = from + count;
    armed = error;
}

long badio_calls(void) { return calls; }

static int told(char *text, size_t size) {
    const char *when = getenv("BADIO_WHEN");
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    ssize_t (*real_read)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    int file = when ? real_open(when, O_RDONLY) : -1;
    if (file < 0) return 0;
    ssize_t n = real_read(file, text, size - 1);
    close(file);
    text[n < 0 ? 0 : n] = 0;
    return n > 0;
}

static int fails(const char *path, enum kind kind) {
    char text[32];
    const char *under = getenv("BADIO_UNDER");
    if (!under || !path || strncmp(path, under, strlen(under))) return 0;
    long call = calls++;
    if (first <= call && call < last) {
        errno = armed;
        return 1;
    }
    if (!told(text, sizeof text)) return 0;
    if ((kind == PATH) != !!strstr(text, "path")) return 0;
    if (kind == READ && !strstr(text, "read")) return 0;
    if (kind != SYNC && strstr(text, "sync")) return 0;
    errno = strncmp(text, "ENOSPC", 6) ? strncmp(text, "EACCES", 6) ? EIO : EACCES : ENOSPC;
    return 1;
}

static int refused(int fd, enum kind kind) {
    char link[64], path[4096];
    if (!getenv("BADIO_UNDER")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return fails(path, kind);
}

#define FAILING(result, name, kind, parameters, arguments)      \
    result name parameters {                                    \
        result(*real) parameters = dlsym(RTLD_NEXT, #name);     \
        return refused(fd, kind) ? (result)-1 : real arguments; \
    }

FAILING(ssize_t, write, WRITE, (int fd, const void *data, size_t n), (fd, data, n))
FAILING(ssize_t, pwrite, WRITE, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at))
FAILING(ssize_t, pwrite64, WRITE, (int fd, const void *data, size_t n, off64_t at), (fd, data, n, at))
FAILING(int, ftruncate, WRITE, (int fd, off_t size), (fd, size))
FAILING(int, ftruncate64, WRITE, (int fd, off64_t size), (fd, size))
FAILING(ssize_t, read, READ, (int fd, void *data, size_t n), (fd, data, n))
FAILING(ssize_t, pread, READ, (int fd, void *data, size_t n, off_t at), (fd, data, n, at))
FAILING(ssize_t, pread64, READ, (int fd, void *data, size_t n, off64_t at), (fd, data, n, at))
FAILING(int, fsync, SYNC, (int fd), (fd))
FAILING(int, fdatasync, SYNC, (int fd), (fd))

#define LEADING(result, none, name, parameters, arguments)      \
    result name parameters {                                    \
        result(*real) parameters = dlsym(RTLD_NEXT, #name);     \
        return fails(path, PATH) ? (result)none : real arguments; \
    }

LEADING(int, -1, stat, (const char *path, struct stat *to), (path, to))
LEADING(int, -1, stat64, (const char *path, struct stat64 *to), (path, to))
LEADING(int, -1, lstat, (const char *path, struct stat *to), (path, to))
LEADING(int, -1, lstat64, (const char *path, struct stat64 *to), (path, to))
LEADING(int, -1, access, (const char *path, int how), (path, how))
LEADING(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
LEADING(int, -1, unlink, (const char *path), (path))
LEADING(int, -1, rename, (const char *path, const char *to), (path, to))
LEADING(DIR *, NULL, opendir, (const char *path), (path))

#define OPENING(name)                                                                 \
    int name(const char *path, int how, ...) {                                        \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);                \
        va_list more;                                                                 \
        va_start(more, how);                                                          \
        mode_t mode = how & O_CREAT ? (mode_t)va_arg(more, int) : 0;                  \
        va_end(more);                                                                 \
        return fails(path, PATH) ? -1 : real(path, how, mode);                        \
    }

OPENING(open)
OPENING(open64)
