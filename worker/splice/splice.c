/* The request side of splice.h: the top-level fields, and the order of the parts. What becomes of
 * them is the plan's; here it becomes edits. */
#include "worker/splice/splice.h"

#include "worker/splice/splice_job.h"

/* --- fields whose value changes ------------------------------------------------------------ */

static void insert(struct splice_job *j, scan_ref container, const char *text)
{
    if (text) {
        edits_inside(&j->edits, container, text_from(text));
    } else {
        j->edits.failed = true;
    }
}

/* Bedrock's name of the member; Anthropic's own API calls it prefix_mismatch_behavior. */
#define BINDING "\"block_binding\":{\"mismatch_behavior\":\"drop_block\"}"

static bool drops_blank(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    (void)key;
    return wish_is_blank(scan_raw(j->s, value));
}

static void edit_stops(struct splice_job *j, scan_ref v)
{
    edits_filter(&j->edits, v, drops_blank, j);
}

static bool is_told_otherwise(const struct plan *p)
{
    return p->verdict[PLAN_THINKING] == PLAN_MAP || p->verdict[PLAN_THINKING] == PLAN_CLAMP;
}

static bool drops_thinking_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    (void)value;
    if (SCAN_IS(j->s, key, "display")) {
        return j->plan->verdict[PLAN_DISPLAY] == PLAN_DROP;
    }
    if (SCAN_IS(j->s, key, "block_binding")) {
        return !j->plan->thinking.binding;
    }
    return SCAN_IS(j->s, key, "budget_tokens") && is_told_otherwise(j->plan);
}

static bool drops_binding_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    (void)value;
    return SCAN_IS(j->s, key, "prefix_mismatch_behavior");
}

/* Bedrock's own name wins where both are there. */
static void rename_binding(struct splice_job *j, scan_ref binding)
{
    scan_ref other = SCAN_GET(j->s, binding, "prefix_mismatch_behavior");
    if (SCAN_GET(j->s, binding, "mismatch_behavior") != SCAN_ABSENT) {
        edits_filter(&j->edits, binding, drops_binding_member, j);
    } else if (other != SCAN_ABSENT) {
        edits_value(&j->edits, scan_key(j->s, other), STR("\"mismatch_behavior\""));
    }
}

static bool drops_thinking(struct splice_job *j, scan_ref v)
{
    const struct wish *w = &j->plan->left;
    scan_ref type = SCAN_GET(j->s, v, "type");
    if (scan_type(j->s, v) != SCAN_OBJECT) {
        return wish_is_nothing(j->s, v);
    }
    if (w->thinking.mode == WISH_THINKING_UNSET) {
        return true;
    }
    bool told_otherwise = is_told_otherwise(j->plan);
    if (told_otherwise && w->thinking.mode == WISH_THINKING_BUDGET) {
        insert(j, v,
               arena_printf(j->s->arena, "\"budget_tokens\":%lld,", (long long)w->thinking.budget));
        edits_value(&j->edits, type, STR("\"enabled\""));
    } else if (told_otherwise) {
        edits_value(&j->edits, type,
                    w->thinking.mode == WISH_THINKING_BETWEEN ? STR("\"between_tools\"")
                                                              : STR("\"adaptive\""));
    }
    if (j->plan->thinking.drop_block) {
        insert(j, v, BINDING ",");
    }
    if (j->plan->thinking.binding) {
        rename_binding(j, w->thinking.binding.at);
    }
    edits_filter(&j->edits, v, drops_thinking_member, j);
    return false;
}

/* What was forced is told in words. */
static bool drops_choice_name(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    (void)value;
    return SCAN_IS(j->s, key, "name");
}

static void edit_choice(struct splice_job *j, scan_ref v)
{
    edits_value(&j->edits, SCAN_GET(j->s, v, "type"), STR("\"auto\""));
    edits_filter(&j->edits, v, drops_choice_name, j);
}

static bool drops_output_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    enum plan_verdict effort = j->plan->verdict[PLAN_EFFORT];
    if (SCAN_IS(j->s, key, "effort") && effort == PLAN_CLAMP && j->plan->thinking.level.n > 0) {
        const char *level = arena_printf(j->s->arena, "\"%.*s\"", STR_ARG(j->plan->thinking.level));
        edits_value(&j->edits, value, text_from(level));
        j->edits.failed = j->edits.failed || !level;
        return false;
    }
    if (SCAN_IS(j->s, key, "effort")) {
        return effort != PLAN_KEEP;
    }
    if (SCAN_IS(j->s, key, "format")) { /* null beside the old name makes room for it */
        return j->plan->format.how != PLAN_FORMAT_NATIVE || j->plan->left.format.old;
    }
    return SCAN_IS(j->s, key, "task_budget");
}

static void edit_length(struct splice_job *j, scan_ref v)
{
    const char *most = arena_printf(j->s->arena, "%lld", (long long)j->plan->left.max_tokens.n);
    j->edits.failed = j->edits.failed || !most;
    edits_value(&j->edits, v, text_from(most));
}

/* An effort that the client has not said: the member, or nothing. */
static struct str own_effort(struct splice_job *j)
{
    const struct plan *p = j->plan;
    if (p->thinking.level.n == 0 || p->left.effort.level != WISH_EFFORT_UNSET ||
        p->caps->level_at != MODELS_LEVEL_OUTPUT_CONFIG) {
        return STR("");
    }
    char *text = arena_printf(j->s->arena, "\"effort\":\"%.*s\"", STR_ARG(p->thinking.level));
    j->edits.failed = j->edits.failed || !text;
    return text_from(text);
}

/* The beta's name of output_config.format: {"output_format":X}
 * -> {"output_config":{"format":X}}, or into the output_config that is there. */
static bool drops_output_config(struct splice_job *j, scan_ref v)
{
    bool more = j->plan->left.format.old && j->plan->format.how == PLAN_FORMAT_NATIVE;
    if (scan_type(j->s, v) != SCAN_OBJECT) {
        return true;
    }
    bool any = edits_filter(&j->edits, v, drops_output_member, j) > 0;
    struct str effort = own_effort(j);
    if (effort.n > 0) {
        edits_inside(&j->edits, v, effort);
        edits_inside(&j->edits, v, any || more ? STR(",") : STR(""));
    }
    if (more) {
        struct str format = scan_raw(j->s, SCAN_GET(j->s, 0, "output_format"));
        insert(j, v,
               arena_printf(j->s->arena, "\"format\":%.*s%s", STR_ARG(format), any ? "," : ""));
    }
    return !any && !more && effort.n == 0;
}

/* Is there a member that becomes output_config? */
static bool has_output_config(const struct splice_job *j)
{
    return scan_type(j->s, SCAN_GET(j->s, 0, "output_config")) == SCAN_OBJECT ||
           (j->plan->left.format.old && j->plan->format.how == PLAN_FORMAT_NATIVE);
}

static bool drops_output_format(struct splice_job *j, scan_ref v)
{
    bool other = scan_type(j->s, SCAN_GET(j->s, 0, "output_config")) == SCAN_OBJECT;
    if (other || !j->plan->left.format.old || j->plan->format.how != PLAN_FORMAT_NATIVE) {
        return true;
    }
    struct str effort = own_effort(j);
    edits_value(&j->edits, scan_key(j->s, v), STR("\"output_config\""));
    edits_before(&j->edits, v, STR("{"));
    if (effort.n > 0) {
        edits_before(&j->edits, v, effort);
        edits_before(&j->edits, v, STR(","));
    }
    edits_before(&j->edits, v, STR("\"format\":"));
    edits_after(&j->edits, v, STR("}"));
    return false;
}

static bool drops_cache_control(struct splice_job *j, scan_ref v)
{
    if (j->plan->verdict[PLAN_CACHE_TOP] == PLAN_KEEP && scan_type(j->s, v) == SCAN_OBJECT) {
        return splice_drops_cache_control(j, v);
    }
    if (!wish_is_nothing(j->s, v)) {
        splice_note(j, j->cache_json.n > 0 ? PLAN_MAP : PLAN_DROP, "cache_control");
    }
    return true;
}

static bool drops_metadata_member(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    bool keep = SCAN_IS(j->s, key, "user_id") && scan_type(j->s, value) == SCAN_STRING;
    if (!keep && !wish_is_nothing(j->s, value)) {
        splice_note(j, PLAN_DROP, "metadata");
    }
    return !keep;
}

static bool drops_metadata(struct splice_job *j, scan_ref v)
{
    return scan_type(j->s, v) != SCAN_OBJECT ||
           edits_filter(&j->edits, v, drops_metadata_member, j) == 0;
}

static bool drops_edit(void *ctx, scan_ref key, scan_ref edit)
{
    struct splice_job *j = ctx;
    (void)key;
    return !plan_keeps_edit(j->plan, edit);
}

static bool drops_context(struct splice_job *j, scan_ref v)
{
    if (wish_is_nothing(j->s, v) || j->plan->verdict[PLAN_CONTEXT] == PLAN_DROP) {
        return true;
    }
    scan_ref edits = SCAN_GET(j->s, v, "edits");
    if (scan_type(j->s, edits) == SCAN_ARRAY) {
        edits_filter(&j->edits, edits, drops_edit, j);
    }
    return false;
}

static bool drops_tools(struct splice_job *j, scan_ref v)
{
    (void)v;
    return j->no_tools;
}

static bool drops_always(struct splice_job *j, scan_ref v)
{
    (void)j;
    (void)v;
    return true;
}

/* --- the table ----------------------------------------------------------------------------- */

/* What becomes of a top-level field: a verdict of the plan's, with the edit for another value; or a
 * function where it has parts. Of those that are not listed the plain ones go unless the model
 * takes them, and all others are the upstream's to judge. */
static const struct row {
    struct str name;
    enum plan_field field;
    void (*edit)(struct splice_job *j, scan_ref value);  /* PLAN_MAP and PLAN_CLAMP */
    bool (*drops)(struct splice_job *j, scan_ref value); /* instead of both */
} fields[] = {
    {STR("anthropic_beta"), 0, NULL, drops_always}, /* merged into ours */
    {STR("anthropic_version"), 0, NULL, drops_always},
    {STR("betas"), 0, NULL, drops_always},
    {STR("cache_control"), 0, NULL, drops_cache_control},
    {STR("context_management"), 0, NULL, drops_context},
    {STR("max_tokens"), PLAN_MAX_TOKENS, edit_length, NULL},
    {STR("metadata"), 0, NULL, drops_metadata},
    {STR("model"), 0, NULL, drops_always},
    {STR("output_config"), 0, NULL, drops_output_config},
    {STR("output_format"), 0, NULL, drops_output_format},
    {STR("service_tier"), 0, NULL, drops_always}, /* a header of Bedrock's */
    {STR("stop_sequences"), PLAN_STOPS, edit_stops, NULL},
    {STR("stream"), 0, NULL, drops_always},
    {STR("temperature"), PLAN_TEMPERATURE, NULL, NULL},
    {STR("thinking"), 0, NULL, drops_thinking},
    {STR("tool_choice"), PLAN_CHOICE, edit_choice, NULL},
    {STR("tools"), 0, NULL, drops_tools},
    {STR("top_k"), PLAN_TOP_K, NULL, NULL},
    {STR("top_p"), PLAN_TOP_P, NULL, NULL},
};

/* Is it the first of its name? Two readers of one body must not see two different requests. */
static bool is_first(const struct splice_job *j, scan_ref key, scan_ref value)
{
    return scan_get(j->s, 0, scan_text(j->s, key)) == value;
}

static bool drops_by_plan(struct splice_job *j, const struct row *row, scan_ref key, scan_ref value)
{
    enum plan_verdict verdict = j->plan->verdict[row->field];
    if (verdict == PLAN_DROP || (verdict != PLAN_KEEP && !is_first(j, key, value))) {
        return true;
    }
    if (verdict != PLAN_KEEP) {
        row->edit(j, value);
    }
    return false;
}

static bool drops_plain(const struct splice_job *j, scan_ref key)
{
    for (size_t i = 0; i < wish_plain_count; i++) {
        if (scan_text_is(j->s, key, wish_plain[i].messages)) {
            return j->plan->left.fields.plain[i] == SCAN_ABSENT;
        }
    }
    return false;
}

/* A field that Bedrock was found not to know. */
static bool drops_unknown(const struct splice_job *j, scan_ref key)
{
    for (uint32_t i = 0; i < j->plan->cure.field_count; i++) {
        if (scan_text_is(j->s, key, j->plan->cure.field[i])) {
            return true;
        }
    }
    return false;
}

/* Bedrock's own members are the operator's to say: with a tagSuffix of amazon-bedrock-guardrailConfig
 * a client would choose itself what a guardrail looks at. */
static bool drops_aws_own(struct splice_job *j, scan_ref key)
{
    bool own = text_starts(scan_text(j->s, key), STR(SPLICE_AWS_OWN));
    if (own) {
        splice_note(j, PLAN_DROP, SPLICE_AWS_OWN);
    }
    return own;
}

static bool drops_field(void *ctx, scan_ref key, scan_ref value)
{
    struct splice_job *j = ctx;
    if (drops_aws_own(j, key) || drops_unknown(j, key)) {
        return true;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!scan_text_is(j->s, key, fields[i].name)) {
            continue;
        }
        return fields[i].drops ? fields[i].drops(j, value)
                               : drops_by_plan(j, &fields[i], key, value);
    }
    return drops_plain(j, key);
}

/* --- what comes in ------------------------------------------------------------------------- */

/* InvokeModel takes this one version for every model; the client's header stays with us. */
#define VERSION_MEMBER "\"anthropic_version\":\"bedrock-2023-05-31\","

static bool insert_members(struct splice_job *j)
{
    const struct plan *p = j->plan;
    int64_t budget = p->left.thinking.mode == WISH_THINKING_BUDGET ? p->left.thinking.budget : 0;
    struct buf b;
    buf_init(&b, 4096);
    BUF_LIT(&b, VERSION_MEMBER);
    for (uint32_t i = 0; i < p->betas.count; i++) {
        buf_printf(&b, "%s\"%.*s\"", i == 0 ? "\"anthropic_beta\":[" : ",",
                   STR_ARG(p->betas.value[i]));
    }
    if (p->betas.count > 0) {
        BUF_LIT(&b, "],");
    }
    bool told = p->left.thinking.mode != WISH_THINKING_UNSET &&
                scan_type(j->s, SCAN_GET(j->s, 0, "thinking")) == SCAN_OBJECT;
    if (p->thinking.drop_block && !told && !p->tools.forced) { /* beside one it would be a 400 */
        BUF_LIT(&b, "\"thinking\":{\"type\":\"adaptive\"," BINDING "},");
    }
    struct str effort = has_output_config(j) ? STR("") : own_effort(j);
    if (effort.n > 0) {
        buf_printf(&b, "\"output_config\":{%.*s},", STR_ARG(effort));
    }
    if (p->o->terms.guardrail.async && p->left.stream) { /* userguide: guardrails-streaming */
        BUF_LIT(&b, "\"" SPLICE_AWS_OWN
                    "guardrailConfig\":{\"streamProcessingMode\":\"ASYNCHRONOUS\"},");
    }
    if (!p->left.max_tokens.given) {
        buf_printf(&b, "\"max_tokens\":%lld,", (long long)budget + 1); /* count_tokens */
    }
    struct str members = buf_ok(&b) ? arena_dup(j->s->arena, buf_str(&b)) : (struct str){NULL, 0};
    buf_free(&b);
    if (members.p) {
        edits_inside(&j->edits, 0, members);
    }
    return members.p != NULL;
}

enum status splice_request(const struct messages_request *r, struct plan *plan,
                           struct buf *body_out, struct err *err)
{
    struct splice_job j = {
        .r = r, .plan = plan, .s = r->scan, .cache_spot = SCAN_ABSENT, .last_tool = SCAN_ABSENT};
    enum status st;
    edits_init(&j.edits, r->scan);
    plan_ids_begin(&j.ids, plan);
    if ((st = splice_tools(&j, err)) != STATUS_OK || (st = splice_messages(&j, err)) != STATUS_OK) {
        return st;
    }
    edits_filter(&j.edits, 0, drops_field, &j);
    if ((st = splice_words(&j, err)) != STATUS_OK ||
        (st = plan_refuse_loss(plan, err)) != STATUS_OK) {
        return st;
    }
    if (!insert_members(&j)) {
        return err_no_memory(err);
    }
    return edits_apply(&j.edits, body_out, err);
}
