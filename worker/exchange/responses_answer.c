#include "worker/exchange/responses_answer.h"

#include "server/base/clock.h"
#include "shm/catalogue/region.h"
#include "shm/memory/signing.h"
#include "worker/reply/converse_to_responses.h"
#include "worker/reply/native_output.h"

static void wipe(void *ctx)
{
    text_wipe(ctx, sizeof(struct sealer));
}

/* One model's thoughts mean nothing to another; wherever it runs it is the same one. */
const struct sealer *responses_answer_sealer(struct exchange *x)
{
    struct sealer *s = arena_alloc(x->arena, sizeof *s);
    if (!s || !arena_on_drop(x->arena, wipe, s) || !signing_seal_read(x->worker->segment, s->key)) {
        return NULL;
    }
    s->bound = region_base(x->asked.model.id);
    return s;
}

struct reply *responses_answer_new(struct exchange *x, const struct converse_names *names)
{
    char id[48];
    const struct responses_request *r = &x->asked.responses;
    const struct responses_wants wants = {
        .created_s = clock_real_ms() / 1000,
        .echo = converse_to_responses_echo(&x->asked.scan),
        .shows_summary = r->shows_summary,
        .wants_encrypted = r->wants_encrypted,
        .sealer = r->wants_encrypted ? responses_answer_sealer(x) : NULL,
    };
    text_id(STR("resp_"), id, sizeof id);
    return converse_to_responses_new(x->arena, x->asked.client_model,
                                     arena_dup(x->arena, text_from(id)), &wants, names);
}

/*
 * X(status, code): response.failed has codes of its own
 * (platform.openai.com/docs/api-reference/responses/object, error). Codex ends at three of them, waits
 * and asks again at rate_limit_exceeded, and at once at any other; so what would be 400 as a status
 * is invalid_prompt. What is not here is server_error.
 */
#define CODES(X)                          \
    X(CONTEXT, "context_length_exceeded") \
    X(RATE, "rate_limit_exceeded")        \
    X(BUDGET, "insufficient_quota")       \
    X(INVALID, "invalid_prompt")          \
    X(PERMISSION, "invalid_prompt")       \
    X(NOT_FOUND, "invalid_prompt")        \
    X(NO_MODEL, "invalid_prompt")         \
    X(TOO_LARGE, "invalid_prompt")        \
    X(NOT_SUPPORTED, "invalid_prompt")

static const char *code_of(const struct err *err)
{
    if (err->code == STATUS_RATE && err->retry_after_s < 0) { /* no wait cures it */
        return "insufficient_quota";
    }
    switch ((unsigned)err->code) {
#define CODE(status, code) \
    case STATUS_##status:  \
        return code;
        CODES(CODE)
#undef CODE
    default:
        return "server_error";
    }
}

void responses_answer_fail(struct exchange *x, const struct err *err, struct buf *out)
{
    char text[sizeof err->text + 40];
    size_t at, n = (size_t)snprintf(text, sizeof text, "%s", err->text);
    struct reply *reply = x->attempt.reply; /* NULL between two attempts */
    bool native = reply && x->attempt.native.here, told = x->outcome.told;
    if (!reply || (native && !told)) {
        reply = responses_answer_new(x, NULL);
    }
    if (!reply) {
        return;
    }
    /* There is no retry-after behind a 200: Codex reads the delay out of these words. */
    if (err->retry_after_s > 0 && !text_find(text_from(text), STR("try again in "), &at)) {
        snprintf(text + n, sizeof text - n, "; try again in %ds", err->retry_after_s);
    }
    if (native && told) {
        native_output_fail(reply, text_from(code_of(err)), text_from(text), out);
    } else {
        converse_to_responses_fail(reply, text_from(code_of(err)), text_from(text), out);
    }
}
