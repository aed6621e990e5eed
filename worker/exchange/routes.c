#include "worker/exchange/routes.h"

#include <string.h>

#include "worker/door/admin.h"
#include "worker/door/aws_lists.h"
#include "worker/door/catalog.h"
#include "worker/door/metrics.h"
#include "worker/door/page.h"

#define GET     (1u << HTTP_GET)
#define HEAD    (1u << HTTP_HEAD)
#define POST    (1u << HTTP_POST)
#define OPTIONS (1u << HTTP_OPTIONS)
#define OTHER   (1u << HTTP_OTHER) /* DELETE and what there is beside it */

#define NO_BODY    1024  /* bytes: none is read, but some clients send one */
#define EVENTS_MAX 65536 /* bytes of a telemetry batch; Claude Code 2.0 sends up to 60 KB */

#define ABSENT "404 in the caller's shape: not served by this gateway"

/* What is not said of a row: Anthropic's dialect, for anybody, no limit but the body's, Bedrock answers. */
static const struct route table[] = {
    {.path = "{prefix}/messages",
     .methods = POST,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .meaning = "Anthropic Messages, streamed or not"},
    {.path = "{prefix}/messages/count_tokens",
     .methods = POST,
     .need = ROUTE_KEY,
     .limit = ROUTE_COUNTING,
     .meaning = "input tokens of a request: Bedrock's count, or an estimate"},
    {.path = "{prefix}/chat/completions",
     .methods = POST,
     .dialect = ROUTE_OPENAI,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .meaning = "OpenAI Chat Completions, streamed or not"},
    {.path = "{prefix}/responses",
     .methods = POST,
     .dialect = ROUTE_RESPONSES,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .meaning = "OpenAI Responses, streamed or not"},
    {.path = "/model/{id}/invoke",
     .methods = POST,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .passing = ROUTE_INVOKE,
     .meaning = "Bedrock's InvokeModel: the body as it is"},
    {.path = "/model/{id}/invoke-with-response-stream",
     .methods = POST,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .passing = ROUTE_INVOKE,
     .stream = true,
     .meaning = "the same, the frames as they are"},
    {.path = "/model/{id}/converse",
     .methods = POST,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .passing = ROUTE_CONVERSE,
     .meaning = "Bedrock's Converse: the body as it is"},
    {.path = "/model/{id}/converse-stream",
     .methods = POST,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .passing = ROUTE_CONVERSE,
     .stream = true,
     .meaning = "the same, the frames as they are"},
    {.path = "/model/{id}/count-tokens",
     .methods = POST,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_COUNTING,
     .passing = ROUTE_COUNT,
     .meaning = "Bedrock's CountTokens, never an estimate"},
    {.path = "/inference-profiles",
     .methods = GET | HEAD,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .body_max = NO_BODY,
     .serve = aws_lists_profiles,
     .meaning = "Bedrock's list of profiles: what the key may use"},
    {.path = "/foundation-models",
     .methods = GET | HEAD,
     .dialect = ROUTE_BEDROCK,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .body_max = NO_BODY,
     .serve = aws_lists_models,
     .meaning = "Bedrock's list of models: what the key may use"},
    {.path = "{prefix}/messages/batches",
     .methods = GET | POST,
     .need = ROUTE_KEY,
     .serve = admin_absent,
     .meaning = ABSENT},
    {.path = "{prefix}/files",
     .methods = GET | POST,
     .dialect = ROUTE_BY_VERSION,
     .need = ROUTE_KEY,
     .serve = admin_absent,
     .meaning = ABSENT},
    {.path = "{prefix}/complete",
     .methods = POST,
     .need = ROUTE_KEY,
     .serve = admin_absent,
     .meaning = ABSENT},
    {.path = "{prefix}/skills",
     .methods = GET | POST,
     .need = ROUTE_KEY,
     .serve = admin_absent,
     .meaning = ABSENT},
    {.path = "{prefix}/embeddings",
     .methods = POST,
     .dialect = ROUTE_OPENAI,
     .need = ROUTE_KEY,
     .serve = admin_absent,
     .meaning = ABSENT},
    {.path = "{prefix}/completions",
     .methods = POST,
     .dialect = ROUTE_OPENAI,
     .need = ROUTE_KEY,
     .serve = admin_absent,
     .meaning = ABSENT},
    {.path = "{prefix}/messages/*",
     .methods = GET,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .serve = admin_message_by_id,
     .meaning = "501: messages are not stored"},
    {.path = "{prefix}/responses/**",
     .methods = GET | POST | OTHER,
     .dialect = ROUTE_OPENAI,
     .need = ROUTE_KEY,
     .serve = admin_response_by_id,
     .meaning = "404: responses are not stored"},
    {.path = "{prefix}/models",
     .methods = GET | HEAD,
     .dialect = ROUTE_BY_VERSION,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .body_max = NO_BODY,
     .serve = catalog_list,
     .meaning = "the models, with Anthropic's and OpenAI's members"},
    {.path = "{prefix}/models/**",
     .methods = GET | HEAD,
     .dialect = ROUTE_BY_VERSION,
     .need = ROUTE_KEY,
     .limit = ROUTE_REQUESTS,
     .body_max = NO_BODY,
     .serve = catalog_one,
     .meaning = "one model"},
    {.path = "/health",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = admin_health,
     .meaning = "200; 503 only while draining"},
    {.path = "/ready",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = admin_ready,
     .meaning = "503 with the reason until keys and AWS credentials are there"},
    {.path = "/liveness",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = admin_liveness,
     .meaning = "200 while the process answers"},
    {.path = "/health/ptc",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = admin_health_ptc,
     .meaning = "a fixed answer, for checks of older gateways"},
    {.path = "/metrics",
     .methods = GET | HEAD,
     .need = ROUTE_MASTER,
     .body_max = NO_BODY,
     .serve = metrics_answer,
     .meaning = "Prometheus text; METRICS_TOKEN=off: for anybody"},
    {.path = "/version",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = admin_version,
     .meaning = "name and version"},
    {.path = "/",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = page_root,
     .meaning = "what is served here: a page for browsers, else JSON"},
    {.path = "/api/hello",
     .methods = GET | HEAD,
     .body_max = NO_BODY,
     .serve = admin_hello,
     .meaning = "Claude Code's probe"},
    {.path = "/api/event_logging/batch",
     .methods = POST,
     .body_max = EVENTS_MAX,
     .serve = admin_events,
     .meaning = "Claude Code's telemetry, discarded unread"},
    {.path = "**",
     .methods = OPTIONS,
     .body_max = NO_BODY,
     .serve = admin_preflight,
     .meaning = "what a browser asks before the request itself (CORS_ORIGINS)"},
};
#define ROWS (sizeof table / sizeof table[0])

const struct route *routes_row(size_t i)
{
    return i < ROWS ? &table[i] : NULL;
}

const char *routes_caller(const struct route *r)
{
    static const char *const words[] = {[ROUTE_ANYBODY] = "anybody",
                                        [ROUTE_KEY] = "key",
                                        [ROUTE_MASTER] = "METRICS_TOKEN or master key"};
    return words[r->need];
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

/* An id may have a '/' in it that its client did not encode: what stands around it tells. */
static bool id_matches(struct str pattern, size_t at, struct str path)
{
    struct str before = text_sub(pattern, 0, at),
               behind = text_sub(pattern, at + STR("{id}").n, pattern.n);
    return path.n > before.n + behind.n && text_starts(path, before) && text_ends(path, behind);
}

static bool pattern_matches(struct str pattern, struct str path)
{
    size_t id;
    if (text_find(pattern, STR("{id}"), &id)) {
        return id_matches(pattern, id, path);
    }
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
    for (size_t i = 0; i < ROWS && !found; i++) {
        if (!row_matches(&table[i], path, prefixed ? &rest : NULL)) {
            continue;
        }
        *allowed_out |=
            table[i].methods & ~OPTIONS; /* which every path has, also where nothing is */
        if (table[i].methods & 1u << method) {
            found = &table[i];
        }
    }
    return found;
}

enum dialect routes_dialect(const struct route *r, const struct http_request *request)
{
    struct str version;
    switch (r->dialect) {
    case ROUTE_ANTHROPIC:
        break;
    case ROUTE_OPENAI:
        return DIALECT_OPENAI;
    case ROUTE_RESPONSES:
        return DIALECT_RESPONSES;
    case ROUTE_BEDROCK:
        return DIALECT_BEDROCK;
    case ROUTE_BY_VERSION:
        return http_request_header(request, STR("anthropic-version"), &version) ? DIALECT_ANTHROPIC
                                                                                : DIALECT_OPENAI;
    }
    return DIALECT_ANTHROPIC;
}

const struct route *routes_meant(struct str path)
{
    const struct route *meant = NULL;
    struct str mark = STR("{prefix}");
    for (size_t i = 0; i < ROWS; i++) {
        struct str row = text_from(table[i].path);
        if (text_starts(row, mark) && text_ends(path, text_sub(row, mark.n, row.n)) &&
            (!meant || row.n > strlen(meant->path))) {
            meant = &table[i];
        }
    }
    return meant;
}

/* Without a head that would tell a version. */
static enum dialect near_dialect(const struct route *r)
{
    return r->dialect == ROUTE_OPENAI      ? DIALECT_OPENAI
           : r->dialect == ROUTE_RESPONSES ? DIALECT_RESPONSES
           : r->dialect == ROUTE_BEDROCK   ? DIALECT_BEDROCK
                                           : DIALECT_ANTHROPIC;
}

/* Also what is not served of Bedrock's (service-2.json of its runtime and control plane). */
static bool is_of_bedrock(struct str path)
{
    static const char *const begin[] = {"/model/", "/inference-profiles", "/foundation-models",
                                        "/async-invoke", "/guardrail/"};
    for (size_t i = 0; i < COUNT_OF(begin); i++) {
        if (text_starts(path, text_from(begin[i]))) {
            return true;
        }
    }
    return false;
}

enum dialect routes_dialect_near(const struct config *c, struct str path)
{
    struct str rest, mark = STR("{prefix}");
    const struct route *meant = routes_meant(path);
    if (meant) {
        return near_dialect(meant);
    }
    if (is_of_bedrock(path)) {
        return DIALECT_BEDROCK;
    }
    if (!strip_prefix(c, path, &rest)) {
        return DIALECT_ANTHROPIC;
    }
    for (size_t i = 0; i < ROWS; i++) {
        struct str row = text_from(table[i].path);
        if (near_dialect(&table[i]) != DIALECT_ANTHROPIC && text_starts(row, mark) &&
            text_starts(rest, text_sub(row, mark.n, row.n))) {
            return near_dialect(&table[i]);
        }
    }
    return DIALECT_ANTHROPIC;
}

/* Claude Code's documented base URLs end so (ANTHROPIC_BEDROCK_BASE_URL, ..._MANTLE_BASE_URL). */
static struct str without_door(const struct config *c, struct str path)
{
    struct str mantle = STR("/mantle"), bedrock = STR("/bedrock"), rest;
    if (text_starts(path, mantle)) {
        rest = text_sub(path, mantle.n, path.n);
        return text_starts(rest, text_from(c->api_prefix)) && text_starts(rest, STR("/")) ? rest
                                                                                          : path;
    }
    rest = text_sub(path, bedrock.n, path.n);
    return text_starts(path, bedrock) && text_starts(rest, STR("/")) ? rest : path;
}

bool routes_is_mantle(const struct config *c, struct str path)
{
    struct str door = STR("/mantle/");
    return text_starts(path, door) && !text_starts(routes_understood(c, path), door);
}

struct str routes_understood(const struct config *c, struct str path)
{
    struct str prefix = text_from(c->api_prefix), rest;
    while (path.n > 1 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    while (text_starts(path, STR("//"))) {
        path = text_sub(path, 1, path.n);
    }
    path = without_door(c, path);
    while (prefix.n && strip_prefix(c, path, &rest) && text_starts(rest, prefix) &&
           rest.n > prefix.n && rest.p[prefix.n] == '/') {
        path = rest;
    }
    return path;
}

/* What a client of that row adds to its base URL itself is known only of the usual prefix. */
static const char *base_url(const struct config *c, const struct route *r)
{
    static const char *const words[] = {
        [ROUTE_ANTHROPIC] = " Anthropic clients need a base URL without /v1",
        [ROUTE_OPENAI] = " OpenAI clients need a base URL that ends in /v1",
        [ROUTE_RESPONSES] = " OpenAI clients need a base URL that ends in /v1",
        [ROUTE_BEDROCK] = "",
        [ROUTE_BY_VERSION] = " OpenAI clients need a base URL that ends in /v1, Anthropic clients "
                             "one without it",
    };
    return text_ends(text_from(c->api_prefix), STR("/v1")) ? words[r->dialect] : "";
}

#define METHOD_SHOWN 16
#define PATH_SHOWN   60

enum status routes_absent(const struct config *c, struct str method, struct str path,
                          struct err *err)
{
    const struct route *meant = routes_meant(path);
    struct str m = text_sub(method, 0, method.n < METHOD_SHOWN ? method.n : METHOD_SHOWN);
    struct str p = text_sub(path, 0, path.n < PATH_SHOWN ? path.n : PATH_SHOWN);
    if (!meant || meant->serve == admin_absent) {
        return err_set(err, STATUS_NO_ROUTE, "%.*s %.*s is not served by this gateway", STR_ARG(m),
                       STR_ARG(p));
    }
    return err_set(err, STATUS_NO_ROUTE,
                   "%.*s %.*s is not served by this gateway; did you mean %s%s?%s", STR_ARG(m),
                   STR_ARG(p), c->api_prefix, meant->path + sizeof "{prefix}" - 1,
                   base_url(c, meant));
}
