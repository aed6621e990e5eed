#include "worker/exchange/routes.h"

#include "worker/door/admin.h"
#include "worker/door/catalog.h"
#include "worker/door/metrics.h"

#define GET  (1u << HTTP_GET)
#define HEAD (1u << HTTP_HEAD)
#define POST (1u << HTTP_POST)

#define EVENTS_MAX 65536 /* bytes of a telemetry batch; Claude Code 2.0 sends up to 60 KB */

/* path, methods, dialect, key, limit class, body limit, who answers (NULL: Bedrock) */
static const struct route table[] = {
    {"{prefix}/messages", POST, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 0, NULL, false},
    {"{prefix}/messages/count_tokens", POST, DIALECT_ANTHROPIC, true, ROUTE_COUNTING, 0, NULL,
     false},
    {"{prefix}/chat/completions", POST, DIALECT_OPENAI, true, ROUTE_REQUESTS, 0, NULL, false},
    {"{prefix}/messages/batches", GET | POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0,
     admin_absent, false},
    {"{prefix}/files", GET | POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0, admin_absent, true},
    {"{prefix}/complete", POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0, admin_absent, false},
    {"{prefix}/skills", GET | POST, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 0, admin_absent,
     false},
    {"{prefix}/embeddings", POST, DIALECT_OPENAI, true, ROUTE_UNLIMITED, 0, admin_absent, false},
    {"{prefix}/responses", POST, DIALECT_OPENAI, true, ROUTE_UNLIMITED, 0, admin_absent, false},
    {"{prefix}/completions", POST, DIALECT_OPENAI, true, ROUTE_UNLIMITED, 0, admin_absent, false},
    {"{prefix}/messages/*", GET, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 0, admin_message_by_id,
     false},
    {"{prefix}/models", GET | HEAD, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 1024, catalog_list,
     true},
    {"{prefix}/models/**", GET | HEAD, DIALECT_ANTHROPIC, true, ROUTE_REQUESTS, 1024, catalog_one,
     true},
    {"/health", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_health, false},
    {"/ready", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_ready, false},
    {"/liveness", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_liveness,
     false},
    {"/health/ptc", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_health_ptc,
     false},
    {"/metrics", GET | HEAD, DIALECT_ANTHROPIC, true, ROUTE_UNLIMITED, 1024, metrics_answer, false},
    {"/version", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_version, false},
    {"/", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_root, false},
    {"/api/hello", GET | HEAD, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, 1024, admin_hello, false},
    {"/api/event_logging/batch", POST, DIALECT_ANTHROPIC, false, ROUTE_UNLIMITED, EVENTS_MAX,
     admin_events, false},
};

static const char *const openai_paths[] = {"/chat/completions", "/embeddings", "/responses",
                                           "/completions"};

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
