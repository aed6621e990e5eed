#include "worker/door/admin.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/journal/journal.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/directory.h"
#include "shm/memory/signing.h"
#include "shm/memory/standing.h"
#include "worker/turn/answer.h"

#define BODY_MAX 4096

static const char *environment_name(const struct config *c)
{
    static const struct {
        const char *given, *shown;
    } names[] = {{"dev", "development"}, {"stage", "staging"}, {"prod", "production"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_eq(text_from(c->environment), text_from(names[i].given))) {
            return names[i].shown;
        }
    }
    return c->environment;
}

static void member_text(struct json_out *w, struct str key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

static void member_bool(struct json_out *w, struct str key, bool value)
{
    json_key(w, key);
    json_bool(w, value);
}

static const char *const feature_names[] = {"streaming", "tool_use", "extended_thinking",
                                            "document_support", "prompt_caching"};

static void put_features(struct json_out *w)
{
    JSON_KEY(w, "features");
    json_object(w);
    for (size_t i = 0; i < sizeof feature_names / sizeof feature_names[0]; i++) {
        member_bool(w, text_from(feature_names[i]), true);
    }
    member_bool(w, STR("programmatic_tool_calling"), false);
    member_bool(w, STR("web_search"), false);
    json_object_end(w);
}

/* What a probe shall know. When only this worker leaves (reload) or only this master (upgrade) the
 * service goes on, and must not be called unhealthy because a connection is still with the old
 * ones. Workers of a master that was killed know only that none of them takes connections. */
static bool service_ends(const struct worker *w)
{
    switch (segment_service(w->segment)) {
    case SEGMENT_ENDS:
        return true;
    case SEGMENT_HANDED_OVER:
        return false;
    case SEGMENT_SERVES:
        break;
    }
    return w->draining && scoreboard_ready_workers(w->segment) == 0;
}

/* The union of both older bodies, so that either's checks go on working; no store is touched, so a
 * load balancer never kills a task for an outage elsewhere. */
enum verdict admin_health(struct exchange *x)
{
    struct worker *worker = x->worker;
    struct buf body;
    struct json_out w;
    char now[25];
    clock_rfc3339(clock_real_ms(), now);
    buf_init(&body, BODY_MAX);
    json_begin(&w, &body);
    json_object(&w);
    member_text(&w, STR("status"), service_ends(worker) ? STR("draining") : STR("healthy"));
    member_text(&w, STR("version"), STR(VERSION));
    member_text(&w, STR("environment"), text_from(environment_name(worker->config)));
    JSON_KEY(&w, "uptime_seconds");
    json_i64(&w, (clock_real_ms() - (int64_t)worker->segment->header->epoch) / 1000);
    member_text(&w, STR("timestamp"), text_from(now));
    put_features(&w);
    json_object_end(&w);
    return answer_built(x, service_ends(worker) ? 503 : 200, &body);
}

static bool has_keys(const struct worker *w)
{
    return !w->config->require_api_key || directory_generation(w->segment) > 0;
}

const char *admin_trouble(struct worker *w, struct standing *standing_out)
{
    standing_read(w->segment, standing_out);
    if (!has_keys(w)) {
        return standing_out->trouble[0] ? standing_out->trouble
                                        : "the key store has not been read yet";
    }
    const char *trouble = keyring_trouble_anywhere(&w->keyring, w->segment, w->config);
    return trouble ? trouble : service_ends(w) ? "draining" : NULL;
}

/* dynamodb is the older tools' name of the key store: not said of another one. */
static void put_checks(const struct worker *worker, const struct standing *standing, bool keys,
                       bool bedrock, struct json_out *w)
{
    const struct journal *journal = worker->segment->journal;
    JSON_KEY(w, "checks");
    json_object(w);
    member_bool(w, STR("config_loaded"), true);
    if (strcmp(standing->store, "dynamodb") == 0) {
        member_bool(w, STR("dynamodb"), keys);
    }
    member_bool(w, STR("key_store"), keys);
    if (standing->store[0]) {
        member_text(w, STR("key_store_kind"), text_from(standing->store));
    }
    member_bool(w, STR("bedrock"), bedrock);
    if (journal) { /* memory: usage would not outlive all processes; an alarm, but it serves */
        member_text(w, STR("usage_journal"),
                    journal_in_memory(journal) ? STR("memory") : STR("file"));
    }
    json_object_end(w);
}

enum verdict admin_ready(struct exchange *x)
{
    struct worker *worker = x->worker;
    bool keys = has_keys(worker);
    struct standing standing;
    const char *trouble = admin_trouble(worker, &standing);
    struct buf body;
    struct json_out w;
    const char *warning =
        keys ? standing_warning(&standing, worker->config, directory_count(worker->segment)) : NULL;
    buf_init(&body, BODY_MAX);
    json_begin(&w, &body);
    json_object(&w);
    member_bool(&w, STR("ready"), !trouble);
    member_text(&w, STR("status"), !trouble ? STR("ready") : STR("not ready"));
    put_checks(worker, &standing, keys,
               !keyring_trouble_anywhere(&worker->keyring, worker->segment, worker->config), &w);
    if (trouble) {
        member_text(&w, STR("reason"), text_from(trouble));
    }
    if (warning) {
        member_text(&w, STR("warning"), text_from(warning));
    }
    json_object_end(&w);
    return answer_built(x, trouble ? 503 : 200, &body);
}

enum verdict admin_liveness(struct exchange *x)
{
    answer_json(x, 200, STR("{\"alive\":true,\"status\":\"alive\"}"));
    return VERDICT_DONE;
}

enum verdict admin_health_ptc(struct exchange *x)
{
    answer_json(x, 200,
                STR("{\"enabled\":false,\"status\":\"disabled\",\"docker\":\"unavailable\","
                    "\"active_sessions\":0,\"ptc_enabled\":false}"));
    return VERDICT_DONE;
}

enum verdict admin_version(struct exchange *x)
{
    answer_json(x, 200, STR("{\"name\":\"llm-api-converter\",\"version\":\"" VERSION "\"}"));
    return VERDICT_DONE;
}

enum verdict admin_hello(struct exchange *x)
{
    answer_json(x, 200, STR("{\"message\":\"hello\"}"));
    return VERDICT_DONE;
}

/* The client ignores the answer; the count is 0 because the body is never parsed. */
enum verdict admin_events(struct exchange *x)
{
    answer_json(x, 200, STR("{\"success\":true,\"status\":\"ok\",\"events_received\":0}"));
    return VERDICT_DONE;
}

enum verdict admin_message_by_id(struct exchange *x)
{
    err_set(&x->outcome.err, STATUS_NOT_SUPPORTED,
            "messages are not stored: there is nothing to fetch by id");
    return VERDICT_FAIL;
}

enum verdict admin_response_by_id(struct exchange *x)
{
    err_set(&x->outcome.err, STATUS_NOT_FOUND,
            "responses are not stored: there is nothing to fetch by id; send the whole "
            "conversation in input");
    return VERDICT_FAIL;
}

enum verdict admin_absent(struct exchange *x)
{
    struct str path = x->asked.path;
    err_set(&x->outcome.err, STATUS_NOT_FOUND, "%.*s is not served by this gateway", STR_ARG(path));
    return VERDICT_FAIL;
}

enum verdict admin_preflight(struct exchange *x)
{
    answer_begin(x, 204);
    if (x->asked.origin.n) {
        http_out_header(x->conn, STR("access-control-allow-methods"),
                        STR("GET, HEAD, POST, OPTIONS"));
        http_out_header(
            x->conn, STR("access-control-allow-headers"),
            STR("authorization, content-type, x-api-key, anthropic-version, anthropic-beta, "
                "anthropic-dangerous-direct-browser-access, x-request-id, x-trace-id, x-app, "
                "x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, "
                "x-stainless-retry-count, x-stainless-runtime, x-stainless-runtime-version, "
                "x-stainless-timeout, x-stainless-helper-method"));
        http_out_header(x->conn, STR("access-control-max-age"), STR("86400"));
    }
    http_out_header(x->conn, STR("allow"), STR("GET, HEAD, POST, OPTIONS"));
    http_out_body(x->conn, STR(""), STR(""));
    return VERDICT_DONE;
}
