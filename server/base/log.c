#include "server/base/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "server/base/clock.h"

/* pipe(7): only writes up to PIPE_BUF are atomic, and all processes share one pipe. */
#define LINE_SIZE    PIPE_BUF
#define MESSAGE_SIZE 3072
#define TAIL_ROOM    16 /* kept free for the cut mark, closing quote, brace and newline */
#define NAME_SIZE    24

struct line {
    char bytes[LINE_SIZE];
    size_t n;
    bool cut;
    bool quoted; /* what is put stands between quotes */
};

static struct {
    enum log_level level;
    bool json;
    int fd;
    bool regular; /* a file never blocks, and some file systems refuse RWF_NOWAIT */
    char process[NAME_SIZE];
    pid_t pid; /* 0: not asked for yet */
    uint64_t dropped;
} log_state = {.level = LOG_INFO, .json = true, .fd = STDOUT_FILENO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void put(struct line *line, struct str s)
{
    size_t room = LINE_SIZE - TAIL_ROOM - line->n;
    if (line->cut || s.n > room) {
        line->cut = true;
        return;
    }
    if (s.n > 0) {
        memcpy(line->bytes + line->n, s.p, s.n);
        line->n += s.n;
    }
}

static void put_tail(struct line *line, struct str s)
{
    assert(s.n <= LINE_SIZE - line->n);
    memcpy(line->bytes + line->n, s.p, s.n);
    line->n += s.n;
}

/* As JSON writes it: above U+FFFF two of them (RFC 8259 7). */
static void escape_code(uint32_t code, char *out, size_t size)
{
    if (code < 0x10000) {
        snprintf(out, size, "\\u%04x", (unsigned)code);
    } else {
        snprintf(out, size, "\\u%04x\\u%04x", 0xd800 + (unsigned)((code - 0x10000) >> 10),
                 0xdc00 + (unsigned)(code & 0x3ff));
    }
}

/* One character of a value, size bytes long (0: not UTF-8). What terminals act on, and what makes a
 * text look like another one, is escaped. */
static void put_character(struct line *line, const char *c, size_t size)
{
    char escape[16];
    uint8_t byte = (uint8_t)c[0];
    size_t step;
    uint32_t code;
    bool plain = byte >= 0x20 && byte < 0x7f;
    bool steers = !plain && size > 0 && text_steers((struct str){c, size}, &step, &code);
    bool quote = size == 1 && (byte == '\\' || (line->quoted && byte == '"'));
    if (size == 0) {
        snprintf(escape, sizeof(escape), log_state.json ? "\\\\x%02x" : "\\x%02x", byte);
    } else if (steers) {
        escape_code(code, escape, sizeof(escape));
    } else if (quote) {
        snprintf(escape, sizeof(escape), "\\%c", byte);
    } else {
        put(line, (struct str){c, size});
        return;
    }
    put(line, text_from(escape));
}

/* Nearly all of a line: printable ASCII but '"' and '\\'. */
static size_t plain_run(struct str s)
{
    static const bool plain[256] = {
        [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};
    size_t n = 0;
    while (n < s.n && plain[(uint8_t)s.p[n]]) {
        n++;
    }
    return n;
}

/* A value that does not fit is cut between characters and marked. */
static void put_value(struct line *line, struct str s)
{
    while (s.n > 0 && !line->cut) {
        size_t run = plain_run(s), room = LINE_SIZE - TAIL_ROOM - line->n;
        if (run > 0) {
            put(line, text_sub(s, 0, run < room ? run : room));
            line->cut |= run > room;
            s = text_sub(s, run, s.n);
            continue;
        }
        size_t size = text_utf8_step(s);
        put_character(line, s.p, size);
        s = text_sub(s, size > 0 ? size : 1, s.n);
    }
}

static void put_member(struct line *line, const char *name, struct str value)
{
    put(line, STR(",\""));
    put_value(line, text_from(name));
    put(line, STR("\":\""));
    put_value(line, value);
    put(line, STR("\""));
}

static void put_u64(struct line *line, uint64_t v)
{
    char digits[20];
    put(line, (struct str){digits, text_put_u64(v, digits)});
}

static void forget_pid(void)
{
    log_state.pid = 0;
}

/* A system call once a process, not once a line. */
static uint64_t own_pid(void)
{
    static bool watched;
    watched = watched || pthread_atfork(NULL, NULL, forget_pid) == 0;
    if (!log_state.pid || !watched) {
        log_state.pid = getpid();
    }
    return (uint64_t)log_state.pid;
}

static void begin_json(struct line *line, enum log_level level, const char *time, const char *event)
{
    put(line, STR("{\"ts\":\""));
    put(line, text_from(time));
    put(line, STR("\""));
    put_member(line, "level", text_from(level_names[level]));
    put_member(line, "process", text_from(log_state.process));
    put(line, STR(",\"pid\":"));
    put_u64(line, own_pid());
    put_member(line, "event", text_from(event));
}

/* "2026-11-22T22:40:47.123Z info  worker 2  start:" */
static void begin_text(struct line *line, enum log_level level, const char *time, const char *event)
{
    char head[64];
    int n = snprintf(head, sizeof(head), "%s %-5s ", time, level_names[level]);
    put(line, (struct str){head, (size_t)n});
    put_value(line, text_from(log_state.process));
    put(line, STR("  "));
    put_value(line, text_from(event));
    put(line, STR(":"));
}

static void begin(struct line *line, enum log_level level, const char *event)
{
    char time[25];
    clock_rfc3339(clock_real_now_ms(), time);
    line->n = 0;
    line->cut = false;
    line->quoted = log_state.json;
    if (log_state.json) {
        begin_json(line, level, time, event);
    } else {
        begin_text(line, level, time, event);
    }
}

/* Never waits. RWF_NOWAIT asks this write only; O_NONBLOCK would change the description that the
 * shell and every other process share. Pipes know the flag since Linux 6.4; before, poll says
 * whether there is room, and only several processes racing for the last page of a stuck pipe could
 * still be held up. */
static ssize_t write_now(const char *p, size_t n)
{
    if (log_state.regular) {
        return write(log_state.fd, p, n);
    }
    struct iovec piece = {(void *)(uintptr_t)p, n};
    ssize_t done = pwritev2(log_state.fd, &piece, 1, -1, RWF_NOWAIT);
    if (done >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) {
        return done;
    }
    struct pollfd ready = {.fd = log_state.fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)) {
        return -1;
    }
    return write(log_state.fd, p, n);
}

static void end(struct line *line)
{
    put_tail(line, STR("\n"));
    if (write_now(line->bytes, line->n) != (ssize_t)line->n) {
        log_state.dropped++;
    }
}

void log_init(enum log_level level, enum log_format format, const char *process)
{
    log_state.level = level;
    log_process(process);
    log_to(log_state.fd);
    log_state.json =
        format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && isatty(log_state.fd) == 0);
}

void log_to(int fd)
{
    struct stat st;
    log_state.fd = fd;
    log_state.regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void log_process(const char *name)
{
    text_copy(text_from(name), log_state.process, sizeof(log_state.process));
}

void log_level_set(enum log_level level)
{
    log_state.level = level;
}

bool log_on(enum log_level level)
{
    return level < LOG_OFF && level >= log_state.level;
}

bool log_level_parse(struct str word, enum log_level *level_out)
{
    static const struct {
        struct str word;
        enum log_level level;
    } words[] = {
        {STR("trace"), LOG_DEBUG}, {STR("debug"), LOG_DEBUG},    {STR("info"), LOG_INFO},
        {STR("warn"), LOG_WARN},   {STR("warning"), LOG_WARN},   {STR("error"), LOG_ERROR},
        {STR("off"), LOG_OFF},     {STR("critical"), LOG_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (text_ieq(word, words[i].word)) {
            *level_out = words[i].level;
            return true;
        }
    }
    return false;
}

uint64_t log_dropped(void)
{
    return log_state.dropped;
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_on(level)) {
        return;
    }
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    assert(n >= 0);
    struct line line;
    begin(&line, level, event);
    put(&line, log_state.json ? STR(",\"msg\":\"") : STR(" "));
    put_value(&line, text_from(message));
    if (line.cut || (size_t)n >= sizeof(message)) {
        put_tail(&line, STR("..."));
    }
    if (log_state.json) {
        put_tail(&line, STR("\"}"));
    }
    end(&line);
}

static void put_number(struct line *line, const struct log_field *f)
{
    if (f->kind == LOG_BOOL) {
        put(line, f->value_int ? STR("true") : STR("false"));
        return;
    }
    uint64_t v = f->value_int < 0 ? 0 - (uint64_t)f->value_int : (uint64_t)f->value_int;
    put(line, f->value_int < 0 ? STR("-") : STR(""));
    if (f->kind == LOG_INT) {
        put_u64(line, v);
    } else { /* microseconds, told as milliseconds */
        put_u64(line, v / 1000);
        put(line, (struct str){(char[]){'.', (char)('0' + v / 100 % 10), (char)('0' + v / 10 % 10),
                                        (char)('0' + v % 10)},
                               4});
    }
}

/* In the text form, too, where it would else look like another field. */
static bool needs_quotes(const struct log_field *f)
{
    size_t at;
    return f->kind == LOG_STR &&
           (log_state.json || text_find(f->value, STR(" "), &at) ||
            text_find(f->value, STR("="), &at) || text_find(f->value, STR("\""), &at));
}

static void put_field(struct line *line, const struct log_field *f)
{
    put(line, log_state.json ? STR(",\"") : STR(" "));
    put_value(line, text_from(f->name));
    put(line, log_state.json ? STR("\":") : STR("="));
    line->quoted = needs_quotes(f);
    put(line, line->quoted ? STR("\"") : STR(""));
    if (f->kind == LOG_STR) {
        put_value(line, f->value);
    } else {
        put_number(line, f);
    }
    put(line, line->quoted ? STR("\"") : STR(""));
    line->quoted = log_state.json;
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    if (!log_on(level)) {
        return;
    }
    struct line line;
    begin(&line, level, event);
    for (size_t i = 0; i < n; i++) {
        size_t before = line.n;
        put_field(&line, &fields[i]);
        if (line.cut) { /* a member left half-written would make the line illegal JSON */
            line.n = before;
            put_tail(&line, log_state.json ? STR(",\"cut\":1") : STR(" ..."));
            break;
        }
    }
    if (log_state.json) {
        put_tail(&line, STR("}"));
    }
    end(&line);
}
