#include "worker/turn/complaint.h"

#include "server/base/arena.h"
#include "worker/model/cures_text.h"
#include "worker/turn/quiet.h"

/* A pattern is words that all have to be there, in any case and order, joined by '&'. The first row
 * that fits decides. "Does not support" alone is no complaint: AWS says so of pictures, tools,
 * samplings, and of everything else. */
static const struct {
    const char *pattern;
    enum complaint complaint;
} rows[] = {
    {"support&counting tokens", COMPLAINT_NO_COUNTING},
    {"support&token counting", COMPLAINT_NO_COUNTING},
    {"support&count tokens", COMPLAINT_NO_COUNTING},
    {"support&counttokens", COMPLAINT_NO_COUNTING},
    {"service tier", COMPLAINT_TIER},
    {"servicetier", COMPLAINT_TIER},
    {"service_tier", COMPLAINT_TIER},
    {"service-tier", COMPLAINT_TIER},
    {"flex tier", COMPLAINT_TIER},
    {"priority tier", COMPLAINT_TIER},
    {"reserved tier", COMPLAINT_TIER},
    /* Bedrock's, Anthropic's and other vendors' words */
    {"input is too long", COMPLAINT_CONTEXT},
    {"prompt is too long", COMPLAINT_CONTEXT},
    {"context length", COMPLAINT_CONTEXT},
    {"context window", COMPLAINT_CONTEXT},
    {"context limit", COMPLAINT_CONTEXT},
    {"maximum context", COMPLAINT_CONTEXT},
    {"too many input tokens", COMPLAINT_CONTEXT},
    {"input token count", COMPLAINT_CONTEXT},
    {"model identifier is invalid", COMPLAINT_MODEL},
    {"on-demand throughput&support", COMPLAINT_MODEL},
    /* of a throttling: days of AWS's, whose end nobody tells */
    {"per day", COMPLAINT_DAY},
    {"daily", COMPLAINT_DAY},
};

static enum complaint read_plain(struct str sentence)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (cures_text_fits(sentence, text_from(rows[i].pattern))) {
            return rows[i].complaint;
        }
    }
    return COMPLAINT_NONE;
}

/* What AWS quotes may be the client's own words. */
enum complaint complaint_read(struct str sentence)
{
    size_t size = 4 * sentence.n + 1;
    char *room = heap_new(size);
    enum complaint c = room ? read_plain(quiet_text(sentence, room, size)) : COMPLAINT_NONE;
    heap_drop(room);
    return c;
}
