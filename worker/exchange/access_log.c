#include "worker/exchange/access_log.h"

#include "server/base/clock.h"
#include "server/base/log.h"
#include "worker/moves/lane.h"
#include "worker/turn/quiet.h"
#include "worker/turn/route.h"

/* Probes and health checks are not worth a line each at the default level. */
static bool worth_a_line(const struct exchange *x)
{
    return !x->route || x->route->need != ROUTE_ANYBODY || x->outcome.status >= 400;
}

static uint64_t since_us(const struct exchange *x, uint64_t at_ns)
{
    return at_ns > x->began_ns ? (at_ns - x->began_ns) / 1000u : 0;
}

/* By its header, else out of metadata.user_id (older Claude Code). */
static struct str session_of(const struct exchange *x)
{
    const struct messages_request *r = asked_messages(&x->asked);
    return x->asked.client.session.n || !r ? x->asked.client.session : r->session;
}

static void put_line(const struct exchange *x)
{
    char key_id[9] = "", error[QUIET_SIZE];
    if (x->caller.who == CALLER_KEY) {
        text_hex(x->caller.digest, 4, key_id);
    }
    static const char *const who[] = {"nobody", "anonymous", "scraper", "master", "key"};
    static const struct reply none;
    const struct reply *reply = x->attempt.reply ? x->attempt.reply : &none;
    const struct tokens *u = &x->outcome.usage.tokens;
    const struct log_field fields[] = {
        {"request_id", LOG_STR, x->asked.id, 0},
        {"status", LOG_INT, {NULL, 0}, x->outcome.status},
        {"path", LOG_STR, x->asked.path, 0},
        {"who", LOG_STR, text_from(who[x->caller.who]), 0},
        {"key_id", LOG_STR, text_from(key_id), 0},
        {"user", LOG_STR, {x->caller.key.user, x->caller.key.user_len}, 0},
        {"peer", LOG_STR, http_conn_peer(x->conn), 0},
        {"client", LOG_STR, x->asked.client.address, 0},
        {"agent", LOG_STR, x->asked.client.agent, 0},
        {"session", LOG_STR, session_of(x), 0},
        {"thread", LOG_STR, x->asked.client.thread, 0},
        {"model", LOG_STR, x->asked.client_model, 0},
        {"bedrock_model", LOG_STR, x->asked.model.id, 0},
        {"link", LOG_INT, {NULL, 0}, x->asked.model.link},
        {"rule", LOG_STR, text_from(x->asked.model.rule), 0},
        {"behind", LOG_STR, x->asked.model.behind, 0},
        {"behind_by", LOG_STR, text_from(x->asked.model.behind_by), 0},
        {"served", LOG_STR, text_from(reply->served), 0},
        {"stream", LOG_BOOL, {NULL, 0}, x->asked.stream},
        {"attempts", LOG_INT, {NULL, 0}, x->attempt.number},
        {"waited_ms", LOG_INT, {NULL, 0}, (int64_t)x->waiting.waited_ms},
        {"upstream_id", LOG_STR, text_from(x->attempt.transfer.id), 0},
        {"stop_reason", LOG_STR, text_from(reply->stop_reason), 0},
        {"input_tokens", LOG_INT, {NULL, 0}, (int64_t)u->input},
        {"output_tokens", LOG_INT, {NULL, 0}, (int64_t)u->output},
        {"cache_read_tokens", LOG_INT, {NULL, 0}, (int64_t)u->cache_read},
        {"cache_write_tokens", LOG_INT, {NULL, 0}, (int64_t)tokens_written(u)},
        {"cost_micro", LOG_INT, {NULL, 0}, (int64_t)x->outcome.cost_micro},
        {"first_byte_ms", LOG_MS, {NULL, 0}, (int64_t)since_us(x, x->attempt.transfer.first_ns)},
        {"duration_ms", LOG_MS, {NULL, 0}, (int64_t)since_us(x, clock_now_ns())},
        {"changes", LOG_STR, buf_str(&x->attempt.changes), 0},
        {"error", LOG_STR, quiet_sentence(text_from(x->outcome.err.text), error), 0},
        {"lane", LOG_STR, lane_name(x), 0},
        {"moved", LOG_BOOL, {NULL, 0}, x->attempt.lane.moved},
    };
    size_t lanes = x->worker->config->lanes.n ? 0 : 2; /* fields that say nothing without */
    log_fields(LOG_INFO, "request", fields, COUNT_OF(fields) - lanes);
}

void access_log_put(const struct exchange *x)
{
    if (log_on(worth_a_line(x) ? LOG_INFO : LOG_DEBUG)) {
        put_line(x);
    }
}
