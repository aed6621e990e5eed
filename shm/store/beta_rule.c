#include "shm/store/beta_rule.h"

#include <string.h>

#define NAME_MAX_LEN 64

bool beta_rule_is_name(struct str v)
{
    return v.n <= NAME_MAX_LEN && text_only_of(v, "._-");
}

bool beta_rule_begin(struct directory_beta *r, struct str name)
{
    *r = (struct directory_beta){.reserved = 0};
    if (!beta_rule_is_name(name) || name.n >= sizeof r->name) {
        return false;
    }
    text_copy(name, r->name, sizeof r->name);
    return true;
}

bool beta_rule_add(struct directory_beta *r, struct str value)
{
    size_t n = strlen(r->to), comma = n > 0;
    if (!beta_rule_is_name(value) || n + comma + value.n >= sizeof r->to) {
        return false;
    }
    text_copy(comma ? STR(",") : STR(""), r->to + n, sizeof r->to - n);
    text_copy(value, r->to + n + comma, sizeof r->to - n - comma);
    return true;
}

bool beta_rule_row(struct directory_beta *r, struct str name, struct str type,
                   const struct cJSON *values, struct str (*text)(const struct cJSON *value))
{
    bool good = beta_rule_begin(r, name);
    if (good && text_eq(type, STR("blocklist"))) {
        return true;
    }
    good = good && text_eq(type, STR("mapping")) && json_is_array(values);
    for (const struct cJSON *v = good ? json_child(values) : NULL; v && good; v = json_next(v)) {
        good = beta_rule_add(r, text(v));
    }
    return good;
}
