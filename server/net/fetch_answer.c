/* fetch_answer.c - libcurl's callbacks for a transfer: the request goes out, the answer
 * comes in. */
#include "server/net/fetch_private.h"

static int on_request(void *owner, char *ip, char *local_ip, int port, int local_port)
{
    (void)ip, (void)local_ip, (void)port;
    return fetch_repeat_request(owner, local_port) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t refuse(struct fetch *f, const char *what)
{
    f->state = FETCH_FAILED;
    f->trouble = FETCH_TROUBLE_ANSWER;
    err_set(&f->err, STATUS_UPSTREAM, "%s from %s", what, f->peer);
    return CURL_WRITEFUNC_ERROR;
}

/* "HTTP/1.1 200 OK" */
static int status_of(struct str line)
{
    struct str version, code = {NULL, 0};
    uint64_t value = 0;
    if (text_split(&line, ' ', &version) && text_split(&line, ' ', &code) && code.n == 3) {
        text_u64(code, &value);
    }
    return (int)value;
}

/* Called with each line of every header block: interim answers (1xx) and trailer fields too. */
static size_t on_header(char *p, size_t size, size_t n, void *owner)
{
    struct fetch *f = owner;
    struct str line = {p, n * size};
    if (f->state != FETCH_RUNNING) {
        return CURL_WRITEFUNC_ERROR;
    }
    fetch_touch(f);
    if (f->answer.headers_in) {
        return n;
    }
    while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n')) {
        line.n--;
    }
    if (text_starts(line, STR("HTTP/"))) {
        buf_clear(&f->answer.lines);
        f->answer.status = status_of(line);
    } else if (line.n > 0) {
        buf_put_str(&f->answer.lines, line);
        buf_put_char(&f->answer.lines, '\n');
        if (!buf_ok(&f->answer.lines)) {
            return refuse(f, "too many header bytes");
        }
    } else if (f->answer.status >= 200) {
        f->answer.headers_in = true;
        f->ops.headers(f->owner, f, f->answer.status);
    }
    return f->state == FETCH_RUNNING ? n : CURL_WRITEFUNC_ERROR;
}

static size_t on_body(char *p, size_t size, size_t n, void *owner)
{
    struct fetch *f = owner;
    if (f->state != FETCH_RUNNING) {
        return CURL_WRITEFUNC_ERROR;
    }
    fetch_touch(f);
    n *= size;
    if (f->answer.body_max && n > f->answer.body_max - f->answer.received) {
        return refuse(f, "too long an answer");
    }
    bool taken = f->ops.data(f->owner, f, (struct str){p, n});
    if (f->state != FETCH_RUNNING) {
        return CURL_WRITEFUNC_ERROR;
    }
    if (!taken) {
        f->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    f->answer.received += n;
    return n;
}

void fetch_answer_options(struct fetch *f)
{
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, (void *)f);
    curl_easy_setopt(f->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(f->easy, CURLOPT_PREREQDATA, (void *)f);
    curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, (void *)f);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, (void *)f);
}

struct str fetch_head(const struct fetch *f)
{
    return buf_str(&f->answer.lines);
}
