#include "worker/door/page.h"

#include "server/json/json.h"
#include "worker/door/admin.h"
#include "worker/turn/route.h"
#include "worker/turn/answer.h"
#include "server/base/base64.h"

#define BODY_MAX 32768
#define NAME_MAX 64 /* of an endpoint in the JSON */

#define PREFIX_MARK STR("{prefix}")

/* --- the head ------------------------------------------------------------------------------ */

bool page_is_wanted(struct str accept)
{
    struct str range, type;
    while (text_split(&accept, ',', &range)) {
        if (text_split(&range, ';', &type) && text_ieq(text_trim(type), STR("text/html"))) {
            struct str weight = text_trim(range);
            return !text_ieq(weight, STR("q=0")) && !text_istarts(weight, STR("q=0.0"));
        }
    }
    return false;
}

void page_keep(struct exchange *x, const struct http_request *r)
{
    struct str value;
    if (r->method == HTTP_POST) {
        return;
    }
    x->asked.page.wanted = http_request_header(r, STR("accept"), &value) && page_is_wanted(value);
    x->asked.page.https =
        http_request_header(r, STR("x-forwarded-proto"), &value) && text_ieq(value, STR("https"));
    if (x->asked.page.wanted && http_request_header(r, STR("host"), &value)) {
        x->asked.page.host = arena_dup(x->arena, value);
    }
}

/* --- rows that are worth showing ----------------------------------------------------------- */

/* Not: what is there only to be refused, the route itself, and families of paths. */
static bool is_shown(const struct route *r)
{
    struct str path = text_from(r->path);
    return r->serve != admin_absent && r->serve != admin_message_by_id && r->serve != page_root &&
           !text_ends(path, STR("*"));
}

/* The path as it is called: {prefix} filled in. */
static void put_path(struct buf *out, const struct config *c, const struct route *r)
{
    struct str path = text_from(r->path);
    if (text_starts(path, PREFIX_MARK)) {
        buf_put_str(out, text_from(c->api_prefix));
        path = text_sub(path, PREFIX_MARK.n, path.n);
    }
    buf_put_str(out, path);
}

/* --- JSON ---------------------------------------------------------------------------------- */

/* "{prefix}/chat/completions" is "chat_completions". */
static struct str endpoint_name(const struct route *r, char out[NAME_MAX])
{
    struct str path = text_from(r->path);
    if (text_starts(path, PREFIX_MARK)) {
        path = text_sub(path, PREFIX_MARK.n, path.n);
    }
    text_copy(text_sub(path, 1, path.n), out, NAME_MAX);
    for (char *p = out; *p; p++) {
        *p = *p == '/' ? '_' : *p;
    }
    return text_from(out);
}

static void put_endpoints(struct json_out *w, const struct worker *worker)
{
    char name[NAME_MAX];
    struct buf path;
    const struct route *r;
    buf_init(&path, BODY_MAX);
    JSON_KEY(w, "endpoints");
    json_object(w);
    for (size_t i = 0; (r = worker->route_row(i)) != NULL; i++) {
        if (is_shown(r)) {
            buf_clear(&path);
            put_path(&path, worker->config, r);
            json_key(w, endpoint_name(r, name));
            json_str(w, buf_str(&path));
        }
    }
    json_object_end(w);
    buf_free(&path);
}

static void put_json(struct buf *body, const struct worker *worker)
{
    struct json_out w;
    json_begin(&w, body);
    json_object(&w);
    JSON_KEY(&w, "name");
    json_str(&w, STR("llm-api-converter"));
    JSON_KEY(&w, "version");
    json_str(&w, STR(VERSION));
    JSON_KEY(&w, "description");
    json_str(&w,
             STR("Anthropic Messages, OpenAI Chat Completions and Responses on Amazon Bedrock"));
    put_endpoints(&w, worker);
    json_object_end(&w);
}

/* --- the page ------------------------------------------------------------------------------ */

/* System colours follow the reader's light or dark mode. The policy names this text by its hash. */
static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "pre{padding:.8rem;border:1px solid GrayText;border-radius:4px;overflow-x:auto}"
    "pre,code{font:14px/1.5 ui-monospace,monospace}"
    "table{border-collapse:collapse}"
    "td{padding:.15rem 1rem .15rem 0;vertical-align:top}";

static void put_escaped(struct buf *out, struct str s)
{
    static const struct {
        char c;
        const char *entity;
    } rows[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (size_t i = 0; i < s.n; i++) {
        size_t k = 0;
        while (k < sizeof rows / sizeof rows[0] && rows[k].c != s.p[i]) {
            k++;
        }
        if (k < sizeof rows / sizeof rows[0]) {
            buf_put_str(out, text_from(rows[k].entity));
        } else {
            buf_put_char(out, s.p[i]);
        }
    }
}

static void put_base(struct buf *out, const struct exchange *x, struct str prefix)
{
    buf_put_str(out, x->asked.page.https ? STR("https://") : STR("http://"));
    put_escaped(out, x->asked.page.host.n ? x->asked.page.host : STR("localhost"));
    put_escaped(out, prefix);
}

/* Anthropic's clients add /v1/messages themselves: under another prefix there is no such line. */
static void put_lines(struct buf *out, const struct exchange *x)
{
    struct str prefix = text_from(x->worker->config->api_prefix);
    if (text_ends(prefix, STR("/v1"))) {
        BUF_LIT(out, "<p>Claude Code and the Anthropic SDKs:</p>\n<pre>export ANTHROPIC_BASE_URL=");
        put_base(out, x, text_sub(prefix, 0, prefix.n - 3));
        BUF_LIT(out, "\nexport ANTHROPIC_API_KEY=&lt;your key&gt;</pre>\n");
    }
    BUF_LIT(out, "<p>OpenAI SDKs and clients of Chat Completions or Responses:</p>\n"
                 "<pre>export OPENAI_BASE_URL=");
    put_base(out, x, prefix);
    BUF_LIT(out, "\nexport OPENAI_API_KEY=&lt;your key&gt;</pre>\n");
}

static void put_row(struct buf *out, const struct config *c, const struct route *r)
{
    struct buf path;
    bool link = r->methods & 1u << HTTP_GET && r->need == ROUTE_ANYBODY;
    buf_init(&path, BODY_MAX);
    put_path(&path, c, r);
    BUF_LIT(out, "<tr><td><code>");
    buf_put_str(out, r->methods & 1u << HTTP_POST ? STR("POST ") : STR("GET "));
    if (link) {
        BUF_LIT(out, "<a href=\"");
        put_escaped(out, buf_str(&path));
        BUF_LIT(out, "\">");
    }
    put_escaped(out, buf_str(&path));
    buf_put_str(out, link ? STR("</a></code></td><td>") : STR("</code></td><td>"));
    buf_put_str(out, r->need != ROUTE_ANYBODY ? STR("key") : STR("anybody"));
    BUF_LIT(out, "</td><td>");
    put_escaped(out, text_from(r->meaning));
    BUF_LIT(out, "</td></tr>\n");
    buf_free(&path);
}

static void put_page(struct buf *out, const struct exchange *x)
{
    struct worker *worker = x->worker;
    struct standing standing;
    const char *trouble = admin_trouble(worker, &standing);
    const struct route *r;
    BUF_LIT(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"color-scheme\" content=\"light dark\">\n"
                 "<link rel=\"icon\" href=\"data:,\">\n" /* else /favicon.ico is asked for */
                 "<title>llm-api-converter</title>\n<style>");
    buf_put(out, style, sizeof style - 1);
    BUF_LIT(out, "</style></head>\n<body>\n<h1>llm-api-converter</h1>\n<p>Version " VERSION ", ");
    buf_put_str(out, trouble ? STR("not ready: ") : STR("ready"));
    put_escaped(out, text_from(trouble));
    BUF_LIT(out, ". Anthropic Messages, OpenAI Chat Completions and Responses on Amazon "
                 "Bedrock.</p>\n");
    put_lines(out, x);
    BUF_LIT(out, "<table>\n");
    for (size_t i = 0; (r = worker->route_row(i)) != NULL; i++) {
        if (is_shown(r)) {
            put_row(out, worker->config, r);
        }
    }
    BUF_LIT(out, "</table>\n</body></html>\n");
}

/* Nothing is loaded, run, framed or sent from the page; its one style is named by its hash. */
static void put_policy(struct exchange *x)
{
    uint8_t digest[SHA256_SIZE];
    char policy[200] = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'; style-src 'sha256-";
    size_t n = strlen(policy);
    sha256(style, sizeof style - 1, digest);
    n += base64_encode(digest, sizeof digest, policy + n);
    policy[n++] = '\'';
    http_out_header(x->conn, STR("content-security-policy"), (struct str){policy, n});
    http_out_header(x->conn, STR("x-content-type-options"), STR("nosniff"));
    http_out_header(x->conn, STR("referrer-policy"), STR("no-referrer"));
}

enum verdict page_root(struct exchange *x)
{
    struct buf body;
    buf_init(&body, BODY_MAX);
    if (x->asked.page.wanted) {
        put_page(&body, x);
    } else {
        put_json(&body, x->worker);
    }
    if (answer_whole(x, &body) != STATUS_OK) {
        buf_free(&body);
        return VERDICT_FAIL;
    }
    answer_begin(x, 200);
    http_out_header(x->conn, STR("vary"), STR("accept"));
    http_out_header(x->conn, STR("cache-control"), STR("no-store"));
    if (x->asked.page.wanted) {
        put_policy(x);
        http_out_body(x->conn, STR("text/html; charset=utf-8"), buf_str(&body));
    } else {
        http_out_body(x->conn, STR("application/json"), buf_str(&body));
    }
    buf_free(&body);
    return VERDICT_DONE;
}
