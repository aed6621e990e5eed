#include "shm/sqlite/keystore_sqlite_place.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "server/platform/identity.h"

#define OPEN_DIRECTORY "/proc/self/fd/"
#define VFS_NAME       "as-named"
#define PATH_SIZE      512

static struct str directory_of(const char *path)
{
    struct str s = text_from(path);
    while (s.n && s.p[s.n - 1] != '/') {
        s.n--;
    }
    return s.n == 0 ? STR(".") : s.n == 1 ? s : text_sub(s, 0, s.n - 1);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whose the store is, or will be: of the file, else of its directory, else as for the server. */
static enum status find_owner(const struct config *c, const char *path, const char *directory,
                              struct identity *out, struct err *err)
{
    if (identity_of(path, out) || identity_of(directory, out)) {
        return STATUS_OK;
    }
    char above[PATH_SIZE];
    text_copy(directory_of(directory), above, sizeof above);
    enum status status = identity_choose(c->run_as_user, c->state_dir, out, err);
    if (status == STATUS_OK && access(above, F_OK) == 0) { /* one level, as for everybody */
        identity_make_directory(directory, out);
    }
    return status;
}

static enum status become(const struct identity *owner, const char *directory, char *path,
                          size_t size, struct err *err)
{
    char name[PATH_SIZE];
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum status status = identity_become(owner, err);
    if (status == STATUS_OK && fd >= 0 && !identity_reaches(directory) &&
        faccessat(fd, ".", X_OK, 0) == 0) {
        text_copy(text_from(name_of(path)), name, sizeof name);
        snprintf(path, size, OPEN_DIRECTORY "%d/%s", fd, name);
    } else if (fd >= 0) {
        close(fd);
    }
    return status;
}

enum status keystore_sqlite_place(const struct config *c, char *path, size_t size, struct err *err)
{
    char directory[PATH_SIZE];
    struct identity owner;
    if (!identity_may_change()) {
        return STATUS_OK;
    }
    text_copy(directory_of(path), directory, sizeof directory);
    enum status status = find_owner(c, path, directory, &owner, err);
    bool missing = access(directory, F_OK) != 0; /* could not be made: opening the file says why */
    return status != STATUS_OK || owner.uid == 0 || missing
               ? status
               : become(&owner, directory, path, size, err);
}

/* --- a path that must not be resolved ------------------------------------------------------ */

/* SQLite follows links up to the real name, and that leads through what is closed to us. */
static int as_named(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    int n = snprintf(out, (size_t)size, "%s", path);
    return n >= 0 && n < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

const char *keystore_sqlite_place_vfs(const char *path)
{
    static sqlite3_vfs vfs;
    if (!text_starts(text_from(path), STR(OPEN_DIRECTORY))) {
        return NULL;
    }
    sqlite3_vfs *usual = vfs.zName ? NULL : sqlite3_vfs_find(NULL);
    if (usual) {
        vfs = *usual;
        vfs.zName = VFS_NAME;
        vfs.xFullPathname = as_named;
        sqlite3_vfs_register(&vfs, 0);
    }
    return vfs.zName;
}
