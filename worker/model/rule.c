#include "worker/model/rule.h"

#include <stdio.h>

#include "worker/model/model_id.h"

/* The prefix of the inference profiles that hold a model: one for all regions, where the model has
 * it and the region may use it, else that of the geography.
 * docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html */
static struct str profile(const struct config *c, bool global)
{
    struct str region = text_from(c->aws_region);
    if (text_starts(region, STR("us-gov-"))) { /* reaches no other partition */
        return STR("us-gov.");
    }
    if (global) {
        return STR("global.");
    }
    if (text_starts(region, STR("eu-"))) {
        return STR("eu.");
    }
    return text_starts(region, STR("ap-")) ? STR("apac.") : STR("us.");
}

/* The table of models is written for the US. */
struct str rule_at_home(const struct config *c, struct str id, char room[RULE_ROOM])
{
    bool global = text_starts(id, STR("global."));
    struct str old = global ? STR("global.") : STR("us."), new = profile(c, global);
    if (!text_starts(id, old) || text_eq(old, new)) {
        return id;
    }
    struct str rest = text_sub(id, old.n, id.n);
    int n = snprintf(room, RULE_ROOM, "%.*s%.*s", STR_ARG(new), STR_ARG(rest));
    return (struct str){room, (size_t)n};
}

struct generation {
    uint64_t number; /* 45 for 4.5; 0: not readable */
    bool dated;
};

/* "claude-opus-4-7", "claude-sonnet-4-20250514", "claude-3-5-sonnet-20240620": the one- and
 * two-digit words are the version, the eight-digit one is the date. */
static struct generation read_generation(struct str name)
{
    struct generation g = {0, false};
    struct str word;
    unsigned digits = 0;
    uint64_t v;
    while (text_split(&name, '-', &word)) {
        if (!text_u64(word, &v)) {
            continue;
        }
        if (word.n == 8) {
            g.dated = true;
        } else if (word.n <= 2 && digits++ < 2) {
            g.number = g.number * 10 + v;
        }
    }
    if (digits == 1) {
        g.number *= 10;
    }
    return g;
}

/* Bedrock's id of a claude-* name that no table knows; empty if it cannot be told. Ids carry
 * "-v1:0" up to 4.5, "-v1" only for Opus 4.6, nothing since 4.7; profiles are needed since 3.7 and
 * global ones exist since 4.5. */
struct str rule_claude(const struct config *c, struct str name, char room[RULE_ROOM])
{
    struct generation g = read_generation(name);
    struct str prefix = profile(c, g.number >= 45);
    const char *suffix = "";
    size_t at;
    if (!text_starts(name, STR("claude-")) || !model_id_is_text(name) || g.number < 30) {
        return (struct str){NULL, 0};
    }
    if (g.number <= 45) {
        if (!g.dated) {
            return (struct str){NULL, 0}; /* the id has the date in it */
        }
        suffix = "-v1:0";
        if (g.number <= 35) {
            prefix = STR("");
        }
    } else if (g.number == 46 && text_find(name, STR("opus"), &at)) {
        suffix = "-v1";
    }
    int n =
        snprintf(room, RULE_ROOM, "%.*santhropic.%.*s%s", STR_ARG(prefix), STR_ARG(name), suffix);
    return (struct str){room, (size_t)n};
}

bool rule_is_openai(struct str name)
{
    static const char *const starts[] = {"gpt-", "chatgpt-", "codex-", "o1", "o3", "o4"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (text_starts(name, text_from(starts[i]))) {
            return true;
        }
    }
    return false;
}
