#include "tests/mock/terms.h"

#include <string.h>

#define METADATA_HEADER_MAX 8500
#define LOWER               "abcdefghijklmnopqrstuvwxyz0123456789"

static const struct scan_limits LIMITS = {
    .depth = 10, .values = 1000, .keys = 1000, .number_len = 64};

static bool only(struct str s, const char *letters)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(letters, s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_version(struct str s)
{
    return text_eq(s, STR("DRAFT")) || (only(s, "0123456789") && s.n <= 8 && s.p[0] != '0');
}

/* The name behind the last slash of an ARN, or the whole. */
static struct str last_part(struct str s, struct str kind)
{
    size_t at;
    return text_starts(s, STR("arn:aws")) && text_find(s, kind, &at) ? text_sub(s, at + kind.n, s.n)
                                                                     : s;
}

static bool check_guardrail(struct str id, struct str version, struct ask *ask, char why[WHY_SIZE])
{
    if (id.n == 0 && version.n == 0)
        return true;
    if (id.n == 0 || version.n == 0)
        return speaker_refuse(why, "guardrailIdentifier and guardrailVersion go together");
    if (!only(last_part(id, STR(":guardrail/")), LOWER))
        return speaker_refuse(why, "Value at 'guardrailIdentifier' failed to satisfy constraint: "
                                   "Member must satisfy regular expression pattern");
    if (!is_version(version))
        return speaker_refuse(why, "Value at 'guardrailVersion' failed to satisfy constraint: "
                                   "Member must satisfy regular expression pattern");
    if (text_eq(id, STR("nosuch")))
        return speaker_refuse(why, "The provided guardrail identifier is invalid.");
    ask->guarded = true;
    return true;
}

static bool check_project(struct str project, char why[WHY_SIZE])
{
    static const char letters[] = LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    return project.n == 0 || only(last_part(project, STR(":project/")), letters) ||
           speaker_refuse(why, "Value at 'projectIdentifier' failed to satisfy constraint: Member "
                               "must satisfy regular expression pattern");
}

static bool check_metadata(const struct scan *s, scan_ref map, char why[WHY_SIZE])
{
    static const char letters[] = LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ \t:_@$#=/+,-.";
    if (map == SCAN_ABSENT)
        return true;
    if (scan_type(s, map) != SCAN_OBJECT || scan_size(s, map) < 1 || scan_size(s, map) > 16)
        return speaker_refuse(why,
                              "Value at 'requestMetadata' failed to satisfy constraint: Member "
                              "must have 1 to 16 entries");
    for (scan_ref v = scan_first(s, map); v != SCAN_ABSENT; v = scan_next(s, map, v)) {
        struct str key = scan_text(s, scan_key(s, v)), value = scan_text(s, v);
        if (!only(key, letters) || key.n > 256 || !value.p || value.n > 256 ||
            (value.n > 0 && !only(value, letters)))
            return speaker_refuse(why, "Value at 'requestMetadata' failed to satisfy constraint: "
                                       "Member must satisfy regular expression pattern");
    }
    return true;
}

static bool read_headers(const struct request *r, const struct scan *body, struct ask *ask,
                         char why[WHY_SIZE])
{
    struct str metadata = reader_get(r, STR("x-amzn-bedrock-request-metadata"));
    struct scan s;
    if (!check_guardrail(reader_get(r, STR("x-amzn-bedrock-guardrailidentifier")),
                         reader_get(r, STR("x-amzn-bedrock-guardrailversion")), ask, why) ||
        !check_project(reader_get(r, STR("x-amzn-bedrock-projectidentifier")), why))
        return false;
    if (!ask->guarded && SCAN_GET(body, 0, "amazon-bedrock-guardrailConfig") != SCAN_ABSENT)
        return speaker_refuse(why, "amazon-bedrock-guardrailConfig needs a guardrail identifier");
    if (metadata.n == 0)
        return true;
    if (metadata.n > METADATA_HEADER_MAX ||
        scan_parse(&s, body->arena, metadata, &LIMITS, NULL) != STATUS_OK)
        return speaker_refuse(why, "X-Amzn-Bedrock-Request-Metadata is no JSON");
    return check_metadata(&s, 0, why);
}

bool terms_read(const struct request *r, const struct scan *body, bool invoke, struct ask *ask,
                char why[WHY_SIZE])
{
    static const char *const GUARDRAIL[] = {"guardrailIdentifier", "guardrailVersion", "trace",
                                            "streamProcessingMode", NULL};
    if (invoke)
        return read_headers(r, body, ask, why);
    scan_ref g = SCAN_GET(body, 0, "guardrailConfig");
    return (g == SCAN_ABSENT || speaker_only(body, g, GUARDRAIL, "guardrailConfig.", why)) &&
           check_guardrail(scan_text(body, SCAN_GET(body, g, "guardrailIdentifier")),
                           scan_text(body, SCAN_GET(body, g, "guardrailVersion")), ask, why) &&
           check_project(scan_text(body, SCAN_GET(body, 0, "projectIdentifier")), why) &&
           check_metadata(body, SCAN_GET(body, 0, "requestMetadata"), why);
}
