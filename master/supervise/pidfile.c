#include "master/supervise/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/text.h"

/* mkdir -p */
static void make_directories(const char *dir)
{
    char path[PATH_MAX];
    size_t n = strlen(text_copy(text_from(dir), path, sizeof path));
    for (size_t i = 1; i <= n; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            path[i] = '\0';
            mkdir(path, 0700);
            path[i] = i < n ? '/' : '\0';
        }
    }
}

static bool path_of(const char *state_dir, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", state_dir, name);
    return n > 0 && n < PATH_MAX;
}

static bool write_number(const char *path, pid_t pid)
{
    char text[32];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return false;
    }
    size_t n = text_put_u64((uint64_t)pid, text);
    text[n++] = '\n';
    bool ok = write(fd, text, n) == (ssize_t)n;
    return close(fd) == 0 && ok;
}

static pid_t read_number(const char *path)
{
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    uint64_t pid = 0;
    if (fd >= 0) {
        close(fd);
    }
    struct str rest = {text, n > 0 ? (size_t)n : 0}, line;
    bool ok = text_split(&rest, '\n', &line) && text_u64(line, &pid) && pid <= INT_MAX;
    return ok ? (pid_t)pid : 0;
}

enum status pidfile_write(const char *state_dir, pid_t pid, struct err *err)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    make_directories(state_dir);
    if (!path_of(state_dir, "master.pid", path) || !path_of(state_dir, "master.pid.new", fresh)) {
        return err_set(err, STATUS_INVALID, "STATE_DIR is too long a path");
    }
    if (!write_number(fresh, pid) || rename(fresh, path) != 0) {
        int error = errno;
        unlink(fresh);
        return err_set(err, STATUS_UNAVAILABLE, "cannot write %s: %s", path,
                       strerrordesc_np(error));
    }
    return STATUS_OK;
}

enum status pidfile_read(const char *state_dir, pid_t *pid_out, struct err *err)
{
    char path[PATH_MAX];
    *pid_out = path_of(state_dir, "master.pid", path) ? read_number(path) : 0;
    if (*pid_out <= 0 || (kill(*pid_out, 0) != 0 && errno == ESRCH)) {
        return err_set(err, STATUS_NOT_FOUND, "no running server found in STATE_DIR %s; use --pid",
                       state_dir);
    }
    return STATUS_OK;
}

void pidfile_remove(const char *state_dir, pid_t pid)
{
    char path[PATH_MAX];
    if (path_of(state_dir, "master.pid", path) && read_number(path) == pid) {
        unlink(path);
    }
}
