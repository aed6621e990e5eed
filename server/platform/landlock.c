#include "server/platform/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers and bits of the kernel's include/uapi/linux/landlock.h; the numbers are the same on all
 * architectures. */
#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE       445
#define CALL_RESTRICT_SELF  446
#define CREATE_VERSION      1u
#define RULE_PATH_BENEATH   1
#define FS_EXECUTE          (1ull << 0)
#define FS_WRITE_FILE       (1ull << 1)
#define FS_READ_FILE        (1ull << 2)
#define FS_READ_DIR         (1ull << 3)
#define FS_REMOVE_DIR       (1ull << 4)
#define FS_REMOVE_FILE      (1ull << 5)
#define FS_MAKE_DIR         (1ull << 7)
#define FS_MAKE_REG         (1ull << 8)
#define FS_ALL_1            ((1ull << 13) - 1)
#define FS_REFER            (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE         (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV        (1ull << 15) /* ABI 5 */
#define NET_BIND_TCP        (1ull << 0)  /* ABI 4 */
#define SCOPE_ABSTRACT_UNIX (1ull << 0)  /* ABI 6 */
#define SCOPE_SIGNAL        (1ull << 1)  /* ABI 6 */

struct ruleset {
    uint64_t files, net, scoped;
};
struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

int landlock_abi(void)
{
    long abi = syscall(CALL_CREATE_RULESET, NULL, 0, CREATE_VERSION);
    return abi > 0 ? (int)abi : 0;
}

static struct ruleset all_of(int abi)
{
    struct ruleset r = {.files = FS_ALL_1};
    r.files |= abi >= 2 ? FS_REFER : 0;
    r.files |= abi >= 3 ? FS_TRUNCATE : 0;
    r.files |= abi >= 5 ? FS_IOCTL_DEV : 0;
    r.net = abi >= 4 ? NET_BIND_TCP : 0;
    r.scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0;
    return r;
}

/* A smaller struct is what an older kernel expects. */
static size_t size_for(int abi)
{
    return abi >= 6 ? sizeof(struct ruleset) : (abi >= 4 ? 2 : 1) * sizeof(uint64_t);
}

static uint64_t rights(enum landlock_may may, bool directory)
{
    uint64_t file = FS_READ_FILE;
    uint64_t inside = FS_READ_DIR;
    if (may == LANDLOCK_WRITE) {
        file |= FS_WRITE_FILE | FS_TRUNCATE;
        inside |= FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER;
    }
    return directory ? file | inside : file;
}

static bool add_rule(int ruleset, uint64_t handled, const struct landlock_rule *rule)
{
    struct stat st;
    int fd = rule->path[0] ? open(rule->path, O_PATH | O_CLOEXEC) : -1;
    if (fd < 0) {
        return true; /* not there */
    }
    fstat(fd, &st);
    struct path_rule r = {rights(rule->may, S_ISDIR(st.st_mode)) & handled, fd};
    bool ok = syscall(CALL_ADD_RULE, ruleset, RULE_PATH_BENEATH, &r, 0) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return ok;
}

enum status landlock_enforce(const struct landlock_rule *rules, size_t n, struct err *err)
{
    int abi = landlock_abi();
    struct ruleset all = all_of(abi);
    if (abi == 0) {
        return STATUS_OK;
    }
    int fd = (int)syscall(CALL_CREATE_RULESET, &all, size_for(abi), 0);
    bool ok = fd >= 0;
    for (size_t i = 0; i < n && ok; i++) {
        ok = add_rule(fd, all.files, &rules[i]);
    }
    ok = ok && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(CALL_RESTRICT_SELF, fd, 0) == 0;
    enum status status = ok ? STATUS_OK : err_set(err, STATUS_UNAVAILABLE, "Landlock: %m");
    if (fd >= 0) {
        close(fd);
    }
    return status;
}
