#include "server/aws/creds_local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *creds_local_env(const char *name)
{
    const char *value = getenv(name);
    return value && text_trim(text_from(value)).n > 0 ? value : NULL;
}

bool creds_local_clean(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n > 0 && s.n <= max;
}

bool creds_local_copy(struct str s, char *out, size_t size)
{
    if (!creds_local_clean(s, size - 1)) {
        return false;
    }
    text_copy(s, out, size);
    return true;
}

void creds_local_wipe(struct buf *b)
{
    if (b->mem) {
        text_wipe(b->mem, b->cap);
    }
    buf_free(b);
}

enum creds_local_result creds_local_read(const char *path, size_t max, struct buf *out)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == EACCES && stat(path, &info) != 0) {
        return CREDS_LOCAL_CLOSED;
    }
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? CREDS_LOCAL_MISSING : CREDS_LOCAL_BAD;
    }
    enum creds_local_result result = CREDS_LOCAL_BAD;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size <= max) {
        size_t size = (size_t)info.st_size;
        char *room = buf_reserve(out, size);
        ssize_t n = room ? read(fd, room, size) : -1;
        if (n >= 0) {
            buf_commit(out, (size_t)n);
            result = CREDS_LOCAL_READ;
        }
    }
    close(fd);
    return result;
}

bool creds_local_token(const char *path, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->max);
    bool ok = creds_local_read(path, out->max, &text) == CREDS_LOCAL_READ;
    struct str token = buf_str(&text);
    while (token.n > 0 && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r')) {
        token.n--;
    }
    ok = ok && creds_local_clean(text_trim(token), out->max);
    if (ok) {
        buf_put_str(out, text_trim(token));
    }
    creds_local_wipe(&text);
    return ok && buf_ok(out);
}
