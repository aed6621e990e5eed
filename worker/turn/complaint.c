#include "worker/turn/complaint.h"

/* Each word in any case; `and` NULL: `word` is enough. "Does not support" alone is no complaint:
 * AWS says so of pictures, tools, samplings, and of everything else. */
static const struct {
    enum complaint complaint;
    const char *word, *and;
} words[] = {
    {COMPLAINT_NO_COUNTING, "support", "counting tokens"},
    {COMPLAINT_NO_COUNTING, "support", "token counting"},
    {COMPLAINT_NO_COUNTING, "support", "count tokens"},
    {COMPLAINT_NO_COUNTING, "support", "counttokens"},
    {COMPLAINT_TIER, "service tier", NULL},
    {COMPLAINT_TIER, "servicetier", NULL},
    {COMPLAINT_TIER, "service_tier", NULL},
    {COMPLAINT_TIER, "service-tier", NULL},
    {COMPLAINT_TIER, "flex tier", NULL},
    {COMPLAINT_TIER, "priority tier", NULL},
    {COMPLAINT_TIER, "reserved tier", NULL},
    /* Bedrock's, Anthropic's and other vendors' words */
    {COMPLAINT_CONTEXT, "input is too long", NULL},
    {COMPLAINT_CONTEXT, "prompt is too long", NULL},
    {COMPLAINT_CONTEXT, "context length", NULL},
    {COMPLAINT_CONTEXT, "context window", NULL},
};

static bool has(struct str sentence, const char *word)
{
    size_t at;
    return text_ifind(sentence, text_from(word), &at);
}

enum complaint complaint_read(struct str sentence)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has(sentence, words[i].word) && (!words[i].and || has(sentence, words[i].and))) {
            return words[i].complaint;
        }
    }
    return COMPLAINT_NONE;
}
