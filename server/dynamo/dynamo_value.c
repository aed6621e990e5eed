#include "server/dynamo/dynamo_value.h"

#include <stdio.h>

/* --- reading ------------------------------------------------------------------------------- */

enum dynamo_type dynamo_value(const struct cJSON *item, const char *name, struct str *text_out)
{
    const struct cJSON *value = json_get(item, name);
    const struct cJSON *inner = json_is_object(value) ? json_child(value) : NULL;
    struct str type = json_name(inner);
    bool flag;
    *text_out = STR("");
    if (!value) {
        return DYNAMO_TYPE_ABSENT;
    }
    if (!inner || json_next(inner)) {
        return DYNAMO_TYPE_OTHER;
    }
    if (text_eq(type, STR("NULL"))) {
        return DYNAMO_TYPE_ABSENT;
    }
    if (text_eq(type, STR("BOOL")) && json_get_bool(value, "BOOL", &flag)) {
        *text_out = flag ? STR("true") : STR("false");
        return DYNAMO_TYPE_BOOL;
    }
    *text_out = json_text(inner);
    if (!text_out->p) {
        return DYNAMO_TYPE_OTHER;
    }
    return text_eq(type, STR("S"))   ? DYNAMO_TYPE_S
           : text_eq(type, STR("N")) ? DYNAMO_TYPE_N
                                     : DYNAMO_TYPE_OTHER;
}

struct decimal {
    char digits[48]; /* without leading zeros */
    size_t n;
    int64_t point; /* the value is 0.digits x 10^point */
    bool negative;
};

static bool read_exponent(struct str s, int64_t *out)
{
    *out = 0;
    if (s.n && s.p[0] == '+') {
        s = text_sub(s, 1, s.n);
    }
    return text_i64(s, out) && *out >= -1000 && *out <= 1000;
}

static bool read_decimal(struct str s, struct decimal *out)
{
    size_t at;
    int64_t exponent = 0;
    bool fraction = false, any = false;
    *out = (struct decimal){.n = 0};
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        out->negative = s.p[0] == '-';
        s = text_sub(s, 1, s.n);
    }
    if (text_find(s, STR("E"), &at) || text_find(s, STR("e"), &at)) {
        if (!read_exponent(text_sub(s, at + 1, s.n), &exponent)) {
            return false;
        }
        s = text_sub(s, 0, at);
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !fraction) {
            fraction = true;
        } else if (c < '0' || c > '9' || out->n == sizeof out->digits) {
            return false;
        } else {
            any = true;
            bool leading = c == '0' && out->n == 0;
            if (!leading) {
                out->digits[out->n++] = c;
            }
            out->point += fraction ? -leading : !leading;
        }
    }
    out->point += exponent;
    return any;
}

bool dynamo_value_number(struct str number, unsigned scale, int64_t *out, bool *exact_out)
{
    struct decimal d;
    bool exact = true;
    int64_t value = 0;
    *out = 0;
    if (exact_out) {
        *exact_out = false;
    }
    if (!read_decimal(number, &d)) {
        return false;
    }
    int64_t whole = d.point + scale; /* digits before the point, once scaled */
    for (int64_t i = 0; d.n && i < whole; i++) {
        int64_t digit = i < (int64_t)d.n ? d.digits[i] - '0' : 0;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    for (size_t i = 0; i < d.n; i++) {
        exact = exact && ((int64_t)i < whole || d.digits[i] == '0');
    }
    if (exact_out) {
        *exact_out = exact;
    }
    *out = d.negative ? -value : value;
    return true;
}

/* --- writing ------------------------------------------------------------------------------- */

static void put(struct json_out *w, struct str name, struct str type, struct str text)
{
    json_key(w, name);
    json_object(w);
    json_key(w, type);
    json_str(w, text);
    json_object_end(w);
}

void dynamo_value_put_text(struct json_out *w, struct str name, struct str value)
{
    put(w, name, STR("S"), value);
}

void dynamo_value_put_i64(struct json_out *w, struct str name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(w, name, STR("N"), text_from(text));
}

void dynamo_value_put_bool(struct json_out *w, struct str name, bool value)
{
    json_key(w, name);
    json_object(w);
    JSON_KEY(w, "BOOL");
    json_bool(w, value);
    json_object_end(w);
}

void dynamo_value_put_micro(struct json_out *w, struct str name, int64_t micro)
{
    char text[40];
    uint64_t size = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
    snprintf(text, sizeof text, "%s%llu.%06llu", micro < 0 ? "-" : "",
             (unsigned long long)(size / 1000000), (unsigned long long)(size % 1000000));
    struct str s = text_from(text);
    while (s.p[s.n - 1] == '0') {
        s.n--;
    }
    put(w, name, STR("N"), text_sub(s, 0, s.n - (s.p[s.n - 1] == '.')));
}
