#include "server/platform/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/text.h"

#define NOBODY     65534u /* as Debian numbers it; a container may have no /etc/passwd */
#define GROUPS_MAX 64
#define LINE_MAX_  1024
#define PATH_SIZE  4096

bool identity_may_change(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    return geteuid() == 0 && syscall(SYS_capget, &head, data) == 0 &&
           (data[0].effective & 1u << CAP_SETUID);
}

/* --- /etc/passwd and /etc/group, see passwd(5), group(5) ----------------------------------- */

static bool number(struct str s, uint32_t *out)
{
    uint64_t value;
    bool ok = text_u64(s, &value) && value < UINT32_MAX; /* -1 means "leave as it is" */
    *out = ok ? (uint32_t)value : 0;
    return ok;
}

/* name:password:uid:gid:... The first row with this name, or with this uid when name.n is 0. */
static bool find_user(struct str name, uid_t uid, struct identity *out)
{
    char line[LINE_MAX_];
    FILE *f = fopen("/etc/passwd", "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        struct str rest = text_from(line), user, skip, uid_text, gid_text;
        uint32_t row_uid, row_gid;
        if (!text_split(&rest, ':', &user) || !text_split(&rest, ':', &skip) ||
            !text_split(&rest, ':', &uid_text) || !text_split(&rest, ':', &gid_text) ||
            !number(uid_text, &row_uid) || !number(gid_text, &row_gid)) {
            continue;
        }
        found = name.n ? text_eq(user, name) : row_uid == uid;
        if (found) {
            out->uid = row_uid;
            out->gid = row_gid;
            text_copy(user, out->name, sizeof out->name);
        }
    }
    if (f) {
        fclose(f);
    }
    return found;
}

static bool has_member(struct str members, struct str name)
{
    struct str one;
    while (text_split(&members, ',', &one)) {
        if (text_eq(one, name)) {
            return true;
        }
    }
    return false;
}

/* The groups that list the user: files of a group (certificates, say) stay readable. */
static size_t find_groups(const struct identity *who, gid_t out[GROUPS_MAX])
{
    char line[LINE_MAX_];
    size_t n = 0;
    FILE *f = fopen("/etc/group", "re");
    out[n++] = who->gid;
    while (f && n < GROUPS_MAX && fgets(line, sizeof line, f)) {
        struct str rest = text_from(line), skip, gid_text;
        uint32_t gid;
        rest.n -= rest.n && rest.p[rest.n - 1] == '\n';
        if (text_split(&rest, ':', &skip) && text_split(&rest, ':', &skip) &&
            text_split(&rest, ':', &gid_text) && number(gid_text, &gid) && gid != who->gid &&
            has_member(rest, text_from(who->name))) {
            out[n++] = gid;
        }
    }
    if (f) {
        fclose(f);
    }
    return n;
}

/* --- which user ---------------------------------------------------------------------------- */

/* A number needs no row in the file; its group is then the user's own, or the same number. */
static bool from_number(struct str who, struct identity *out)
{
    struct str uid_text, rest = who;
    uint32_t uid, gid;
    if (!text_split(&rest, ':', &uid_text) || !number(uid_text, &uid)) {
        return false;
    }
    if (!find_user(STR(""), uid, out)) {
        *out = (struct identity){.uid = uid, .gid = uid};
        snprintf(out->name, sizeof out->name, "%u", uid);
    }
    if (rest.p == NULL) { /* no colon */
        return true;
    }
    bool ok = number(rest, &gid);
    out->gid = gid;
    return ok;
}

enum status identity_find(const char *who, struct identity *out, struct err *err)
{
    struct str text = text_from(who);
    *out = (struct identity){0};
    bool digit = text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9';
    if (text.n > 0 && (digit ? from_number(text, out) : find_user(text, 0, out))) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "%.64s is no user of /etc/passwd, no uid and no uid:gid",
                   who);
}

bool identity_of(const char *path, struct identity *out)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return false;
    }
    if (!find_user(STR(""), st.st_uid, out)) {
        snprintf(out->name, sizeof out->name, "%u", st.st_uid);
    }
    out->uid = st.st_uid;
    out->gid = st.st_gid;
    return true;
}

enum status identity_choose(const char *run_as, const char *directory, struct identity *out,
                            struct err *err)
{
    if (run_as && run_as[0]) {
        return identity_find(run_as, out, err);
    }
    if (identity_of(directory, out) && out->uid != 0) {
        return STATUS_OK;
    }
    if (!find_user(STR("nobody"), 0, out) || out->uid == 0) {
        *out = (struct identity){.uid = NOBODY, .gid = NOBODY, .name = "nobody"};
    }
    return STATUS_OK;
}

/* --- directories --------------------------------------------------------------------------- */

/* By descriptor and without following a link: nobody can put another directory in its place. */
static void give(const char *path, const struct identity *owner)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fchown(fd, owner->uid, owner->gid);
        close(fd);
    }
}

void identity_make_directory(const char *path, const struct identity *owner)
{
    char part[PATH_SIZE];
    size_t n = strlen(text_copy(text_from(path), part, sizeof part));
    for (size_t i = 1; i <= n; i++) {
        if (part[i] == '/' || part[i] == '\0') {
            part[i] = '\0';
            if (mkdir(part, 0700) == 0 && owner && geteuid() == 0) {
                give(part, owner);
            }
            part[i] = i < n ? '/' : '\0';
        }
    }
}

bool identity_reaches(const char *directory)
{
    char real[PATH_MAX];
    return realpath(directory, real) && access(real, R_OK | W_OK | X_OK) == 0;
}

/* --- becoming it --------------------------------------------------------------------------- */

/* What a later exec could bring back. A plain user may not, and has no need to. */
static void empty_bounding_set(void)
{
    unsigned long cap = 0;
    while (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) {
        cap++;
    }
}

void identity_drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    empty_bounding_set();
    syscall(SYS_capset, &head, none);
}

/* The bounding set goes first: it takes a capability to empty it. */
enum status identity_become(const struct identity *who, struct err *err)
{
    gid_t groups[GROUPS_MAX];
    size_t n = find_groups(who, groups);
    empty_bounding_set();
    if (setgroups(n, groups) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
        setresuid(who->uid, who->uid, who->uid) != 0) {
        return err_set(err, STATUS_INVALID, "cannot become user %s (%u:%u): %m", who->name,
                       who->uid, who->gid);
    }
    identity_drop_capabilities();
    if (getuid() != who->uid || geteuid() != who->uid || getegid() != who->gid ||
        (who->uid != 0 && setuid(0) == 0)) {
        return err_set(err, STATUS_INVALID, "user %s was not taken on", who->name);
    }
    return STATUS_OK;
}
