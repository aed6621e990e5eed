/* The two tables and the search in them: what each model family takes, and which Bedrock id stands
 * behind the names that clients know. */
#include "worker/model/models_table.h"

/*
 * Flags, sets that repeat. Sources:
 *  [1] docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 *  [2] docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (1 h: 4.5 and later)
 *  [3] docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
 *  [4] platform.claude.com/docs/en/build-with-claude/{extended-thinking,adaptive-thinking,effort}
 *  [5] platform.claude.com/docs/en/build-with-claude/claude-on-amazon-bedrock: ids with an ARN-style
 *      version (Opus 4.6 and earlier) take neither role "system" nor a top-level cache_control
 *  [6] docs.aws.amazon.com/bedrock/latest/userguide/model-card-*.html: tokens, kinds of input
 *  [7] models.dev, provider amazon-bedrock: the same, where no card could be read
 */
#define ANY_CLAUDE                                                                             \
    (MODELS_CLAUDE | MODELS_TOOLS | MODELS_TOOL_CHOICE | MODELS_STREAM_TOOLS | MODELS_IMAGES | \
     MODELS_DOCUMENTS | MODELS_SYSTEM | MODELS_STOPS | MODELS_RESULT_MEDIA)
#define CLAUDE_3_5 (ANY_CLAUDE | MODELS_CACHE)
#define CLAUDE_4_5 \
    (CLAUDE_3_5 | MODELS_CACHE_1H | MODELS_FORMAT | MODELS_STRICT | MODELS_CALL_LIMIT)
#define CLAUDE_4_6 (CLAUDE_4_5 | MODELS_TOOL_SEARCH)
/*
 * Bedrock refuses 4.7 and later structured output, although Anthropic's own API has it
 * ("output_config.format", or "tools.0.custom.strict: Extra inputs are not permitted", in
 * InvokeModel and in Converse: anthropic-sdk-python issue 1759 for 4.8 and Sonnet 5, vercel/ai
 * 15288 for 4.7, lobehub issue 19876 for Opus 5.5 and Fable 5.1), so the schema goes into the
 * system prompt.
 */
#define CLAUDE_4_7                                                                              \
    (ANY_CLAUDE | MODELS_THINKING_DISPLAY | MODELS_CACHE | MODELS_CACHE_1H | MODELS_CACHE_TOP | \
     MODELS_TOOL_SEARCH | MODELS_EAGER_INPUT | MODELS_CALL_LIMIT)
/* "role 'system' is not supported on this model" by Opus 4.7: litellm 32831, on InvokeModel */
#define CLAUDE_4_8 (CLAUDE_4_7 | MODELS_SYSTEM_ROLE)
/* tool_choice "any" and "tool" are a 400 there ("not supported for this model"). */
#define CLAUDE_5_5 (CLAUDE_4_8 & ~(uint32_t)MODELS_TOOL_CHOICE)

/* "This model doesn't support the stopSequences field": reported for gpt-oss (crewAI issue 3317,
 * langchain4j issue 3650), GPT-5.6 (vercel/ai issue 21374), Qwen (dify-official-plugins issue
 * 1767). */
#define CHAT      (MODELS_SYSTEM | MODELS_STOPS)
#define AGENT     (CHAT | MODELS_TOOLS | MODELS_STREAM_TOOLS)
#define AGENT_ANY (AGENT | MODELS_TOOL_CHOICE)
/* With outputConfig.textFormat: the list of userguide/structured-output.html, as models.dev pull
 * request 1326 took it over. Strict tools stay out: a schema that is outside the subset would be a
 * 400 where the model calls the tool well enough without. */
#define AGENT_FORM   (AGENT_ANY | MODELS_FORMAT)
#define NO_STOPS     (~(uint32_t)MODELS_STOPS)
#define AGENT_NOSTOP (AGENT_FORM & NO_STOPS)
#define NOVA         (AGENT_ANY | MODELS_CACHE | MODELS_RESULT_MEDIA)
#define NOVA_SEES    (NOVA | MODELS_IMAGES | MODELS_DOCUMENTS)
/* Neither takes tools while streaming, Llama no forced ones at all [3]; langchain-aws has the same
 * lists. */
#define LLAMA   (CHAT | MODELS_DOCUMENTS)
#define MISTRAL (CHAT | MODELS_TOOLS)

/*
 * Sampling, top_k, thinking, its level and the ladder of levels: five columns that repeat together.
 * Thinking: [4]; docs.aws.amazon.com/nova/latest/nova2-userguide (extended thinking); the model
 * cards of gpt-oss and Kimi on Bedrock. LOW_HIGH: it is "high" that makes the model think
 * (langchain-aws 1261 for DeepSeek V3.1 and V3.2; reported for Kimi). GPT takes the names of all
 * levels and "none", but refuses the flat reasoning_effort (stdapi.ai issue 283). GPT-5 and later
 * take no sampling fields (vercel/ai issue 21374).
 */
#define ALL_LEVELS "low,medium,high,xhigh,max"
#define NO_LEVEL   MODELS_LEVEL_NOWHERE, ""
#define PLAIN      MODELS_SAMPLING_ALL, "", MODELS_THINKING_NONE, NO_LEVEL
#define NO_THOUGHT MODELS_SAMPLING_ALL, "top_k", MODELS_THINKING_NONE, NO_LEVEL
#define BY_BUDGET  MODELS_SAMPLING_ALL, "top_k", MODELS_THINKING_BUDGET, NO_LEVEL
/* temperature or top_p: migration guide, since Opus 4.1 */
#define BUDGET_4_1    MODELS_SAMPLING_ONE, "top_k", MODELS_THINKING_BUDGET, NO_LEVEL
#define TELLS_EFFORT  MODELS_LEVEL_OUTPUT_CONFIG, ALL_LEVELS
#define BUDGET_EFFORT MODELS_SAMPLING_ONE, "top_k", MODELS_THINKING_BUDGET, TELLS_EFFORT
#define EITHER_4_6    MODELS_SAMPLING_ONE, "top_k", MODELS_THINKING_EITHER, TELLS_EFFORT
/* 4.7 and later refuse thinking.type "enabled" and every sampling field [4]. */
#define ADAPTIVE MODELS_SAMPLING_NONE, "", MODELS_THINKING_ADAPTIVE, TELLS_EFFORT
#define NOVA_1   MODELS_SAMPLING_ALL, "inferenceConfig.topK", MODELS_THINKING_NONE, NO_LEVEL
#define NOVA_2                                                          \
    MODELS_SAMPLING_ALL, "inferenceConfig.topK", MODELS_THINKING_LEVEL, \
        MODELS_LEVEL_REASONING_CONFIG, "low,medium,high"
#define GPT_OSS                                                                     \
    MODELS_SAMPLING_ALL, "", MODELS_THINKING_ALWAYS, MODELS_LEVEL_REASONING_EFFORT, \
        "low,medium,high"
#define GPT_5 \
    MODELS_SAMPLING_NONE, "", MODELS_THINKING_ALWAYS, MODELS_LEVEL_REASONING, "none," ALL_LEVELS
#define LOW_HIGH \
    MODELS_SAMPLING_ALL, "", MODELS_THINKING_SWITCH, MODELS_LEVEL_REASONING_EFFORT, "low,high"

/*
 * anthropic_beta values by generation. A value that Bedrock does not know is a 400 "invalid beta
 * flag", so these are allow-lists. For 4.7 and later: the filter Claude Code itself applies in
 * Bedrock mode; for older models what Bedrock was reported to accept. BETA_HEADERS_ALLOW adds to
 * them.
 */
#define BETAS_3_5 "computer-use-2024-10-22"
#define BETAS_3_7 "computer-use-2025-01-24,token-efficient-tools-2025-02-19,output-128k-2025-02-19"
#define BETAS_4 \
    "computer-use-2025-01-24,interleaved-thinking-2025-05-14,dev-full-thinking-2025-05-14"
#define BETAS_4_5                                                                          \
    "computer-use-2025-01-24,interleaved-thinking-2025-05-14,tool-search-tool-2025-10-19," \
    "tool-examples-2025-10-29"
#define BETAS_4_6 \
    "interleaved-thinking-2025-05-14,context-1m-2025-08-07,tool-search-tool-2025-10-19"
#define BETAS_5 BETAS_4_6 ",thinking-token-count-2026-05-13"
#define ONE_M   ",context-1m-2025-08-07"

#define A "anthropic"

/* Sorted by prefix; the longest prefix that fits wins. Tokens and kinds of input: [3], [6], [7]. */
static const struct models_caps rows[] = {
    /* prefix, family, vendor, flags, the five columns, output tokens, context tokens, betas */
    /* careful: no images, no caching, no forced tools */
    {"", "other", "bedrock", AGENT, PLAIN, 0, 0, ""},
    {"ai21.jamba", "jamba", "ai21", AGENT | MODELS_DOCUMENTS, PLAIN, 4096, 256000, ""},
    {"ai21.jamba-instruct", "jamba-instruct", "ai21", CHAT, PLAIN, 4096, 256000, ""},
    {"amazon.nova-", "nova", "amazon", NOVA_SEES, NOVA_1, 10000, 300000, ""},
    {"amazon.nova-2-", "nova-2", "amazon", NOVA_SEES, NOVA_2, 65535, 1000000, ""},
    {"amazon.nova-micro", "nova-micro", "amazon", NOVA, NOVA_1, 10000, 128000, ""},
    {"amazon.nova-premier", "nova-premier", "amazon", NOVA_SEES, NOVA_1, 25000, 1000000, ""},
    {"amazon.titan-text", "titan", "amazon", MODELS_STOPS | MODELS_DOCUMENTS, PLAIN, 4096, 8192,
     ""},
    {"amazon.titan-text-premier", "titan-premier", "amazon", MODELS_STOPS, PLAIN, 3072, 32000, ""},
    {"anthropic.claude-", "claude", A, CLAUDE_4_8, ADAPTIVE, 128000, 1000000, BETAS_5},
    {"anthropic.claude-3-", "claude-3", A, ANY_CLAUDE, NO_THOUGHT, 4096, 200000, ""},
    /* Bedrock's 3.5 Haiku sees nothing, Anthropic's own does [3]. */
    {"anthropic.claude-3-5-haiku", "claude-haiku-3-5", A, CLAUDE_3_5 & ~(uint32_t)MODELS_IMAGES,
     NO_THOUGHT, 8192, 200000, ""},
    {"anthropic.claude-3-5-sonnet", "claude-sonnet-3-5", A, CLAUDE_3_5, NO_THOUGHT, 8192, 200000,
     BETAS_3_5},
    /* The first one: no caching [2], "exceeds the model limit of 4096" (Roo-Code issue 248). */
    {"anthropic.claude-3-5-sonnet-20240620", "claude-sonnet-3-5", A, ANY_CLAUDE, NO_THOUGHT, 4096,
     200000, ""},
    {"anthropic.claude-3-7-sonnet", "claude-sonnet-3-7", A, CLAUDE_3_5, BY_BUDGET, 128000, 200000,
     BETAS_3_7},
    {"anthropic.claude-fable-5", "claude-fable-5", A, CLAUDE_5_5, ADAPTIVE, 128000, 1000000,
     BETAS_5},
    {"anthropic.claude-haiku-4-5", "claude-haiku-4-5", A, CLAUDE_4_5, BUDGET_4_1, 64000, 200000,
     BETAS_4_5},
    {"anthropic.claude-mythos", "claude-mythos", A, CLAUDE_5_5, ADAPTIVE, 128000, 1000000, BETAS_5},
    {"anthropic.claude-opus-4-1", "claude-opus-4-1", A, CLAUDE_3_5, BUDGET_4_1, 32000, 200000,
     BETAS_4},
    {"anthropic.claude-opus-4-2", "claude-opus-4", A, CLAUDE_3_5, BY_BUDGET, 32000, 200000,
     BETAS_4},
    {"anthropic.claude-opus-4-5", "claude-opus-4-5", A, CLAUDE_4_5 | MODELS_TOOL_SEARCH,
     BUDGET_EFFORT, 64000, 200000, BETAS_4_5 ",effort-2025-11-24"},
    {"anthropic.claude-opus-4-6", "claude-opus-4-6", A, CLAUDE_4_6, EITHER_4_6, 128000, 1000000,
     BETAS_4_6},
    {"anthropic.claude-opus-4-7", "claude-opus-4-7", A, CLAUDE_4_7, ADAPTIVE, 128000, 1000000,
     BETAS_4_6},
    {"anthropic.claude-opus-4-8", "claude-opus-4-8", A, CLAUDE_4_8, ADAPTIVE, 128000, 1000000,
     BETAS_4_6},
    {"anthropic.claude-opus-5-5", "claude-opus-5-5", A, CLAUDE_5_5, ADAPTIVE, 128000, 1000000,
     BETAS_5},
    {"anthropic.claude-sonnet-4-2", "claude-sonnet-4", A, CLAUDE_3_5, BY_BUDGET, 64000, 200000,
     BETAS_4 ONE_M},
    {"anthropic.claude-sonnet-4-5", "claude-sonnet-4-5", A, CLAUDE_4_5 | MODELS_TOOL_SEARCH,
     BUDGET_4_1, 64000, 200000, BETAS_4_5 ONE_M},
    {"anthropic.claude-sonnet-4-6", "claude-sonnet-4-6", A, CLAUDE_4_6, EITHER_4_6, 64000, 1000000,
     BETAS_4_6},
    /* Reports on role "system" differ; joined to the user's turn it is legal in any case. */
    {"anthropic.claude-sonnet-5", "claude-sonnet-5", A, CLAUDE_4_7, ADAPTIVE, 128000, 1000000,
     BETAS_5},
    {"anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", A, CLAUDE_5_5, ADAPTIVE, 128000, 1000000,
     BETAS_5},
    {"cohere.command-r", "command", "cohere", AGENT | MODELS_DOCUMENTS, PLAIN, 4096, 128000, ""},
    /* Forced tools: langchain-aws 1261 ("tool" is taken, but not obeyed). */
    {"deepseek.", "deepseek", "deepseek", AGENT_ANY, LOW_HIGH, 32768, 128000, ""},
    {"deepseek.r1", "deepseek-r1", "deepseek", CHAT | MODELS_DOCUMENTS, PLAIN, 32768, 128000, ""},
    {"deepseek.v3-v1", "deepseek", "deepseek", AGENT_FORM, LOW_HIGH, 32768, 128000, ""},
    {"google.gemma", "gemma", "google", CHAT | MODELS_IMAGES, PLAIN, 8192, 128000, ""},
    {"google.gemma-3-12b", "gemma", "google", CHAT | MODELS_IMAGES | MODELS_FORMAT, PLAIN, 8192,
     128000, ""},
    {"google.gemma-3-27b", "gemma", "google", CHAT | MODELS_IMAGES | MODELS_FORMAT, PLAIN, 8192,
     128000, ""},
    {"meta.llama3-", "llama-3", "meta", LLAMA, PLAIN, 2048, 8192, ""},
    {"meta.llama3-1-", "llama-3.1", "meta", LLAMA | MODELS_TOOLS, PLAIN, 8192, 128000, ""},
    /* 1B and 3B; 11B and 90B see and call. */
    {"meta.llama3-2-", "llama-3.2", "meta", LLAMA, PLAIN, 8192, 128000, ""},
    {"meta.llama3-2-11b", "llama-3.2", "meta", LLAMA | MODELS_TOOLS | MODELS_IMAGES, PLAIN, 8192,
     128000, ""},
    {"meta.llama3-2-90b", "llama-3.2", "meta", LLAMA | MODELS_TOOLS | MODELS_IMAGES, PLAIN, 8192,
     128000, ""},
    {"meta.llama3-3-", "llama-3.3", "meta", LLAMA | MODELS_TOOLS, PLAIN, 8192, 128000, ""},
    {"meta.llama4-", "llama-4", "meta", LLAMA | MODELS_TOOLS | MODELS_IMAGES, PLAIN, 8192, 1000000,
     ""},
    {"minimax.minimax-", "minimax", "minimax", AGENT_ANY, PLAIN, 65536, 196608, ""},
    {"mistral.", "mistral", "mistral", AGENT_ANY, PLAIN, 8192, 128000, ""},
    {"mistral.magistral", "magistral", "mistral", AGENT_FORM | MODELS_IMAGES, PLAIN, 40000, 128000,
     ""},
    {"mistral.ministral-3-", "ministral", "mistral", AGENT_FORM | MODELS_IMAGES, PLAIN, 4096,
     128000, ""},
    {"mistral.ministral-3-3b", "ministral", "mistral", AGENT_FORM | MODELS_IMAGES, PLAIN, 8192,
     256000, ""},
    {"mistral.mistral-7b", "mistral-7b", "mistral", MODELS_STOPS | MODELS_DOCUMENTS, PLAIN, 8192,
     32000, ""},
    /* 24.02 and 24.07: "any" is the only choice they take (API_runtime_ToolChoice). */
    {"mistral.mistral-large-24", "mistral-large", "mistral",
     MISTRAL | MODELS_DOCUMENTS | MODELS_CHOICE_ANY, PLAIN, 8192, 128000, ""},
    {"mistral.mistral-large-3", "mistral-large-3", "mistral", AGENT_FORM | MODELS_IMAGES, PLAIN,
     8192, 256000, ""},
    {"mistral.mistral-small-24", "mistral-small", "mistral", MISTRAL, PLAIN, 8192, 32000, ""},
    {"mistral.mixtral-8x7b", "mixtral", "mistral", MODELS_STOPS | MODELS_DOCUMENTS, PLAIN, 4096,
     32000, ""},
    {"mistral.pixtral", "pixtral", "mistral", MISTRAL | MODELS_TOOL_CHOICE | MODELS_IMAGES, PLAIN,
     16000, 128000, ""},
    {"moonshot.kimi-", "kimi", "moonshot", AGENT_ANY, LOW_HIGH, 16000, 262143, ""},
    {"moonshot.kimi-k2-thinking", "kimi", "moonshot", AGENT_FORM, LOW_HIGH, 16000, 262143, ""},
    {"moonshotai.kimi-", "kimi", "moonshot", AGENT_ANY | MODELS_IMAGES, LOW_HIGH, 16000, 262143,
     ""},
    {"nvidia.nemotron-", "nemotron", "nvidia", AGENT, PLAIN, 0, 128000, ""},
    {"nvidia.nemotron-nano-12b", "nemotron-vl", "nvidia", AGENT | MODELS_IMAGES, PLAIN, 0, 128000,
     ""},
    /* No documents (issue 137 of amazon-bedrock-client-for-mac), but forced tools (langchain-aws
     * 1.7.6). */
    {"openai.gpt-", "gpt", "openai", ((AGENT_ANY | MODELS_IMAGES) & NO_STOPS) | MODELS_INPUT_WHOLE,
     GPT_5, 128000, 272000, ""},
    {"openai.gpt-oss", "gpt-oss", "openai", AGENT_NOSTOP, GPT_OSS, 16384, 128000, ""},
    {"qwen.qwen3-", "qwen-3", "alibaba", AGENT_NOSTOP, PLAIN, 65536, 262144, ""},
    {"qwen.qwen3-32b", "qwen-3", "alibaba", AGENT_NOSTOP, PLAIN, 16384, 16384, ""},
    {"qwen.qwen3-vl", "qwen-3-vl", "alibaba", AGENT_NOSTOP | MODELS_IMAGES, PLAIN, 65536, 262144,
     ""},
    /* Not while streaming: langchain-aws 466 */
    {"writer.palmyra", "palmyra", "writer", CHAT | MODELS_TOOLS, PLAIN, 8192, 128000, ""},
    {"xai.grok", "grok", "xai", AGENT | MODELS_IMAGES, PLAIN, 131072, 1000000, ""},
    {"zai.glm-", "glm", "zai", AGENT_ANY, PLAIN, 65536, 202752, ""},
};

/*
 * Names of clients. Where a model runs on demand only through an inference profile the id has a
 * region prefix. A retired model keeps its own id (nothing runs on another model
 * without saying so); the OpenAI aliases name today's model of the same size. Sorted
 * by name.
 */
#define SONNET_3_5 "anthropic.claude-3-5-sonnet-20241022-v2:0"
#define SONNET_3_7 "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define HAIKU_3_5  "us.anthropic.claude-3-5-haiku-20241022-v1:0"
#define OPUS_4     "us.anthropic.claude-opus-4-20250514-v1:0"
#define OPUS_4_1   "us.anthropic.claude-opus-4-1-20250805-v1:0"
#define OPUS_4_5   "global.anthropic.claude-opus-4-5-20251101-v1:0"
#define OPUS_4_6   "global.anthropic.claude-opus-4-6-v1"
#define OPUS_4_7   "global.anthropic.claude-opus-4-7"
#define SONNET_4   "global.anthropic.claude-sonnet-4-20250514-v1:0"
#define SONNET_4_5 "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define SONNET_4_6 "global.anthropic.claude-sonnet-4-6"
#define HAIKU_4_5  "global.anthropic.claude-haiku-4-5-20251001-v1:0"

const struct models_builtin models_builtin[] = {
    {"claude-3-5-haiku-20241022", HAIKU_3_5},
    {"claude-3-5-haiku-latest", HAIKU_3_5},
    {"claude-3-5-sonnet-20241022", SONNET_3_5},
    {"claude-3-5-sonnet-latest", SONNET_3_5},
    {"claude-3-7-sonnet-20250219", SONNET_3_7},
    {"claude-3-7-sonnet-latest", SONNET_3_7},
    {"claude-3-haiku-20240307", "anthropic.claude-3-haiku-20240307-v1:0"},
    {"claude-3-opus-20240229", "anthropic.claude-3-opus-20240229-v1:0"},
    {"claude-3-sonnet-20240229", "anthropic.claude-3-sonnet-20240229-v1:0"},
    {"claude-fable-5", "global.anthropic.claude-fable-5"},
    {"claude-haiku-4-5", HAIKU_4_5},
    {"claude-haiku-4-5-20251001", HAIKU_4_5},
    {"claude-haiku-5-5", "global.anthropic.claude-haiku-5-5"},
    {"claude-opus-4-0", OPUS_4},
    {"claude-opus-4-1", OPUS_4_1},
    {"claude-opus-4-1-20250805", OPUS_4_1},
    {"claude-opus-4-20250514", OPUS_4},
    {"claude-opus-4-5", OPUS_4_5},
    {"claude-opus-4-5-20251101", OPUS_4_5},
    {"claude-opus-4-6", OPUS_4_6},
    {"claude-opus-4-7", OPUS_4_7},
    {"claude-opus-4-8", "global.anthropic.claude-opus-4-8"},
    {"claude-opus-5", "global.anthropic.claude-opus-5"},
    {"claude-opus-5-5", "global.anthropic.claude-opus-5-5"},
    {"claude-sonnet-4-0", SONNET_4},
    {"claude-sonnet-4-20250514", SONNET_4},
    {"claude-sonnet-4-5", SONNET_4_5},
    {"claude-sonnet-4-5-20250929", SONNET_4_5},
    {"claude-sonnet-4-6", SONNET_4_6},
    {"claude-sonnet-5", "global.anthropic.claude-sonnet-5"},
    {"claude-sonnet-5-5", "global.anthropic.claude-sonnet-5-5"},
    {"gpt-3.5-turbo", HAIKU_4_5},
    {"gpt-3.5-turbo-16k", HAIKU_4_5},
    {"gpt-4", SONNET_4_6},
    {"gpt-4-turbo", SONNET_4_6},
    {"gpt-4-turbo-preview", SONNET_4_6},
    {"gpt-4o", SONNET_4_6},
    {"gpt-4o-2024-05-13", SONNET_4_6},
    {"gpt-4o-2024-08-06", SONNET_4_6},
    {"gpt-4o-mini", HAIKU_4_5},
    {"gpt-4o-mini-2024-07-18", HAIKU_4_5},
    {"minimax.minimax-m2.5", "minimax.minimax-m2.5"},
    {"moonshotai.kimi-k2.5", "moonshotai.kimi-k2.5"},
    {"o1", OPUS_4_7},
    {"o1-mini", SONNET_4_6},
    {"o1-preview", OPUS_4_7},
    {"zai.glm-5", "zai.glm-5"},
    {NULL, NULL},
};

/* As strcmp, but name may hold a NUL. */
static int order(struct str name, const char *other)
{
    size_t n = strlen(other);
    int d = name.n && n ? memcmp(name.p, other, name.n < n ? name.n : n) : 0;
    return d ? d : (name.n > n) - (name.n < n);
}

const struct models_builtin *models_builtin_find(struct str name)
{
    size_t from = 0, to = sizeof models_builtin / sizeof *models_builtin - 1;
    while (from < to) {
        size_t middle = (from + to) / 2;
        int d = order(name, models_builtin[middle].name);
        if (d == 0) {
            return &models_builtin[middle];
        }
        if (d < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return NULL;
}

/* docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html; new ones appear, so
 * the list is longer than today's. */
static const struct str regions[] = {
    STR("us."), STR("eu."),     STR("apac."), STR("global."), STR("jp."),
    STR("au."), STR("us-gov."), STR("ca."),   STR("sa."),     STR("me."),
    STR("af."), STR("in."),     STR("uk."),   STR("il."),     STR("amer."),
};

static struct str without_region(struct str id)
{
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        if (text_starts(id, regions[i])) {
            return text_sub(id, regions[i].n, id.n);
        }
    }
    return id;
}

static struct str last_part(struct str arn)
{
    size_t at = arn.n;
    while (at > 0 && arn.p[at - 1] != '/') {
        at--;
    }
    return text_sub(arn, at, arn.n);
}

struct str models_base(struct str bedrock_id)
{
    if (text_starts(bedrock_id, STR("arn:"))) {
        bedrock_id = last_part(bedrock_id);
    }
    return without_region(bedrock_id);
}

/* An ARN's model name may stand before the last
 * part (custom-model/anthropic.claude-3-haiku.../x). */
static struct str model_text(struct str id)
{
    size_t at;
    if (!text_starts(id, STR("arn:"))) {
        return without_region(id);
    }
    if (text_find(id, STR("anthropic.claude-"), &at)) {
        return text_sub(id, at, id.n);
    }
    if (text_find(id, STR("claude"), &at)) {
        return STR("anthropic.claude-");
    }
    return models_base(id);
}

const struct models_caps *models_caps(struct str bedrock_id)
{
    const struct models_caps *best = &rows[0];
    struct str id = model_text(bedrock_id);
    size_t longest = 0;
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++) {
        if (id.n == 0 || rows[i].prefix[0] != id.p[0]) {
            continue; /* most rows are another vendor's */
        }
        struct str prefix = text_from(rows[i].prefix);
        if (prefix.n > longest && text_starts(id, prefix)) {
            best = &rows[i];
            longest = prefix.n;
        }
    }
    return best;
}
