/* The request side of splice.h: the top-level fields, and the order of the parts. */
#include "worker/splice/splice.h"

#include "shm/catalogue/tier.h"
#include "worker/splice/splice_job.h"

static bool is_nothing(const struct scan *s, scan_ref v)
{
    enum scan_type t = scan_type(s, v);
    return t == SCAN_NONE || t == SCAN_NULL ||
           ((t == SCAN_ARRAY || t == SCAN_OBJECT) && scan_size(s, v) == 0);
}

/* --- thinking ------------------------------------------------------------------------------ */

/*
 * A budget for a client that left it to the model. Claude Code uses max_tokens-1 and never more
 * than 31999; with a small max_tokens half of it leaves room for an answer. 0: too small for any
 * thinking (the least budget is 1024 and must stay under max_tokens).
 */
static int64_t choose_budget(const struct messages_request *r)
{
    int64_t budget = r->max_tokens / 2;
    if (scan_type(r->scan, SCAN_GET(r->scan, 0, "max_tokens")) == SCAN_NONE)
        return 1024; /* count_tokens; the splice adds a max_tokens above it */
    if (r->max_tokens >= 32000)
        return 31999;
    if (budget < 1024)
        budget = 1024;
    return budget < r->max_tokens ? budget : 0;
}

struct thinking {
    struct splice_job *job;
    bool to_adaptive;
};

static bool drops_thinking_member(void *ctx, scan_ref key, scan_ref value)
{
    struct thinking *t = ctx;
    const struct scan *s = t->job->s;
    if (SCAN_IS(s, key, "display")) {
        /* "updates" belongs to a beta that Bedrock does not have */
        bool drop = !splice_takes(t->job, MODELS_THINKING_DISPLAY) || SCAN_IS(s, value, "updates");
        if (drop)
            splice_note(t->job, "drop:", STR("thinking.display"));
        return drop;
    }
    return t->to_adaptive && SCAN_IS(s, key, "budget_tokens");
}

static bool to_enabled(struct splice_job *j, scan_ref thinking, scan_ref type)
{
    int64_t budget = choose_budget(j->r);
    char *text = arena_printf(j->s->arena, "\"budget_tokens\":%lld,", (long long)budget);
    if (budget == 0)
        return false;
    if (!text)
        j->edits.failed = true;
    edits_inside(&j->edits, thinking, text_from(text));
    edits_value(&j->edits, type, STR("\"enabled\""));
    j->budget = budget;
    splice_note(j, "map:", STR("thinking"));
    return true;
}

static bool thinking_is(const struct splice_job *j, enum models_thinking kind)
{
    enum models_thinking of_model = j->o->model->caps->thinking;
    return of_model == kind || of_model == MODELS_THINKING_EITHER;
}

static bool translate_thinking(struct thinking *t, scan_ref thinking, scan_ref type)
{
    struct splice_job *j = t->job;
    bool enabled = thinking_is(j, MODELS_THINKING_BUDGET);
    bool adaptive = thinking_is(j, MODELS_THINKING_ADAPTIVE);
    if (SCAN_IS(j->s, type, "adaptive") && !adaptive)
        return enabled && to_enabled(j, thinking, type);
    if (SCAN_IS(j->s, type, "enabled") && !enabled && adaptive) {
        t->to_adaptive = true;
        edits_value(&j->edits, type, STR("\"adaptive\""));
        splice_note(j, "map:", STR("thinking"));
    } else if (SCAN_IS(j->s, type, "enabled")) {
        scan_i64(j->s, SCAN_GET(j->s, thinking, "budget_tokens"), &j->budget);
    }
    return enabled || adaptive;
}

static bool drops_thinking(struct splice_job *j, scan_ref v)
{
    struct thinking t = {j, false};
    scan_ref type = SCAN_GET(j->s, v, "type");
    if (scan_type(j->s, v) != SCAN_OBJECT)
        return is_nothing(j->s, v);
    if (!translate_thinking(&t, v, type)) {
        if (!SCAN_IS(j->s, type, "disabled"))
            splice_note(j, "drop:", STR("thinking"));
        return true;
    }
    edits_filter(&j->edits, v, drops_thinking_member, &t);
    return false;
}

/* --- output_config, output_format ---------------------------------------------------------- */

/* Structured output that the model has not: splice_format asks for it in words. */
static void ask_in_words(struct splice_job *j, scan_ref format, struct str what)
{
    scan_ref schema = SCAN_GET(j->s, format, "schema");
    bool object = scan_type(j->s, schema) == SCAN_OBJECT;
    splice_note(j, object ? "map:" : "drop:", what);
    if (!object)
        return;
    j->schema = scan_raw(j->s, schema);
    if (j->lost.n == 0)
        j->lost = what; /* no guarantee as the format would be */
}

static bool drops_output_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    const struct scan *s = j->s;
    if (SCAN_IS(s, key, "effort") && j->o->model->caps->level_at != MODELS_LEVEL_OUTPUT_CONFIG) {
        splice_note(j, "drop:", STR("output_config.effort"));
        return true;
    }
    if (SCAN_IS(s, key, "format") && !splice_takes(j, MODELS_FORMAT)) {
        ask_in_words(j, value, STR("output_config.format"));
        return true;
    }
    if (SCAN_IS(s, key, "task_budget")) {
        splice_note(j, "drop:", STR("output_config.task_budget"));
        return true;
    }
    return false;
}

static bool drops_output_config(struct splice_job *j, scan_ref v)
{
    if (scan_type(j->s, v) != SCAN_OBJECT)
        return true;
    return edits_filter(&j->edits, v, drops_output_member, j) == 0;
}

/* The beta's name of output_config.format: {"output_format":X}
 * -> {"output_config":{"format":X}}. */
static bool drops_output_format(struct splice_job *j, scan_ref v)
{
    bool other = scan_type(j->s, SCAN_GET(j->s, 0, "output_config")) == SCAN_OBJECT;
    if (other || scan_type(j->s, v) != SCAN_OBJECT) {
        splice_note(j, "drop:", STR("output_format"));
        return true;
    }
    if (!splice_takes(j, MODELS_FORMAT)) {
        ask_in_words(j, v, STR("output_format"));
        return true;
    }
    edits_value(&j->edits, scan_key(j->s, v), STR("\"output_config\""));
    edits_before(&j->edits, v, STR("{\"format\":"));
    edits_after(&j->edits, v, STR("}"));
    splice_note(j, "map:", STR("output_format"));
    return false;
}

/* --- other fields -------------------------------------------------------------------------- */

static bool drops_sampling(struct splice_job *j, scan_ref v)
{
    if (j->o->model->caps->sampling != MODELS_SAMPLING_NONE)
        return false;
    splice_note(j, "drop:", scan_text(j->s, scan_key(j->s, v)));
    return true;
}

static bool drops_top_p(struct splice_job *j, scan_ref v)
{
    if (drops_sampling(j, v))
        return true;
    if (j->o->model->caps->sampling != MODELS_SAMPLING_ONE ||
        is_nothing(j->s, SCAN_GET(j->s, 0, "temperature")))
        return false;
    splice_note(j, "drop:", STR("top_p"));
    return true;
}

static bool drops_context_management(struct splice_job *j, scan_ref v)
{
    if (splice_has_beta(j, STR("context-management-2025-06-27")))
        return false;
    if (!is_nothing(j->s, v))
        splice_note(j, "drop:", STR("context_management"));
    return true;
}

static bool drops_top_cache_control(struct splice_job *j, scan_ref v)
{
    if (splice_takes(j, MODELS_CACHE_TOP))
        return splice_drops_cache_control(j, v);
    if (!is_nothing(j->s, v))
        splice_note(j, j->cache_json.n > 0 ? "map:" : "drop:", STR("cache_control"));
    return true;
}

static bool drops_metadata_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    bool keep = SCAN_IS(j->s, key, "user_id") && scan_type(j->s, value) == SCAN_STRING;
    if (!keep && !is_nothing(j->s, value))
        splice_note(j, "drop:", STR("metadata"));
    return !keep;
}

static bool drops_metadata(struct splice_job *j, scan_ref v)
{
    return scan_type(j->s, v) != SCAN_OBJECT ||
           edits_filter(&j->edits, v, drops_metadata_member, j) == 0;
}

/* Anthropic's values mean nothing to Bedrock; Bedrock's own go into its header.
 * docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html */
static bool drops_service_tier(struct splice_job *j, scan_ref v)
{
    enum tier tier;
    if (tier_find(scan_text(j->s, v), &tier))
        j->tier = tier_word(tier);
    splice_note(j, j->tier.n > 0 ? "map:" : "drop:", STR("service_tier"));
    return true;
}

static bool drops_speed(struct splice_job *j, scan_ref v)
{
    if (!is_nothing(j->s, v) && !SCAN_IS(j->s, v, "standard"))
        splice_note(j, "drop:", STR("speed"));
    return true;
}

static bool drops_tools(struct splice_job *j, scan_ref v)
{
    (void)v;
    return j->no_tools;
}

/* tool_choice without tools is a 400. */
static bool drops_tool_choice(struct splice_job *j, scan_ref v)
{
    if (j->no_tools && !is_nothing(j->s, v))
        splice_note(j, "drop:", STR("tool_choice"));
    return j->no_tools;
}

static bool drops_silently(struct splice_job *j, scan_ref v)
{
    (void)j;
    (void)v;
    return true;
}

static bool drops_named(struct splice_job *j, scan_ref v)
{
    if (!is_nothing(j->s, v))
        splice_note(j, "drop:", scan_text(j->s, scan_key(j->s, v)));
    return true;
}

/* What becomes of a top-level field; one that is not listed is the upstream's to judge. */
static const struct {
    struct str name;
    bool (*drops)(struct splice_job *j, scan_ref value);
} fields[] = {
    {STR("anthropic_beta"), drops_silently}, /* merged into ours */
    {STR("anthropic_version"), drops_silently},
    {STR("betas"), drops_silently},
    {STR("billing_policy"), drops_named},
    {STR("cache_control"), drops_top_cache_control},
    {STR("compaction"), drops_named},
    {STR("container"), drops_silently}, /* null; refused otherwise, as are the other three */
    {STR("context_management"), drops_context_management},
    {STR("diagnostics"), drops_named},
    {STR("fallback_credit_token"), drops_named},
    {STR("fallbacks"), drops_silently},
    {STR("inference_geo"), drops_named},
    {STR("mcp_servers"), drops_silently},
    {STR("metadata"), drops_metadata},
    {STR("model"), drops_silently},
    {STR("output_config"), drops_output_config},
    {STR("output_format"), drops_output_format},
    {STR("safeguards"), drops_silently},
    {STR("service_tier"), drops_service_tier},
    {STR("speed"), drops_speed},
    {STR("stream"), drops_silently},
    {STR("tags"), drops_named},
    {STR("temperature"), drops_sampling},
    {STR("thinking"), drops_thinking},
    {STR("thread"), drops_named},
    {STR("tool_choice"), drops_tool_choice},
    {STR("tools"), drops_tools},
    {STR("top_k"), drops_sampling},
    {STR("top_p"), drops_top_p},
    {STR("user_profile_id"), drops_named},
};

static bool drops_field(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (scan_text_is(j->s, key, fields[i].name))
            return fields[i].drops(j, value);
    return false;
}

/* --- what comes in ------------------------------------------------------------------------- */

/* InvokeModel takes this one version for every model; the client's header stays with us. */
#define VERSION_MEMBER "\"anthropic_version\":\"bedrock-2023-05-31\","

static bool insert_members(struct splice_job *j)
{
    struct buf b;
    buf_init(&b, 4096);
    BUF_LIT(&b, VERSION_MEMBER);
    for (uint32_t i = 0; i < j->beta_count; i++)
        buf_printf(&b, "%s\"%.*s\"", i == 0 ? "\"anthropic_beta\":[" : ",", STR_ARG(j->beta[i]));
    if (j->beta_count > 0)
        BUF_LIT(&b, "],");
    if (scan_type(j->s, SCAN_GET(j->s, 0, "max_tokens")) == SCAN_NONE)
        buf_printf(&b, "\"max_tokens\":%lld,", (long long)j->budget + 1); /* count_tokens */
    struct str members = buf_ok(&b) ? arena_dup(j->s->arena, buf_str(&b)) : (struct str){NULL, 0};
    buf_free(&b);
    if (members.p)
        edits_inside(&j->edits, 0, members);
    return members.p != NULL;
}

enum status splice_request(const struct messages_request *r, const struct splice_options *o,
                           struct buf *body_out, struct buf *changes_out, struct str *tier_out,
                           struct err *err)
{
    struct splice_job j = {
        .r = r, .o = o, .s = r->scan, .changes = changes_out, .cache_spot = SCAN_ABSENT};
    enum status st;
    edits_init(&j.edits, r->scan);
    if ((st = messages_refuse_fields(r->scan, err)) != STATUS_OK)
        return st;
    splice_betas(&j);
    if ((st = splice_tools(&j, err)) != STATUS_OK || (st = splice_messages(&j, err)) != STATUS_OK)
        return st;
    edits_filter(&j.edits, 0, drops_field, &j);
    if ((st = splice_format(&j, err)) != STATUS_OK)
        return st;
    if (o->strict_fields && j.lost.n > 0)
        return err_set(err, STATUS_INVALID,
                       "%.*s: this model does not take it as it is (STRICT_FIELDS)",
                       STR_ARG(j.lost));
    if (!insert_members(&j))
        return err_set(err, STATUS_INTERNAL, "out of memory");
    *tier_out = j.tier;
    return edits_apply(&j.edits, body_out, err);
}
