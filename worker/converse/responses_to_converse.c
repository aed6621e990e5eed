#include "worker/converse/responses_to_converse.h"

#include "worker/converse/anthropic_blocks.h"
#include "worker/converse/converse_settings.h"
#include "worker/converse/openai_call.h"
#include "worker/converse/openai_parts.h"
#include "worker/converse/responses_tools.h"
#include "worker/plan/plan_history.h"
#include "worker/plan/plan_thinking.h"

struct writer {
    struct converse_build b;
    const struct scan *s;
    const struct responses_request *r;
    const struct sealer *sealer;
    const struct responses_item *item;
    uint32_t count;
    uint32_t called, answered; /* calls put, and those whose results are */
    uint32_t followed;         /* thoughts before this item have been judged ... */
    bool kept;                 /* ... and stay */
};

/* --- places and cache points --------------------------------------------------------------- */

static void place(struct writer *w, uint32_t i)
{
    w->b.place = (struct converse_place){
        .exact = true, .in_item = true, .item = i, .member = w->item[i].member};
}

/* prompt_cache_key does not say what is to be kept: the instructions, and the conversation up to the
 * model's last turn, where the request before this one ended, and up to here. */
static void put_point(struct writer *w)
{
    if (w->b.plan->left.cache.automatic) {
        converse_build_cache_point_here(&w->b);
    }
}

/* --- instructions -------------------------------------------------------------------------- */

static bool is_instruction(const struct writer *w, uint32_t i)
{
    return w->item[i].kind == RESPONSES_TOOLS || responses_item_instructs(w->s, &w->item[i]);
}

/* `instructions`, and the messages of that kind that come first: later ones stay in their place. Where
 * there is nothing else they have to be the user's, because Bedrock wants a message. The number of the
 * item after them. */
static uint32_t put_instructions(struct writer *w)
{
    uint32_t first = 0;
    while (first < w->count && is_instruction(w, first)) {
        first++;
    }
    converse_build_role(&w->b, CONVERSE_SYSTEM);
    if (w->r->instructions != SCAN_ABSENT) {
        converse_build_text_json(&w->b, scan_raw(w->s, w->r->instructions));
    }
    if (first == w->count && w->count > 0) {
        converse_build_role(&w->b, CONVERSE_USER);
        converse_build_map(&w->b, "system");
    }
    for (uint32_t i = 0; i < first; i++) {
        if (w->item[i].kind == RESPONSES_MESSAGE) {
            place(w, i);
            openai_parts_put(&w->b, w->s, w->item[i].content, w->item[i].at);
        }
    }
    return first;
}

/* --- calls and their results --------------------------------------------------------------- */

static void put_result(struct writer *w, uint32_t i)
{
    const struct responses_item *item = &w->item[i];
    struct str id = converse_build_read(&w->b, w->s, item->call_id);
    place(w, i);
    if (item->tools != SCAN_ABSENT) {
        responses_tools_put_found(&w->b, w->s, item->tools, id);
    } else {
        openai_parts_put_result(&w->b, w->s, item->content, item->at, id);
    }
}

/* The model's turn is over: here Bedrock wants all its results, wherever the client has put them. */
static void settle(struct writer *w)
{
    if (w->answered < w->called) {
        converse_build_role(&w->b, CONVERSE_USER);
    }
    while (w->answered < w->called && converse_build_ok(&w->b)) {
        put_result(w, w->r->pairs.answer[w->answered++]);
    }
}

static void put_call(struct writer *w, const struct responses_item *item)
{
    struct str id = converse_build_read(&w->b, w->s, item->call_id);
    struct str name = responses_tools_name(&w->b, w->s, item);
    converse_build_role(&w->b, CONVERSE_ASSISTANT);
    openai_call_put(&w->b, w->s, id, name, item->call, item->input);
    w->called++;
}

/* --- thoughts ------------------------------------------------------------------------------ */

/* The block, in the arena; p NULL: it is not what this gateway has sealed of this model. */
static struct str open_thought(struct writer *w, scan_ref sealed)
{
    struct str plain = {NULL, 0}, text = converse_build_read(&w->b, w->s, sealed);
    if (!w->sealer || text.n == 0 || !converse_build_has(&w->b, MODELS_CLAUDE)) {
        return plain;
    }
    if (seal_open(w->sealer, text, w->b.arena, &plain) == STATUS_BUSY) {
        converse_build_no_memory(&w->b);
    }
    return text_starts(plain, STR("{\"reasoningContent\":")) ? plain : (struct str){NULL, 0};
}

static bool says_something(const struct scan *s, scan_ref content)
{
    if (scan_type(s, content) == SCAN_STRING) {
        return !wish_is_blank(scan_raw(s, content));
    }
    for (scan_ref v = scan_type(s, content) == SCAN_ARRAY ? scan_first(s, content) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (!wish_is_blank(scan_raw(s, SCAN_GET(s, v, "text")))) {
            return true;
        }
    }
    return false;
}

/* Claude's turn must not end with a thought, as one does that was interrupted. */
static bool is_followed(struct writer *w, uint32_t thought)
{
    if (thought < w->followed) {
        return w->kept;
    }
    w->kept = false;
    for (uint32_t i = thought + 1; i < w->count && !w->kept; i++) {
        const struct responses_item *item = &w->item[i];
        bool said = item->kind == RESPONSES_MESSAGE && responses_item_is_models(w->s, item);
        w->followed = i;
        w->kept = item->kind == RESPONSES_CALL || (said && says_something(w->s, item->content));
        if (!w->kept && !said && item->kind != RESPONSES_REASONING &&
            item->kind != RESPONSES_TOOLS && item->kind != RESPONSES_TOLD) {
            break;
        }
    }
    return w->kept;
}

static void put_thought(struct writer *w, uint32_t i)
{
    struct str block =
        is_followed(w, i) ? open_thought(w, w->item[i].sealed) : (struct str){NULL, 0};
    converse_build_role(&w->b, CONVERSE_ASSISTANT);
    if (!block.p || !converse_build_thought(&w->b, block)) {
        converse_build_drop(&w->b, "reasoning_item");
    }
}

/* The turn that is to go on began with a thought that cannot be given back. */
static void judge_thoughts(struct writer *w)
{
    const struct responses_turn *last = &w->r->last;
    if (last->calls && !open_thought(w, w->item[last->first].sealed).p) {
        plan_thinking_unreasoned(w->b.plan);
    }
}

/* --- items --------------------------------------------------------------------------------- */

static void put_message(struct writer *w, const struct responses_item *item)
{
    bool models = responses_item_is_models(w->s, item);
    if (!models) {
        settle(w);
    }
    converse_build_role(&w->b, models ? CONVERSE_ASSISTANT : CONVERSE_USER);
    if (responses_item_instructs(w->s, item)) {
        openai_parts_put_reminder(&w->b, w->s, item->content, item->at);
    } else {
        openai_parts_put(&w->b, w->s, item->content, item->at);
    }
}

/* What OpenAI's own tools did, in the words of the model that had it done. */
static void put_told(struct writer *w, scan_ref v)
{
    struct str text;
    enum plan_verdict verdict = plan_history(w->b.plan, w->s, v, &text);
    converse_build_role(&w->b, CONVERSE_ASSISTANT);
    if (verdict == PLAN_MAP) {
        converse_build_text_pieces(&w->b, &text, 1);
    } else if (verdict == PLAN_REFUSE) {
        converse_build_no_memory(&w->b);
    }
}

static void put_item(struct writer *w, uint32_t i)
{
    if (i == w->r->last.first) {
        settle(w);
        put_point(w);
    }
    place(w, i);
    switch (w->item[i].kind) {
    case RESPONSES_MESSAGE:
        put_message(w, &w->item[i]);
        break;
    case RESPONSES_CALL:
        put_call(w, &w->item[i]);
        break;
    case RESPONSES_OUTPUT: /* put with its call */
        settle(w);
        break;
    case RESPONSES_REASONING:
        put_thought(w, i);
        break;
    case RESPONSES_TOLD:
        put_told(w, w->item[i].at);
        break;
    default: /* tools alone; the others have been refused */
        break;
    }
}

static void put_input(struct writer *w)
{
    uint32_t i = put_instructions(w);
    converse_settings_put_words(&w->b);
    if (w->b.turn.role == CONVERSE_SYSTEM) {
        put_point(w);
    }
    if (scan_type(w->s, w->r->input) == SCAN_STRING) {
        converse_build_role(&w->b, CONVERSE_USER);
        converse_build_text_json(&w->b, scan_raw(w->s, w->r->input));
    }
    for (; i < w->count && converse_build_ok(&w->b); i++) {
        put_item(w, i);
    }
    settle(w);
    if (w->r->pairs.surplus > 0) {
        converse_build_drop(&w->b, "tool_result");
    }
    converse_build_user_last(&w->b);
    put_point(w);
}

/* --- entry --------------------------------------------------------------------------------- */

enum status responses_to_converse(const struct responses_request *r, struct plan *plan,
                                  struct converse_names *names, const struct sealer *sealer,
                                  struct buf *body_out, struct err *err)
{
    struct writer w = {
        .s = r->scan, .r = r, .sealer = sealer, .item = r->items.item, .count = r->items.count};
    converse_build_begin(&w.b, plan, names, body_out, err);
    w.b.place.exact = true;
    judge_thoughts(&w);
    responses_tools_put(&w.b, r);
    put_input(&w);
    converse_build_messages_end(&w.b);
    converse_settings_put(&w.b);
    return converse_build_end(&w.b);
}
