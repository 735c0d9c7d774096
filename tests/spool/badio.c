/* Lets I/O fail with the error that a file tells, as long as that file is there.
 *
 *     LD_PRELOAD=badio.so BADIO_UNDER=/some/directory BADIO_WHEN=/some/file
 *
 * The file holds "ENOSPC" or "EIO", which writing below the directory then gives; "EIO sync" fails
 * only when data is to be brought onto the disk, "EIO read" also when it is read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { WRITE, SYNC, READ };

static int told(const char *when, char *text, size_t size) {
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    ssize_t (*real_read)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    int file = real_open(when, O_RDONLY);
    if (file < 0) return 0;
    ssize_t n = real_read(file, text, size - 1);
    close(file);
    text[n < 0 ? 0 : n] = 0;
    return n > 0;
}

static int refused(int fd, enum kind kind) {
    char link[64], path[4096], text[32];
    const char *under = getenv("BADIO_UNDER"), *when = getenv("BADIO_WHEN");
    if (!under || !when || !told(when, text, sizeof text)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    if (strncmp(path, under, strlen(under))) return 0;
    if (kind == READ && !strstr(text, "read")) return 0;
    if (kind != SYNC && strstr(text, "sync")) return 0;
    errno = strncmp(text, "ENOSPC", 6) ? EIO : ENOSPC;
    return 1;
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
