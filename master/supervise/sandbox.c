#include "master/supervise/sandbox.h"
#include "master/supervise/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "server/platform/identity.h"
#include "server/platform/landlock.h"
#include "server/base/log.h"
#include "server/platform/secrets.h"
#include "server/platform/syscalls.h"

/*
 * STATE_DIR by a descriptor that was opened as root: a path through directories that are closed to
 * RUN_AS_USER (a checkout in /root, a directory of mktemp -d) would be out of its reach. Then the
 * setting is told as /proc/self/fd/N, which every process may open for itself.
 */
static struct {
    int fd;        /* -1: the path as it is set serves */
    char path[40]; /* "/proc/self/fd/N" */
} place = {.fd = -1};

int sandbox_state_fd(void)
{
    return place.fd;
}

static void use_place(struct config *c)
{
    if (place.fd >= 0) {
        c->state_dir = place.path;
    }
}

static bool usable(int fd)
{
    return fd >= 0 && faccessat(fd, ".", R_OK | W_OK | X_OK, 0) == 0;
}

/* After the change of user. Takes fd over. */
static void settle_place(struct config *c, int fd, const char *user)
{
    bool missing = access(c->state_dir, F_OK) != 0 && errno == ENOENT;
    if (missing || identity_reaches(c->state_dir)) {
        /* by its name */
    } else if (usable(fd)) {
        place.fd = fd;
        snprintf(place.path, sizeof place.path, "/proc/self/fd/%d", fd);
        log_line(LOG_INFO, "start",
                 "STATE_DIR %s lies below a directory that is closed to %s: it "
                 "is kept open as %s",
                 c->state_dir, user, place.path);
        use_place(c);
        return;
    } else {
        log_line(
            LOG_ERROR, "start",
            "STATE_DIR %s is not writable for user %s: chown it, or set RUN_AS_USER or STATE_DIR",
            c->state_dir, user);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* --- the user ------------------------------------------------------------------------------ */

static enum status refuse_root(const struct config *c, struct err *err)
{
    return c->allow_root
               ? STATUS_OK
               : err_set(err, STATUS_INVALID,
                         "RUN_AS_USER: all processes would stay root; name another user, or set "
                         "ALLOW_ROOT=true");
}

/* Credentials of root's own that the user cannot read: they are named, so that the refresher says
 * so instead of taking them for absent (and, with STORAGE_BACKEND=auto, another store for the right
 * one). */
static const struct aws_file {
    const char *variable, *below_home;
} aws_files[] = {{"AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"},
                 {"AWS_CONFIG_FILE", "/.aws/config"}};
enum { AWS_FILES = COUNT_OF(aws_files) };

static void find_aws_files(char paths[AWS_FILES][256])
{
    const char *home = getenv("HOME");
    for (size_t i = 0; i < AWS_FILES; i++) {
        int n = snprintf(paths[i], 256, "%s%s", home ? home : "", aws_files[i].below_home);
        if (!home || n >= 256 || getenv(aws_files[i].variable) || access(paths[i], F_OK) != 0) {
            paths[i][0] = '\0';
        }
    }
}

static void warn_closed(const struct config *c, char paths[AWS_FILES][256], const char *user)
{
    for (size_t i = 0; i < AWS_FILES; i++) {
        if (paths[i][0] && access(paths[i], R_OK) != 0) {
            setenv(aws_files[i].variable, paths[i], 1);
            log_line(
                LOG_ERROR, "start",
                "%s cannot be read by user %s: set RUN_AS_USER, or %s to a file that it may read",
                paths[i], user, aws_files[i].variable);
        }
    }
    if (c->ca_file[0] && access(c->ca_file, R_OK) != 0) {
        log_line(LOG_ERROR, "start", "UPSTREAM_CA_FILE %s cannot be read by user %s", c->ca_file,
                 user);
    }
}

static enum status change_user(struct config *c, struct err *err)
{
    char aws[AWS_FILES][256];
    struct identity who;
    enum status status = identity_choose(c->run_as_user, c->state_dir, &who, err);
    if (status != STATUS_OK) {
        struct err why = *err;
        return err_set(err, status, "RUN_AS_USER: %s", why.text);
    }
    if (who.uid == 0 && refuse_root(c, err) != STATUS_OK) {
        return err->code;
    }
    find_aws_files(aws);
    identity_make_directory(c->state_dir, &who);
    int fd = open(c->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    status = identity_become(&who, err);
    if (status == STATUS_OK) {
        log_line(LOG_INFO, "start", "started as root, goes on as user %s (%u:%u)", who.name,
                 who.uid, who.gid);
        settle_place(c, fd, who.name);
        warn_closed(c, aws, who.name);
    } else if (fd >= 0) {
        close(fd);
    }
    return status;
}

static enum status take_user(struct config *c, int inherited_fd, struct err *err)
{
    if (identity_may_change()) {
        return change_user(c, err);
    }
    if (geteuid() == 0 && refuse_root(c, err) != STATUS_OK) { /* root in name, in a container */
        return err->code;
    }
    identity_drop_capabilities(); /* for the port, say */
    settle_place(c, inherited_fd, "that it runs as");
    return STATUS_OK;
}

/* --- master -------------------------------------------------------------------------------- */

static void hide(const struct config *c)
{
    if (!c->core_dumps && !SANDBOX_SANITIZED) {
        prctl(PR_SET_DUMPABLE, 0);
    }
}

static bool has_filters(void)
{
    return sandbox_filters[SANDBOX_MASTER].n > 0;
}

static void say(const struct config *c)
{
    if (!c->sandbox) {
        log_line(LOG_WARN, "sandbox",
                 "SANDBOX is off: a process that is taken over may do all that its user may");
        return;
    }
    if (!has_filters() || !syscalls_known()) {
        log_line(LOG_INFO, "sandbox", "no filter of system calls: %s",
                 has_filters() ? "not in this kernel" : "built without libseccomp");
    }
    if (!landlock_abi()) {
        log_line(LOG_INFO, "sandbox", "no rules for files: this kernel has no Landlock");
    }
}

/* Weather of a kernel that has the thing and refuses it (a container's own filter, say): the rest
 * stands, and it is said. */
static void weaker(enum status status, const struct err *err)
{
    if (status != STATUS_OK) {
        log_line(LOG_WARN, "sandbox", "goes on without: %s", err->text);
    }
}

enum status sandbox_begin(struct config *c, int inherited_fd, struct err *err)
{
    enum status status = take_user(c, inherited_fd, err);
    if (status != STATUS_OK) {
        return status;
    }
    hide(c);
    say(c);
    if (c->sandbox) {
        syscalls_no_new_privs();
        weaker(syscalls_load(&sandbox_filters[SANDBOX_MASTER], err), err);
    }
    status = secrets_lock_away(err);
    config_forget_keys(c);
    return status;
}

void sandbox_before_load(void)
{
    secrets_bring_back(SECRETS_ALL);
}

void sandbox_after_load(struct config *c)
{
    struct err err = {.code = STATUS_OK};
    if (!c) {
        secrets_forget(); /* those of before are still locked away */
        return;
    }
    use_place(c);
    if (secrets_lock_away(&err) != STATUS_OK) {
        log_line(LOG_ERROR, "reload", "%s", err.text);
    }
    config_forget_keys(c);
}

/* --- children ------------------------------------------------------------------------------ */

void sandbox_leave_master(enum sandbox_role role)
{
    if (role == SANDBOX_REFRESHER) {
        secrets_bring_back(SECRETS_CREDENTIALS);
    } else if (place.fd >= 0) {
        close(place.fd);
        place.fd = -1;
    }
    secrets_close();
}

enum status sandbox_enter(enum sandbox_role role, const struct config *c, struct err *err)
{
    hide(c); /* a unit test's master may not be */
    if (!c->sandbox) {
        return STATUS_OK;
    }
    weaker(sandbox_files(role, c, err), err);
    weaker(syscalls_load(&sandbox_filters[role], err), err);
    return STATUS_OK;
}

const char *sandbox_explain(int sig)
{
    return sig == SIGSYS ? " (the sandbox: a system call that is not in its role's table; the "
                           "kernel's log names it)"
                         : "";
}

/* --- check-config -------------------------------------------------------------------------- */

static void describe_user(const struct config *c, char *out, size_t size)
{
    struct identity who;
    struct err err;
    if (!identity_may_change()) {
        snprintf(out, size, "stays %u:%u%s", geteuid(), getegid(),
                 geteuid() == 0 && !c->allow_root ? " (refused without ALLOW_ROOT)" : "");
    } else if (identity_choose(c->run_as_user, c->state_dir, &who, &err) == STATUS_OK) {
        snprintf(out, size, "changes to %s (%u:%u)%s", who.name, who.uid, who.gid,
                 who.uid == 0 && !c->allow_root ? " (refused without ALLOW_ROOT)" : "");
    } else {
        snprintf(out, size, "RUN_AS_USER: %s", err.text);
    }
}

void sandbox_report(const struct config *c,
                    void (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    char text[400];
    const char *off = c->sandbox ? "" : ", off by SANDBOX";
    describe_user(c, text, sizeof text);
    fn(ctx, "user", text);
    fn(ctx, "capabilities", "none after the port is bound");
    fn(ctx, "no_new_privs", c->sandbox ? "yes" : "no, off by SANDBOX");
    fn(ctx, "dumpable", c->core_dumps ? "yes, by CORE_DUMPS" : "no");
    snprintf(text, sizeof text, "%s%s",
             !has_filters()     ? "no, built without libseccomp"
             : syscalls_known() ? "yes"
                                : "no, not in this kernel",
             off);
    fn(ctx, "seccomp", text);
    int abi = landlock_abi();
    snprintf(text, sizeof text, abi ? "yes, ABI %d%s" : "no, not in this kernel", abi, off);
    fn(ctx, "landlock", text);
}
