#include "worker/splice/splice_usage.h"

#include <stdio.h>

#define COUNT_MAX ((int64_t)1 << 40) /* no answer has as many; sums of them do not overflow */

static const struct splice_counts nothing = {-1, -1, -1, -1, -1};

static int64_t count_at(const struct scan *s, scan_ref object, const char *key)
{
    int64_t v;
    if (!scan_i64(s, scan_get(s, object, text_from(key)), &v) || v < 0) {
        return -1;
    }
    return v < COUNT_MAX ? v : COUNT_MAX;
}

struct splice_counts splice_usage_counts(const struct scan *s, scan_ref usage)
{
    scan_ref creation = SCAN_GET(s, usage, "cache_creation");
    int64_t minutes = count_at(s, creation, "ephemeral_5m_input_tokens");
    struct splice_counts c = {
        .input = count_at(s, usage, "input_tokens"),
        .output = count_at(s, usage, "output_tokens"),
        .cache_read = count_at(s, usage, "cache_read_input_tokens"),
        .written = count_at(s, usage, "cache_creation_input_tokens"),
        .hour = count_at(s, creation, "ephemeral_1h_input_tokens"),
    };
    if (c.written < 0 && (minutes >= 0 || c.hour >= 0)) {
        c.written = (minutes > 0 ? minutes : 0) + (c.hour > 0 ? c.hour : 0);
    }
    return c;
}

static uint64_t told_or(int64_t told, uint64_t known)
{
    return told >= 0 ? (uint64_t)told : known;
}

static uint64_t all_input(const struct tokens *t)
{
    return t->input + t->cache_read + tokens_written(t);
}

/*
 * Running totals only grow. What was read belongs together - a later place may move tokens from the
 * input to the cache, where counting both would charge them twice - so a place that tells less of it
 * in all than is known has fillers in it, and is passed over.
 */
static void take(struct usage *u, const struct splice_counts *c)
{
    struct tokens t = u->tokens;
    uint64_t written = told_or(c->written, tokens_written(&t));
    uint64_t hour = told_or(c->hour, t.write_1h);
    t.input = told_or(c->input, t.input);
    t.cache_read = told_or(c->cache_read, t.cache_read);
    t.write_1h = hour < written ? hour : written;
    t.write_5m = written - t.write_1h;
    if (all_input(&t) < all_input(&u->tokens)) {
        t = u->tokens;
    }
    uint64_t output = told_or(c->output, 0);
    t.output = output > t.output ? output : t.output;
    u->tokens = t;
    u->seen |= c->input >= 0 || c->output >= 0 || c->cache_read >= 0 || c->written >= 0;
}

static void add(int64_t *sum, int64_t told)
{
    if (told >= 0) {
        *sum = (*sum > 0 ? *sum : 0) + told;
    }
}

/* Each pass over the conversation (compaction) is paid for, and the counts beside the list are those
 * of the last ones only: platform.claude.com, "Compaction", usage. */
static struct splice_counts sum_iterations(const struct scan *s, scan_ref list)
{
    struct splice_counts sum = nothing;
    if (scan_type(s, list) != SCAN_ARRAY) {
        return sum;
    }
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v)) {
        struct splice_counts one = splice_usage_counts(s, v);
        add(&sum.input, one.input);
        add(&sum.output, one.output);
        add(&sum.cache_read, one.cache_read);
        add(&sum.written, one.written);
        add(&sum.hour, one.hour);
    }
    return sum;
}

void splice_usage_read(struct usage *u, const struct scan *s, scan_ref usage)
{
    struct splice_counts told = splice_usage_counts(s, usage);
    struct splice_counts sum = sum_iterations(s, SCAN_GET(s, usage, "iterations"));
    take(u, &told);
    take(u, &sum);
}

/* Bedrock counts once, at the end, and knows of no iterations and no lifetimes. A 0 of the model is
 * what it says before it knows (message_start), too. */
void splice_usage_metrics(struct usage *u, const struct scan *s, scan_ref metrics)
{
    const struct tokens *t = &u->tokens;
    struct splice_counts c = nothing;
    c.output = count_at(s, metrics, "outputTokenCount");
    if (t->input == 0) {
        c.input = count_at(s, metrics, "inputTokenCount");
    }
    if (t->cache_read == 0) {
        c.cache_read = count_at(s, metrics, "cacheReadInputTokenCount");
    }
    if (tokens_written(t) == 0) {
        c.written = count_at(s, metrics, "cacheWriteInputTokenCount");
    }
    take(u, &c);
}

/* Some clients take all counts from the last event that has some (LangChain), where Bedrock may tell
 * the output alone: what the first told stands there again. Not the sums that are billed: they are
 * of another kind where there are iterations. */
void splice_usage_fill(const struct splice_counts *first, struct edits *e, scan_ref usage)
{
    const struct scan *s = e->scan;
    const struct {
        const char *name;
        int64_t count;
    } members[] = {{"input_tokens", first->input},
                   {"cache_creation_input_tokens", first->written},
                   {"cache_read_input_tokens", first->cache_read}};
    char text[160];
    size_t n = 0;
    if (scan_type(s, usage) != SCAN_OBJECT) {
        return;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        scan_ref there = scan_get(s, usage, text_from(members[i].name));
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)members[i].count);
        if (members[i].count >= 0 && scan_type(s, there) == SCAN_NULL) {
            struct str value = arena_dup(s->arena, text_from(number));
            e->failed |= !value.p;
            edits_value(e, there, value);
        } else if (members[i].count >= 0 && there == SCAN_ABSENT) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\":%s", n ? "," : "",
                                  members[i].name, number);
        }
    }
    if (n > 0 && scan_size(s, usage) > 0) {
        text[n++] = ',';
    }
    struct str copy = arena_dup(s->arena, (struct str){text, n});
    e->failed |= n > 0 && !copy.p;
    if (n > 0 && copy.p) {
        edits_inside(e, usage, copy);
    }
}
