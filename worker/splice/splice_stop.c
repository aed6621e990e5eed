#include "worker/splice/splice_stop.h"

void splice_stop_block(struct splice_stop *t, const struct scan *s, scan_ref block)
{
    t->called |= SCAN_IS(s, SCAN_GET(s, block, "type"), "tool_use");
}

/* API_runtime_InvokeModel: INTERVENED or NONE. */
void splice_stop_look(struct splice_stop *t, const struct scan *s)
{
    t->intervened |= SCAN_IS(s, SCAN_GET(s, 0, "amazon-bedrock-guardrailAction"), "INTERVENED");
}

/* As converse_to_anthropic tells it. */
#define DETAILS "{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"

static void tell_refusal(struct edits *e, scan_ref holder, scan_ref reason)
{
    scan_ref details = SCAN_GET(e->scan, holder, "stop_details");
    edits_value(e, reason, STR("\"refusal\""));
    if (details == SCAN_ABSENT) {
        edits_after(e, reason, STR(",\"stop_details\":" DETAILS));
    } else {
        edits_value(e, details, STR(DETAILS));
    }
}

/* A guardrail's own sentence comes as if the model had ended its turn with it (NousResearch/hermes-agent
 * #52179, live), or with Converse's word (langchain-ai/langchain-aws#937). */
static bool is_guardrails(const struct splice_stop *t, struct str reason)
{
    return text_eq(reason, STR("guardrail_intervened")) ||
           (t->intervened && text_eq(reason, STR("end_turn")));
}

struct str splice_stop_read(const struct splice_stop *t, struct edits *e, scan_ref holder)
{
    scan_ref at = SCAN_GET(e->scan, holder, "stop_reason");
    struct str reason = scan_text(e->scan, at);
    if (text_eq(reason, STR("tool_use")) && !t->called) { /* agents would wait for the call */
        edits_value(e, at, STR("\"end_turn\""));
        return STR("end_turn");
    }
    if (is_guardrails(t, reason)) {
        tell_refusal(e, holder, at);
        return STR("refusal");
    }
    return reason;
}
