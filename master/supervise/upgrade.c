#include "master/supervise/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/platform/secrets.h"
#include "server/base/text.h"

/* "<listener> <pid of the parent> <descriptor of STATE_DIR or -1>" */
#define INHERITED "LLM_API_CONVERTER_INHERITED"

static struct {
    char path[PATH_MAX];
    char **argv, **environment;
    pid_t parent;
    int state_fd;
} self = {.state_fd = -1};

/* A secret without a value may get one from .env, which is then not the start's. */
static bool is_blank_secret(const char *entry)
{
    return secrets_is(entry) && text_trim(text_from(strchr(entry, '=') + 1)).n == 0;
}

/* Strings of the start stay where they are; settings of .env that are set later are not among them,
 * so a changed file is read anew. */
void upgrade_remember(char **argv)
{
    size_t n = 0;
    ssize_t length = readlink("/proc/self/exe", self.path, sizeof self.path - 1);
    self.path[length > 0 ? length : 0] = '\0';
    self.argv = argv;
    while (environ[n]) {
        n++;
    }
    self.environment = heap_new((n + 2) * sizeof *self.environment); /* one more, and NULL */
    for (size_t i = 0, at = 1; self.environment && i < n; i++) {
        if (strncmp(environ[i], INHERITED "=", sizeof INHERITED) != 0 &&
            !is_blank_secret(environ[i])) {
            self.environment[at++] = environ[i];
        }
    }
}

/* The master has wiped the values of its secrets: the successor gets them back. */
static void fill_in_secrets(void)
{
    for (char **e = self.environment + 1; *e; e++) {
        char *whole = secrets_is(*e) ? secrets_entry(*e) : NULL;
        *e = whole ? whole : *e;
    }
}

/* In the child. Signals are blocked in the master, and ignored ones stay so over exec. */
static void become_successor(int listen_fd, int state_fd, pid_t parent)
{
    static char inherited[sizeof INHERITED + 32];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(inherited, sizeof inherited, INHERITED "=%d %d %d", listen_fd, (int)parent, state_fd);
    self.environment[0] = inherited;
    fill_in_secrets();
    if (state_fd >= 0) {
        fcntl(state_fd, F_SETFD, 0);
    }
    if (fcntl(listen_fd, F_SETFD, 0) == 0) {
        execve(self.path, self.argv, self.environment);
    }
    _exit(127);
}

enum status upgrade_start(int listen_fd, int state_fd, pid_t *pid_out, struct err *err)
{
    pid_t parent = getpid();
    if (parent == 1) {
        return err_set(err, STATUS_NOT_SUPPORTED,
                       "as process 1 the container would end with us: replace the container");
    }
    if (!self.path[0] || !self.environment) {
        return err_set(err, STATUS_UNAVAILABLE, "the program's path is not known");
    }
    if (access(self.path, X_OK) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "%s: %s", self.path, strerrordesc_np(errno));
    }
    *pid_out = fork();
    if (*pid_out == 0) {
        become_successor(listen_fd, state_fd, parent);
    }
    return *pid_out > 0 ? STATUS_OK
                        : err_set(err, STATUS_UNAVAILABLE, "fork: %s", strerrordesc_np(errno));
}

/* --- the successor ------------------------------------------------------------------------- */

int upgrade_socket(const char *host, uint16_t port, char name_out[LISTENER_NAME_MAX])
{
    const char *text = getenv(INHERITED);
    int fd, parent, state_fd = -1;
    bool told = text && sscanf(text, "%d %d %d", &fd, &parent, &state_fd) >= 2 && fd > 2;
    unsetenv(INHERITED);
    if (!told || parent != getppid() || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return -1;
    }
    if (state_fd > 2 && fcntl(state_fd, F_SETFD, FD_CLOEXEC) == 0) {
        self.state_fd = state_fd;
    }
    if (!listener_is_at(fd, host, port, name_out)) {
        close(fd);
        return -1;
    }
    self.parent = parent;
    return fd;
}

int upgrade_state_fd(void)
{
    return self.state_fd;
}

pid_t upgrade_parent(void)
{
    return self.parent;
}
