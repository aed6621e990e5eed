#include "server/platform/secrets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/arena.h"

/* The key id is no secret, but it changes with its secret: at a refused reload both stay. */
static const char *const names[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    /* up to here credentials, which creds.c reads; the others are settings */
    "AWS_BEARER_TOKEN_BEDROCK",
    "MASTER_API_KEY",
    "METRICS_TOKEN",
};
enum { NAMES = COUNT_OF(names), CREDENTIALS = 5 };

static struct {
    bool full; /* there are some: fd is valid */
    int fd;
    char *given[NAMES]; /* strings of ours that are in environ now */
} kept;

static const char *value_of(size_t i)
{
    const char *value = getenv(names[i]);
    return value && text_trim(text_from(value)).n ? value : NULL;
}

static size_t index_of(const char *entry)
{
    size_t i = 0;
    const char *equals = strchr(entry, '=');
    struct str name = {entry, equals ? (size_t)(equals - entry) : 0};
    while (i < NAMES && !text_eq(name, text_from(names[i]))) {
        i++;
    }
    return i;
}

/* --- out of the environment ---------------------------------------------------------------- */

/* unsetenv alone leaves the bytes where /proc/<pid>/environ shows them. */
static void forget_one(size_t i)
{
    char *value = getenv(names[i]);
    if (value) {
        text_wipe(value, strlen(value));
        unsetenv(names[i]);
    }
    if (kept.given[i]) { /* it may not be the one in environ any more */
        text_wipe(kept.given[i], strlen(kept.given[i]));
    }
    heap_drop(kept.given[i]);
    kept.given[i] = NULL;
}

void secrets_forget(void)
{
    for (size_t i = 0; i < NAMES; i++) {
        forget_one(i);
    }
}

void secrets_close(void)
{
    if (kept.full) {
        close(kept.fd);
    }
    kept.full = false;
}

/* "NAME=value", NUL, and so on, straight from where they lie: no other copy is made. */
static bool put_all(int fd)
{
    for (size_t i = 0; i < NAMES; i++) {
        const char *value = value_of(i);
        if (value && dprintf(fd, "%s=", names[i]) < 0) {
            return false;
        }
        size_t n = value ? strlen(value) + 1 : 0;
        if (n && write(fd, value, n) != (ssize_t)n) {
            return false;
        }
    }
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

enum status secrets_lock_away(struct err *err)
{
    bool any = false;
    for (size_t i = 0; i < NAMES; i++) {
        any |= value_of(i) != NULL;
    }
    int fd = any ? memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if (any && (fd < 0 || !put_all(fd))) {
        enum status status = err_set(err, STATUS_UNAVAILABLE, "keeping the secrets: %m");
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    secrets_close();
    kept.full = any;
    kept.fd = fd;
    secrets_forget();
    return STATUS_OK;
}

/* --- and back ------------------------------------------------------------------------------ */

/* All of the memfd, NUL-terminated; the caller wipes and drops it. */
static char *read_all(size_t *n_out)
{
    struct stat st;
    if (!kept.full || fstat(kept.fd, &st) != 0) {
        return NULL;
    }
    *n_out = (size_t)st.st_size;
    char *all = heap_new(*n_out + 1);
    if (all && pread(kept.fd, all, *n_out, 0) != (ssize_t)*n_out) {
        heap_drop(all);
        return NULL;
    }
    return all;
}

static char *copy(const char *entry)
{
    size_t n = strlen(entry) + 1;
    char *out = heap_new(n);
    return out ? memcpy(out, entry, n) : NULL;
}

/* putenv, not setenv: the C library would keep a copy that nobody can wipe. */
void secrets_bring_back(enum secrets_which which)
{
    size_t n = 0, wanted = which == SECRETS_ALL ? NAMES : CREDENTIALS;
    char *all = read_all(&n);
    for (char *entry = all; all && entry < all + n; entry += strlen(entry) + 1) {
        size_t i = index_of(entry);
        char *own = i < wanted ? copy(entry) : NULL;
        if (own) {
            forget_one(i);
            kept.given[i] = own;
            putenv(own);
        }
    }
    if (all) {
        text_wipe(all, n);
        heap_drop(all);
    }
}

bool secrets_is(const char *entry)
{
    return index_of(entry) < NAMES;
}

char *secrets_entry(const char *entry)
{
    size_t n = 0, wanted = index_of(entry);
    char *found = NULL, *all = wanted < NAMES ? read_all(&n) : NULL;
    for (char *e = all; all && !found && e < all + n; e += strlen(e) + 1) {
        found = index_of(e) == wanted ? copy(e) : NULL;
    }
    if (all) {
        text_wipe(all, n);
        heap_drop(all);
    }
    return found;
}
