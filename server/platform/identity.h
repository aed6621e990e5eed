/*
 * identity.h - whose process this is: how one that root started becomes a lesser user for good, and
 * how any process gives its capabilities away.
 *
 * The files are read here and not by getpwnam(3): it would load NSS modules into a root process,
 * and the static release has none. So users of LDAP and the like are given by number.
 * Master at its start, and subcommands; nothing here can be undone.
 */
#ifndef SERVER_BASE_IDENTITY_H
#define SERVER_BASE_IDENTITY_H

#include <sys/types.h>

#include "server/base/err.h"

struct identity {
    uid_t uid;
    gid_t gid;
    char name[64]; /* of /etc/passwd, else the number */
};

/* Root with the right to become another: everything below is only of use to it. */
bool identity_may_change(void);

/* who: a name of /etc/passwd, "uid" or "uid:gid". INVALID, with one line that begins with it. */
MUST_CHECK enum status identity_find(const char *who, struct identity *out, struct err *err);
/* The owner of a file or directory; false when it is not there. */
bool identity_of(const char *path, struct identity *out);
/* The user for a server that root started: run_as if not "" or NULL, else the owner of directory if
 * it is there and not root's, else nobody. INVALID as in identity_find. */
MUST_CHECK enum status identity_choose(const char *run_as, const char *directory,
                                       struct identity *out, struct err *err);

/* mkdir -p with mode 0700. Root: what it makes belongs to owner; what was there stays as it is.
 * Whether it went well shows when the directory is used. owner may be NULL. */
void identity_make_directory(const char *path, const struct identity *owner);

/* A directory that this user may use by its absolute name, too: SQLite takes no other, and a
 * working directory may lie below one that is closed. */
bool identity_reaches(const char *directory);

/* Group list, gid, uid and capabilities, in this order, for good. INVALID: not permitted. */
MUST_CHECK enum status identity_become(const struct identity *who, struct err *err);
/* All sets, the bounding set as far as permitted. What is lost cannot come back by exec. */
void identity_drop_capabilities(void);

#endif
