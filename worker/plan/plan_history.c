#include "worker/plan/plan_history.h"

#include "worker/dialect/history_text.h"

/* InvokeModel has Anthropic's tool search, and compaction where its beta goes up. */
static bool is_kept(const struct plan *p, const struct scan *s, scan_ref block)
{
    scan_ref type = SCAN_GET(s, block, "type");
    struct str name = scan_text(s, SCAN_GET(s, block, "name"));
    bool search =
        SCAN_IS(s, type, "tool_search_tool_result") ||
        (SCAN_IS(s, type, "server_tool_use") && text_starts(name, STR("tool_search_tool")));
    if (!p->invoke) {
        return false;
    }
    if (SCAN_IS(s, type, "compaction")) {
        return plan_has_beta(p, WISH_BETA_COMPACT) || plan_has_beta(p, WISH_BETA_COMPACTION);
    }
    return search && plan_takes(p, MODELS_TOOL_SEARCH);
}

enum plan_verdict plan_history(struct plan *p, const struct scan *s, scan_ref block,
                               struct str *out)
{
    struct buf text;
    if (!history_text_is(s, block) || is_kept(p, s, block)) {
        return PLAN_KEEP;
    }
    buf_init(&text, scan_raw(s, block).n * 2 + 64); /* each line grows by two bytes */
    history_text_put(s, block, &text);
    enum plan_verdict verdict = buf_len(&text) > 0 ? PLAN_MAP : PLAN_DROP;
    *out = arena_dup(p->arena, buf_str(&text));
    if (!buf_ok(&text) || (verdict == PLAN_MAP && !out->p)) {
        verdict = PLAN_REFUSE;
    } else {
        plan_note(p, verdict, "block:", scan_text(s, SCAN_GET(s, block, "type")));
    }
    buf_free(&text);
    return verdict;
}
