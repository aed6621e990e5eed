#include "worker/exchange/routes.h"

#include "worker/door/admin.h"
#include "worker/door/catalog.h"
#include "worker/door/metrics.h"
#include "worker/door/page.h"

#define GET  (1u << HTTP_GET)
#define HEAD (1u << HTTP_HEAD)
#define POST (1u << HTTP_POST)

#define EVENTS_MAX 65536 /* bytes of a telemetry batch; Claude Code 2.0 sends up to 60 KB */

#define ABSENT "404 in the caller's shape: not served by this gateway"

/* path, methods, dialect, key, limit class, body limit, who answers (NULL: Bedrock), dialect by
 * version, meaning */
static const struct route table[] = {
    {"{prefix}/messages", POST, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 0, NULL, false,
     "Anthropic Messages, streamed or not"},
    {"{prefix}/messages/count_tokens", POST, DIALECT_ANTHROPIC, true, ROUTE_COUNTING, 0, NULL,
     false, "input tokens of a request: Bedrock's count, or an estimate"},
    {"{prefix}/chat/completions", POST, DIALECT_OPENAI, true, ROUTE_REQUESTS, 0, NULL, false,
     "OpenAI Chat Completions, streamed or not"},
    {"{prefix}/messages/batches", GET | POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0,
     admin_absent, false, ABSENT},
    {"{prefix}/files", GET | POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0, admin_absent, true,
     ABSENT},
    {"{prefix}/complete", POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0, admin_absent, false,
     ABSENT},
    {"{prefix}/skills", GET | POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0, admin_absent,
     false, ABSENT},
    {"{prefix}/embeddings", POST, DIALECT_OPENAI, true, ROUTE_UNLIMITED, 0, admin_absent, false,
     ABSENT},
    {"{prefix}/responses", POST, DIALECT_OPENAI, true, ROUTE_UNLIMITED, 0, admin_absent, false,
     ABSENT},
    {"{prefix}/completions", POST, DIALECT_OPENAI, true, ROUTE_UNLIMITED, 0, admin_absent, false,
     ABSENT},
    {"{prefix}/messages/*", GET, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 0, admin_message_by_id,
     false, "501: messages are not stored"},
    {"{prefix}/models", GET | HEAD, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 1024, catalog_list,
     true, "the models, with Anthropic's and OpenAI's members"},
    {"{prefix}/models/**", GET | HEAD, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 1024, catalog_one,
     true, "one model"},
    {"/health", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_health, false,
     "200; 503 only while draining"},
    {"/ready", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_ready, false,
     "503 with the reason until keys and AWS credentials are there"},
    {"/liveness", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_liveness,
     false, "200 while the process answers"},
    {"/health/ptc", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_health_ptc,
     false, "a fixed answer, for checks of older gateways"},
    {"/metrics", GET | HEAD, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 1024, metrics_answer, false,
     "Prometheus text; METRICS_AUTH=off: for anybody"},
    {"/version", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_version, false,
     "name and version"},
    {"/", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, page_root, false,
     "what is served here: a page for browsers, else JSON"},
    {"/api/hello", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_hello, false,
     "Claude Code's probe"},
    {"/api/event_logging/batch", POST, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, EVENTS_MAX,
     admin_events, false, "Claude Code's telemetry, discarded unread"},
};

static const char *const openai_paths[] = {"/chat/completions", "/embeddings", "/responses",
                                           "/completions"};

const struct route *routes_row(size_t i)
{
    return i < sizeof table / sizeof table[0] ? &table[i] : NULL;
}

const char *routes_caller(const struct route *r)
{
    return !r->needs_key                 ? "anybody"
           : r->answer == metrics_answer ? "METRICS_TOKEN or master key"
                                         : "key";
}

static bool strip_prefix(const struct config *c, struct str path, struct str *rest_out)
{
    struct str prefix = text_from(c->api_prefix);
    if (!text_starts(path, prefix)) {
        return false;
    }
    *rest_out = text_sub(path, prefix.n, path.n);
    return true;
}

static bool pattern_matches(struct str pattern, struct str path)
{
    if (!text_ends(pattern, STR("*"))) {
        return text_eq(pattern, path);
    }
    bool any = text_ends(pattern, STR("**"));
    struct str fixed = text_sub(pattern, 0, pattern.n - (any ? 2 : 1));
    struct str last = text_sub(path, fixed.n, path.n);
    size_t at;
    return text_starts(path, fixed) && last.n > 0 && (any || !text_find(last, STR("/"), &at));
}

/* rest: the path behind the prefix; NULL: it does not begin with the prefix. */
static bool row_matches(const struct route *r, struct str path, const struct str *rest)
{
    struct str pattern = text_from(r->path);
    struct str mark = STR("{prefix}");
    if (!text_starts(pattern, mark)) {
        return pattern_matches(pattern, path);
    }
    return rest && pattern_matches(text_sub(pattern, mark.n, pattern.n), *rest);
}

const struct route *routes_find(const struct config *c, struct str path, enum http_method method,
                                unsigned *allowed_out)
{
    const struct route *found = NULL;
    struct str rest;
    bool prefixed = strip_prefix(c, path, &rest);
    *allowed_out = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!row_matches(&table[i], path, prefixed ? &rest : NULL)) {
            continue;
        }
        *allowed_out |= table[i].methods;
        if (!found && (table[i].methods & 1u << method)) {
            found = &table[i];
        }
    }
    return found;
}

enum dialect routes_dialect(const struct config *c, struct str path)
{
    struct str rest;
    if (!strip_prefix(c, path, &rest)) {
        return DIALECT_ANTHROPIC;
    }
    for (size_t i = 0; i < sizeof openai_paths / sizeof openai_paths[0]; i++) {
        if (text_starts(rest, text_from(openai_paths[i]))) {
            return DIALECT_OPENAI;
        }
    }
    return DIALECT_ANTHROPIC;
}
