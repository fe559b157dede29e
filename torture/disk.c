/* Counts the changes that a program makes to a folder, and lets one of them fail.

Loaded before the C library, so that it also sees what SQLite does; `disk.py` compiles and uses it.
Each change has a number. It is written to a log with its data, so that the disk can be rebuilt as
it was at any moment. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { GO, HALF, FAIL };

static const char *folder, *how;
static int log_file = -1, at, count;

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("DISK_LOG"), *number = getenv("DISK_AT");
    folder = getenv("DISK_FOLDER");
    how = getenv("DISK_HOW");
    if (!folder || !log || !how) return;
    at = number ? atoi(number) : 0;
    log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_inside(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    return log_file >= 0 && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* Write the absolute path of a descriptor; return whether it lies in the folder. */
static int of_descriptor(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_inside(path);
}

static int of_name(int parent, const char *name, char *path) {
    char start[PATH_MAX] = "";
    if (name[0] != '/') {
        if (parent == AT_FDCWD) {
            if (!getcwd(start, sizeof start)) return 0;
        } else {
            of_descriptor(parent, start);
        }
        strncat(start, "/", sizeof start - strlen(start) - 1);
    }
    snprintf(path, PATH_MAX, "%s%s", start, name);
    return is_inside(path);
}

static void end(void) { syscall(SYS_kill, getpid(), SIGKILL); }

/* Log a change, and decide what becomes of it; `other` is the new name where there is one. */
static int change(const char *kind, const char *path, const char *other, off_t offset,
                  const void *data, size_t size) {
    char head[2 * PATH_MAX + 100];
    int is_write = !strcmp(kind, "write"), here = ++count == at;
    int length = snprintf(head, sizeof head, "%s\t%s\t%s\t%lld\t%zu\n", kind, path, other,
                          (long long)offset, data ? size : 0);
    struct iovec parts[2] = {{head, length}, {(void *)data, data ? size : 0}};
    syscall(SYS_writev, log_file, parts, 2);
    if (!strcmp(how, "ENOSPC") && at && count >= at && strcmp(kind, "unlink")) {
        errno = ENOSPC;
        return FAIL;
    }
    if (!here) return GO;
    if (!strcmp(how, "EIO")) {
        errno = EIO;
        return FAIL;
    }
    if (!strcmp(how, "kill") || (!strcmp(how, "torn") && !is_write)) end();
    return is_write && (!strcmp(how, "torn") || !strcmp(how, "short")) ? HALF : GO;
}

static ssize_t put(int descriptor, const void *data, size_t size, off_t offset, int is_placed) {
    char path[PATH_MAX];
    int way = GO;
    if (of_descriptor(descriptor, path)) {
        off_t where = offset;
        struct stat found;
        if (!is_placed) {
            int at_end = syscall(SYS_fcntl, descriptor, F_GETFL) & O_APPEND;
            where = at_end && !fstat(descriptor, &found) ? found.st_size
                                                         : lseek(descriptor, 0, SEEK_CUR);
        }
        way = change("write", path, "", where, data, size);
    }
    if (way == FAIL) return -1;
    if (way == HALF) size = (size + 1) / 2;
    ssize_t done = is_placed ? syscall(SYS_pwrite64, descriptor, data, size, offset)
                             : syscall(SYS_write, descriptor, data, size);
    if (way == HALF && !strcmp(how, "torn")) end();
    return done;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    return put(descriptor, data, size, 0, 0);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return put(descriptor, data, size, offset, 1);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return put(descriptor, data, size, offset, 1);
}

static int flush(int descriptor, int number) {
    char path[PATH_MAX];
    if (of_descriptor(descriptor, path) && change("fsync", path, "", 0, NULL, 0) == FAIL) return -1;
    return syscall(number, descriptor);
}
int fsync(int descriptor) { return flush(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return flush(descriptor, SYS_fdatasync); }

static int cut(int descriptor, off_t size) {
    char path[PATH_MAX];
    if (of_descriptor(descriptor, path) && change("cut", path, "", size, NULL, 0) == FAIL) return -1;
    return syscall(SYS_ftruncate, descriptor, size);
}
int ftruncate(int descriptor, off_t size) { return cut(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return cut(descriptor, size); }

static int named(const char *kind, int parent, const char *name) {
    char path[PATH_MAX];
    return of_name(parent, name, path) && change(kind, path, "", 0, NULL, 0) == FAIL;
}
int unlinkat(int parent, const char *name, int flags) {
    if (named("unlink", parent, name)) return -1;
    return syscall(SYS_unlinkat, parent, name, flags);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int mkdirat(int parent, const char *name, mode_t mode) {
    if (named("mkdir", parent, name)) return -1;
    return syscall(SYS_mkdirat, parent, name, mode);
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int renameat(int parent, const char *name, int new_parent, const char *new_name) {
    char path[PATH_MAX], target[PATH_MAX];
    of_name(parent, name, path);
    if (of_name(new_parent, new_name, target)
        && change("rename", path, target, 0, NULL, 0) == FAIL) return -1;
    return syscall(SYS_renameat2, parent, name, new_parent, new_name, 0);
}
int rename(const char *name, const char *new_name) {
    return renameat(AT_FDCWD, name, AT_FDCWD, new_name);
}

/* Only what may make or empty a file is a change. */
int openat(int parent, const char *name, int flags, ...) {
    char path[PATH_MAX];
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (flags & (O_CREAT | O_TRUNC) && of_name(parent, name, path)) {
        struct stat found;
        int is_new = stat(path, &found);
        if ((is_new || flags & O_TRUNC)
            && change(is_new ? "create" : "cut", path, "", 0, NULL, 0) == FAIL) return -1;
    }
    return syscall(SYS_openat, parent, name, flags, mode);
}
#define OPEN(name, at_name)                                                     \
    int name(const char *path, int flags, ...) {                                \
        va_list rest;                                                           \
        va_start(rest, flags);                                                  \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                           \
        return openat(AT_FDCWD, path, flags, mode);                             \
    }
OPEN(open, openat)
OPEN(open64, openat)
int openat64(int parent, const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return openat(parent, name, flags, mode);
}
