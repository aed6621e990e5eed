#include "server/base/bedrock_terms.h"

#include <string.h>

#define ID_MAX      2048
#define REGION_MAX  20
#define ACCOUNT_LEN 12
#define VERSION_MAX 8 /* digits */

static bool all_in(struct str s, const char *letters)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || !strchr(letters, s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz" DIGITS

/* arn:aws:bedrock:REGION:ACCOUNT:KIND/ID, in any partition; id_out: the last part. */
static bool cut_arn(struct str text, struct str kind, struct str *id_out)
{
    struct str arn, partition, service, region, account, word;
    if (!text_split(&text, ':', &arn) || !text_eq(arn, STR("arn")) ||
        !text_split(&text, ':', &partition) || !text_starts(partition, STR("aws")) ||
        !all_in(partition, LOWER "-") || !text_split(&text, ':', &service) ||
        !text_eq(service, STR("bedrock")) || !text_split(&text, ':', &region) ||
        !all_in(region, LOWER "-") || region.n > REGION_MAX || !text_split(&text, ':', &account) ||
        account.n != ACCOUNT_LEN || !all_in(account, DIGITS) || !text_split(&text, '/', &word)) {
        return false;
    }
    *id_out = text;
    return text_eq(word, kind);
}

static bool is_version(struct str s)
{
    return text_eq(s, STR("DRAFT")) || (s.n <= VERSION_MAX && all_in(s, DIGITS) && s.p[0] != '0');
}

/* What stands behind the last colon; *text is cut before it. */
static bool cut_last(struct str *text, struct str *last_out)
{
    for (size_t i = text->n; i > 0; i--) {
        if (text->p[i - 1] == ':') {
            *last_out = text_sub(*text, i, text->n);
            *text = text_sub(*text, 0, i - 1);
            return true;
        }
    }
    return false;
}

bool bedrock_terms_guardrail(struct str text, struct bedrock_terms_guardrail *out)
{
    struct str id = text, version, plain;
    *out = (struct bedrock_terms_guardrail){.async = false};
    if (!cut_last(&id, &version)) {
        return false;
    }
    bool async = text_eq(version, STR("async"));
    if ((async && !cut_last(&id, &version)) || !is_version(version) || id.n > ID_MAX) {
        return false;
    }
    if (!cut_arn(id, STR("guardrail"), &plain)) {
        plain = id;
    }
    if (!all_in(plain, LOWER)) {
        return false;
    }
    *out = (struct bedrock_terms_guardrail){id, version, async};
    return true;
}

bool bedrock_terms_project(struct str text)
{
    struct str plain;
    if (!cut_arn(text, STR("project"), &plain)) {
        plain = text;
    }
    return plain.n > 0 && text_only_of(plain, "_-") && text.n <= ID_MAX;
}

bool bedrock_terms_metadata(struct str list, unsigned *out)
{
    static const struct {
        struct str word;
        unsigned bit;
    } words[] = {{STR("user"), BEDROCK_TERMS_USER},
                 {STR("key"), BEDROCK_TERMS_KEY},
                 {STR("request"), BEDROCK_TERMS_REQUEST}};
    struct str word;
    *out = 0;
    while (list.n > 0) {
        unsigned bit = 0;
        text_split(&list, ',', &word);
        word = text_trim(word);
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            bit |= text_eq(word, words[i].word) ? words[i].bit : 0;
        }
        if (bit == 0) {
            return false;
        }
        *out |= bit;
    }
    return true;
}
