#include "worker/turn/asked.h"

const char *asked_passed_header(enum asked_passed which)
{
    static const char *const names[] = {
#define ASKED_PASSED_NAME(name, header) header,
        ASKED_PASSED(ASKED_PASSED_NAME)
#undef ASKED_PASSED_NAME
    };
    return names[which];
}

/* Cursor sends bodies of /v1/responses to the chat route, for models of some names. */
static bool is_input(const struct scan *s)
{
    return SCAN_GET(s, 0, "input") != SCAN_ABSENT && SCAN_GET(s, 0, "messages") == SCAN_ABSENT;
}

static enum status read_messages(struct asked *a, struct err *err)
{
    enum status st = messages_read(&a->scan, a->counting, &a->messages, err);
    a->client_model = a->messages.model;
    a->stream = a->messages.stream && !a->counting;
    return st;
}

static enum status read_chat(struct asked *a, struct err *err)
{
    enum status st = chat_read(&a->scan, &a->chat, err);
    a->client_model = a->chat.model;
    a->stream = a->chat.stream;
    return st;
}

static enum status read_responses(struct asked *a, struct err *err)
{
    enum status st = responses_read(&a->scan, &a->responses, err);
    a->client_model = a->responses.model;
    a->stream = a->responses.stream;
    return st;
}

enum status asked_read(struct asked *a, struct err *err)
{
    a->by_input =
        a->dialect == DIALECT_RESPONSES || (a->dialect == DIALECT_OPENAI && is_input(&a->scan));
    return a->by_input                    ? read_responses(a, err)
           : a->dialect == DIALECT_OPENAI ? read_chat(a, err)
                                          : read_messages(a, err);
}

const struct messages_request *asked_messages(const struct asked *a)
{
    return a->dialect == DIALECT_ANTHROPIC ? &a->messages : NULL;
}

const struct chat_request *asked_chat(const struct asked *a)
{
    return a->dialect == DIALECT_OPENAI && !a->by_input ? &a->chat : NULL;
}

const struct wish *asked_wish(const struct asked *a)
{
    return a->by_input                    ? &a->responses.wish
           : a->dialect == DIALECT_OPENAI ? &a->chat.wish
                                          : &a->messages.wish;
}

int64_t asked_max_tokens(const struct asked *a)
{
    return a->dialect == DIALECT_BEDROCK  ? a->passed.max_tokens
           : a->by_input                  ? a->responses.max_tokens
           : a->dialect == DIALECT_OPENAI ? a->chat.max_tokens
                                          : a->messages.max_tokens;
}
