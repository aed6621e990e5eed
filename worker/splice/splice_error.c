#include "worker/splice/splice_error.h"

/* platform.claude.com/docs/en/api/errors: 429, 529, 500 */
static const struct str cured[] = {STR("rate_limit_error"), STR("overloaded_error"),
                                   STR("api_error")};

static struct str type_of(const struct scan *s)
{
    return scan_text(s, SCAN_GET(s, SCAN_GET(s, 0, "error"), "type"));
}

bool splice_error_is_first(const struct reply *r, const struct scan *s)
{
    struct str type;
    if (r->started || !SCAN_IS(s, SCAN_GET(s, 0, "type"), "error")) {
        return false;
    }
    type = type_of(s);
    for (size_t i = 0; i < COUNT_OF(cured); i++) {
        if (text_eq(type, cured[i])) {
            return true;
        }
    }
    return false;
}

enum status splice_error_set(struct reply *r, const struct scan *s, struct err *err)
{
    relay_fail(r, type_of(s), scan_text(s, SCAN_GET(s, SCAN_GET(s, 0, "error"), "message")));
    return err_set(err, STATUS_UPSTREAM, "the model's stream began with an error");
}
