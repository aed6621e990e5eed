#include "server/config/config_elder.h"

#include <stdio.h>
#include <stdlib.h>
#include "server/base/text.h"

enum asks { /* a value that is not the harmless one */
            ANYTHING,
            YES, /* the thing is not here: only "on" is a wish that fails */
            NO   /* the thing is always on */
};

static const struct {
    const char *name;
    enum asks asks;
    const char *why;
} elders[] = {
    /* --- of the earlier gateways --- */
    {"RUST_LOG", ANYTHING, "LOG_LEVEL says what is logged"},
    {"PRINT_PROMPTS", YES, "prompts are never printed"},
    {"ENABLE_TOOL_USE", NO, "tools always work; create-api-key --models bounds what a key may use"},
    {"ENABLE_EXTENDED_THINKING", NO, "thinking always works where the model has it"},
    {"ENABLE_DOCUMENT_SUPPORT", NO, "documents always work where the model takes them"},
    {"BEDROCK_SEMAPHORE_SIZE", ANYTHING, "create-api-key --max-concurrency bounds a key"},
    {"BEDROCK_THREAD_POOL_SIZE", ANYTHING, "there are no threads; WORKERS sets the processes"},
    {"BETA_HEADERS_REQUIRING_INVOKE_MODEL", ANYTHING,
     "Claude in the Messages dialect always goes through InvokeModel"},
    {"BEDROCK_PROFILES", ANYTHING, "one set of credentials is used: AWS_PROFILE"},
    {"GEMINI_ENABLED", YES, "Bedrock is the only upstream"},
    {"OPENAI_ENABLED", YES, "Bedrock is the only upstream"},
    {"DEEPSEEK_ENABLED", YES, "Bedrock is the only upstream; it has DeepSeek models"},
    {"MULTI_PROVIDER_ENABLED", YES, "Bedrock is the only upstream"},
    {"ENABLE_OPENAI_COMPAT", YES, "other models than Claude go through Bedrock Converse"},
    {"ROUTING_ENABLED", YES, "no model is replaced by another; see map-model"},
    {"SMART_ROUTING_ENABLED", YES, "no model is replaced by another; see map-model"},
    {"COMPRESSION_ENABLED", YES, "conversations are passed on whole"},
    {"ENABLE_PTC", YES, "no code is run here"},
    {"ENABLE_PROGRAMMATIC_TOOL_CALLING", YES, "no code is run here"},
    {"ENABLE_STANDALONE_CODE_EXECUTION", YES, "no code is run here"},
    {"ENABLE_WEB_SEARCH", YES, "Bedrock has no server tools"},
    {"ENABLE_WEB_FETCH", YES, "Bedrock has no server tools"},
    {"ENABLE_TRACING", YES, "there are no traces; see /metrics and x-request-id"},
    {"COGNITO_USER_POOL_ID", ANYTHING, "there is no web console; use the subcommands"},
    /* --- settings that this one had: facts of the program --- */
    {"HTTP_MAX_LINE", ANYTHING, "a line of a request's head may have 8,192 bytes"},
    {"HTTP_MAX_HEADER_BYTES", ANYTHING, "a request's head may have 32,768 bytes"},
    {"HTTP_MAX_HEADERS", ANYTHING, "a request may have 100 header fields"},
    {"MAX_BODY_BYTES", ANYTHING, "a body may have 25,000,000 bytes, Bedrock's own limit"},
    {"JSON_MAX_DEPTH", ANYTHING, "a body may nest 128 deep"},
    {"JSON_MAX_VALUES", ANYTHING, "a body may have 100,000 values"},
    {"JSON_MAX_KEYS", ANYTHING, "an object may have 10,000 keys"},
    {"JSON_MAX_NUMBER", ANYTHING, "a number may have 64 characters"},
    {"BODY_TIMEOUT", ANYTHING, "a body has 10 minutes, and comes with 1,024 bytes a second"},
    {"BODY_MIN_RATE", ANYTHING, "a body comes with 1,024 bytes a second, or is refused"},
    {"MAX_REQUESTS_PER_CONNECTION", ANYTHING, "a connection may carry 10,000 requests"},
    {"WRITE_TIMEOUT", ANYTHING, "a client that reads nothing for 60 seconds is dropped"},
    {"STREAM_BUFFER_BYTES", ANYTHING, "16,384 bytes are held for a slow reader"},
    {"EVENTSTREAM_MAX_FRAME", ANYTHING, "an event-stream frame may have 16 MiB"},
    {"UPSTREAM_CONNECT_TIMEOUT", ANYTHING, "Bedrock has 5 seconds to take a connection"},
    {"UPSTREAM_FIRST_BYTE_TIMEOUT", ANYTHING, "UPSTREAM_IDLE_TIMEOUT is for the first byte, too"},
    {"UPSTREAM_RETRIES", NO, "one second attempt is made, while retries are few"},
    {"REASONING_CONTENT", NO, "thinking that was asked for is always shown"},
    {"STRIP_CACHE_SCOPE", NO, "Bedrock refuses cache_control.scope, so it is always cut out"},
    {"EVENT_LOGGING_SINK", NO, "the telemetry of clients is always taken and thrown away"},
    /* --- and what follows from the machine --- */
    {"MAX_BODIES_BYTES", ANYTHING, "it follows from the memory: see check-config"},
    {"MAX_CONNECTIONS", ANYTHING, "it follows from memory and descriptors: see check-config"},
    {"UPSTREAM_POOL", ANYTHING, "it follows from the connections: see check-config"},
    {"USAGE_JOURNAL_RECORDS", ANYTHING, "it follows from the memory: see check-config"},
};

static bool says_no(struct str value)
{
    static const char *const words[] = {"false", "0", "no", "off", "f", "n"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (text_ieq(value, text_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool asks(enum asks asks, const char *value)
{
    struct str v = value ? text_trim(text_from(value)) : (struct str){NULL, 0};
    return v.n > 0 && (asks == ANYTHING || says_no(v) == (asks == NO));
}

void config_elder_warnings(void (*fn)(void *ctx, const char *text), void *ctx)
{
    for (size_t i = 0; i < COUNT_OF(elders); i++) {
        if (asks(elders[i].asks, getenv(elders[i].name))) {
            char line[160];
            snprintf(line, sizeof line, "%s does nothing here: %s", elders[i].name, elders[i].why);
            fn(ctx, line);
        }
    }
}
