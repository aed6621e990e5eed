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
};

static bool says_no(struct str value)
{
    static const char *const words[] = {"false", "0", "no", "off", "f", "n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
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
    for (size_t i = 0; i < sizeof elders / sizeof *elders; i++) {
        if (asks(elders[i].asks, getenv(elders[i].name))) {
            char line[160];
            snprintf(line, sizeof line, "%s does nothing here: %s", elders[i].name, elders[i].why);
            fn(ctx, line);
        }
    }
}
