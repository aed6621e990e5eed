#include "server/config/dotenv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "server/base/buf.h"

#define FILE_MAX ((size_t)1024 * 1024)

static bool name_char(char c, bool first)
{
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    return letter || (!first && c >= '0' && c <= '9');
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!name_char(s.p[i], i == 0)) {
            return false;
        }
    }
    return s.n > 0;
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    default:
        return c;
    }
}

/* Nothing but blanks and a comment may follow the closing quote. */
static bool ends_here(struct str rest)
{
    rest = text_trim(rest);
    return rest.n == 0 || rest.p[0] == '#';
}

/* value begins with its quote; the contents are moved one byte to the left, over it. */
static bool unquote(char *value, size_t n, struct str *out)
{
    char quote = value[0];
    size_t length = 0;
    for (size_t i = 1; i < n; i++) {
        char c = value[i];
        if (c == quote) {
            *out = (struct str){value, length};
            return ends_here((struct str){value + i + 1, n - i - 1});
        }
        if (c == '\\' && quote == '"' && i + 1 < n) {
            c = unescape(value[++i]);
        }
        value[length++] = c;
    }
    return false;
}

static struct str cut_comment(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        bool after_blank = i == 0 || value.p[i - 1] == ' ' || value.p[i - 1] == '\t';
        if (value.p[i] == '#' && after_blank) {
            return text_trim(text_sub(value, 0, i));
        }
    }
    return value;
}

/* false: not a legal line */
static bool parse_line(struct str line, struct dotenv_sink sink)
{
    if (text_ends(line, STR("\r"))) {
        line.n--;
    }
    line = text_trim(line);
    if (line.n == 0 || line.p[0] == '#') {
        return true;
    }
    if (text_starts(line, STR("export "))) {
        line = text_trim(text_sub(line, sizeof("export ") - 1, line.n));
    }
    struct str name;
    struct str value = line;
    if (!text_split(&value, '=', &name) || !value.p || !is_name(text_trim(name))) {
        return false;
    }
    value = text_trim(value);
    if (value.n > 0 && (value.p[0] == '"' || value.p[0] == '\'')) {
        if (!unquote((char *)(uintptr_t)value.p, value.n, &value)) {
            return false;
        }
    } else {
        value = cut_comment(value);
    }
    sink.fn(sink.ctx, text_trim(name), value);
    return true;
}

enum status dotenv_parse(char *text, size_t n, const char *path, struct dotenv_sink sink,
                         struct err *err)
{
    struct str rest = {text, n};
    struct str line;
    if (text_starts(rest, STR("\xef\xbb\xbf"))) { /* byte order mark of Windows editors */
        rest = text_sub(rest, 3, n);
    }
    for (unsigned number = 1; text_split(&rest, '\n', &line); number++) {
        bool clean = line.n == 0 || memchr(line.p, '\0', line.n) == NULL;
        if (!clean || !parse_line(line, sink)) {
            return err_set(err, STATUS_INVALID, "%s, line %u: not NAME=value, or a quote is open",
                           path, number);
        }
    }
    return STATUS_OK;
}

/* errno on failure */
static bool read_all(int fd, struct buf *b)
{
    for (;;) {
        char *to = buf_reserve(b, 4096);
        ssize_t got = to ? read(fd, to, 4096) : -1;
        if (got <= 0) {
            errno = to ? errno : buf_len(b) + 4096 > FILE_MAX ? EFBIG : ENOMEM;
            return got == 0;
        }
        buf_commit(b, (size_t)got);
    }
}

enum status dotenv_read(const char *path, bool required, struct dotenv_sink sink, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !required) {
        return STATUS_OK;
    }
    if (fd < 0) {
        return err_set(err, STATUS_INVALID, "%s: %m", path);
    }
    struct buf b;
    buf_init(&b, FILE_MAX);
    enum status status = STATUS_OK;
    if (!read_all(fd, &b)) {
        status = err_set(err, STATUS_INVALID, "%s: %m", path);
    } else if (buf_len(&b) > 0) {
        status = dotenv_parse(buf_data(&b), buf_len(&b), path, sink, err);
        text_wipe(buf_data(&b), buf_len(&b));
    }
    close(fd);
    buf_free(&b);
    return status;
}
