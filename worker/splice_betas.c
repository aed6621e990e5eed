/* The anthropic_beta values of the request splice: gathered, mapped, filtered by the model's list.
 */
#include "worker/splice_job.h"

#include <string.h>

/* Names that differ between Anthropic's API and Bedrock (the elder gateway's default map, and what
 * Claude Code sends in its own Bedrock mode). */
static const struct {
    const char *from;
    const char *to;
} renamed[] = {
    {"advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19"},
    {"advanced-tool-use-2025-11-20", "tool-examples-2025-10-29"},
};

static bool list_has(struct str list, struct str value)
{
    struct str one;
    while (text_split(&list, ',', &one))
        if (text_eq(text_trim(one), value))
            return true;
    return false;
}

static bool is_allowed(const struct splice_job *j, struct str value)
{
    return list_has(text_from(j->o->model->caps->betas), value) ||
           list_has(j->o->betas_extra, value);
}

bool splice_has_beta(const struct splice_job *j, struct str value)
{
    for (uint32_t i = 0; i < j->beta_count; i++)
        if (text_eq(j->beta[i], value))
            return true;
    return false;
}

void splice_want_beta(struct splice_job *j, struct str value)
{
    if (is_allowed(j, value) && !splice_has_beta(j, value) && j->beta_count < SPLICE_BETAS_MAX)
        j->beta[j->beta_count++] = value;
}

/* The value goes into a response header and into JSON unescaped: nothing but these characters. */
static bool is_token(struct str v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!word && !memchr("._-", c, 3))
            return false;
    }
    return v.n > 0 && v.n <= 64;
}

static void note_beta(struct splice_job *j, const char *verb, struct str value)
{
    char text[80] = "beta:";
    text_copy(is_token(value) ? value : STR("?"), text + 5, sizeof text - 5);
    splice_note(j, verb, text_from(text));
}

static void take(struct splice_job *j, struct str value)
{
    bool mapped = false;
    value = text_trim(value);
    if (value.n == 0)
        return;
    if (is_token(value) && is_allowed(j, value)) {
        splice_want_beta(j, value);
        return;
    }
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        if (!text_eq(value, text_from(renamed[i].from)) || !is_allowed(j, text_from(renamed[i].to)))
            continue;
        splice_want_beta(j, text_from(renamed[i].to));
        mapped = true;
    }
    note_beta(j, mapped ? "map:" : "drop:", value);
}

static void take_list(struct splice_job *j, struct str list)
{
    struct str one;
    while (text_split(&list, ',', &one))
        take(j, one);
}

/* `betas` (SDK parameter) and `anthropic_beta` (Bedrock's own member): an array or one string. */
static void take_member(struct splice_job *j, scan_ref r)
{
    if (scan_type(j->s, r) == SCAN_STRING)
        take_list(j, scan_text(j->s, r));
    if (scan_type(j->s, r) != SCAN_ARRAY)
        return;
    for (scan_ref v = scan_first(j->s, r); v != SCAN_ABSENT; v = scan_next(j->s, r, v))
        take(j, scan_text(j->s, v));
}

void splice_betas(struct splice_job *j)
{
    take_list(j, j->o->betas);
    take_member(j, SCAN_GET(j->s, 0, "anthropic_beta"));
    take_member(j, SCAN_GET(j->s, 0, "betas"));
    if (j->o->model->one_million)
        take(j, STR("context-1m-2025-08-07"));
}
