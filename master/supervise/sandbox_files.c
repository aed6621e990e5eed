/*
 * sandbox_files.c - the files of refresher and worker.
 *
 * A rule holds for what lies there when it is made. Directories are named where files come and go
 * by renaming (certificates, tokens); single files of /etc are looked at by the master, which
 * starts new processes when one was replaced.
 */
#include "master/supervise/sandbox_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/aws/creds_profile.h"
#include "server/platform/identity.h"
#include "server/platform/landlock.h"
#include "server/net/fetch.h"
#include "shm/journal/journal.h"
#include "shm/sqlite/keystore_sqlite.h"

#define PATH_SIZE 4096
#define RULES_MAX 48
#define OWN_MAX   13

/* What the C library, the resolver and TLS read while the program runs. */
static const char *const common[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols", /* resolver */
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache", /* NSS */
    "/etc/ssl",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates", /* TLS */
    "/dev/null",
    "/dev/urandom",
    "/dev/random",
#if SANDBOX_SANITIZED
    "/proc",
    "/sys",
#endif
};

/* Of these, what others replace while the program runs. */
static const char *const replaced[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"};

/* Where AWS credentials may be read from, besides the profile's files. */
static const char *const token_variables[] = {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
                                              "AWS_WEB_IDENTITY_TOKEN_FILE",
                                              "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"};

struct rules {
    struct landlock_rule list[RULES_MAX];
    size_t n;
    char own[OWN_MAX][PATH_SIZE]; /* of paths that are put together */
    size_t own_n;
};

static void add(struct rules *r, const char *path, enum landlock_may may)
{
    if (r->n < RULES_MAX && path[0]) {
        r->list[r->n++] = (struct landlock_rule){path, may};
    }
}

/* The directory that path is in. */
static void add_parent(struct rules *r, const char *path, enum landlock_may may)
{
    struct str s = text_from(path);
    if (r->own_n == OWN_MAX || s.n == 0) {
        return;
    }
    while (s.n && s.p[s.n - 1] != '/') {
        s.n--;
    }
    struct str parent = s.n == 0 ? STR(".") : s.n == 1 ? s : text_sub(s, 0, s.n - 1);
    add(r, text_copy(parent, r->own[r->own_n++], PATH_SIZE), may);
}

static void add_common(struct rules *r, const struct config *c)
{
    char real[PATH_SIZE];
    for (size_t i = 0; i < COUNT_OF(common); i++) {
        add(r, common[i], LANDLOCK_READ);
    }
    /* a link into a directory of the resolver's own, where the file is replaced at any time */
    if (realpath("/etc/resolv.conf", real) && strncmp(real, "/etc/", 5) != 0) {
        add_parent(r, real, LANDLOCK_READ);
    }
    add(r, c->ca_file[0] ? c->ca_file : fetch_ca_file(), LANDLOCK_READ);
}

static void home_path(const char *path, char out[PATH_SIZE])
{
    const char *home = getenv("HOME");
    bool tilde = strncmp(path, "~/", 2) == 0;
    snprintf(out, PATH_SIZE, "%s%s", tilde && home ? home : "", tilde ? path + 1 : path);
}

static void add_credentials(struct rules *r)
{
    struct creds_profile p;
    char path[PATH_SIZE];
    home_path("~/.aws/credentials", path);
    add_parent(r, path, LANDLOCK_READ);
    for (size_t i = 0; i < COUNT_OF(token_variables); i++) {
        const char *value = getenv(token_variables[i]);
        if (value && value[0]) {
            home_path(value, path);
            add_parent(r, path, LANDLOCK_READ);
        }
    }
    if (creds_profile_load(&p, NULL, NULL) == STATUS_OK && p.web_identity_token_file[0]) {
        add_parent(r, p.web_identity_token_file, LANDLOCK_READ);
    }
    creds_profile_wipe(&p);
}

/* They have to be there: a rule for a directory to come cannot be made. */
static void add_made(struct rules *r, const char *path)
{
    size_t before = r->n;
    add_parent(r, path, LANDLOCK_WRITE);
    if (r->n > before) {
        identity_make_directory(r->list[before].path, NULL);
    }
}

static void add_state(struct rules *r, const struct config *c)
{
    char path[PATH_SIZE];
    struct err ignored;
    identity_make_directory(c->state_dir, NULL);
    add(r, c->state_dir, LANDLOCK_WRITE);
    journal_path(c, path, sizeof path);
    add_made(r, path);
    if (keystore_sqlite_path(c, path, sizeof path, &ignored) == STATUS_OK) {
        add_made(r, path);
    }
    /* SQLite's temporary files: /tmp is closed, and a container may have none */
    setenv("SQLITE_TMPDIR", c->state_dir, 0);
}

enum status sandbox_files(enum sandbox_role role, const struct config *c, struct err *err)
{
    static struct rules r; /* big: not on the stack */
    r.n = r.own_n = 0;
    add_common(&r, c);
    if (role == SANDBOX_REFRESHER) {
        add_state(&r, c);
        add_credentials(&r);
        add_parent(&r, c->catalogue_file, LANDLOCK_READ); /* an editor replaces the file */
    }
    return landlock_enforce(r.list, r.n, err);
}

/* --- replaced files ------------------------------------------------------------------------ */

static uint64_t inode_of(const char *path)
{
    struct stat st;
    return path[0] && stat(path, &st) == 0 ? (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 40 : 0;
}

/* One word for all: which one it was does not matter. */
static uint64_t look(const struct config *c)
{
    char aws[PATH_SIZE];
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT_OF(replaced); i++) {
        sum = sum * 31 + inode_of(replaced[i]);
    }
    home_path("~/.aws", aws);
    return (sum * 31 + inode_of(c->ca_file)) * 31 + inode_of(aws);
}

bool sandbox_files_moved(const struct config *c)
{
    static uint64_t seen;
    static const struct config *looked; /* settings of the last look: others name other files */
    static int count_down;
    if (!c->sandbox || !landlock_abi() || count_down-- > 0) {
        return false;
    }
    uint64_t now = look(c);
    bool moved = looked == c && now != seen;
    seen = now;
    looked = c;
    count_down = moved ? 9 : 0; /* seconds: a file that changes all the time is not followed */
    return moved;
}
