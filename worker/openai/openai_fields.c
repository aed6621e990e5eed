#include "worker/openai/openai_fields.h"

bool openai_fields_has(const struct scan *s, scan_ref r)
{
    enum scan_type t = scan_type(s, r);
    return t != SCAN_NONE && t != SCAN_NULL;
}

bool openai_fields_in(struct str name, const char *const *list)
{
    for (; *list; list++) {
        if (text_eq(name, text_from(*list))) {
            return true;
        }
    }
    return false;
}

bool openai_fields_only(const struct scan *s, scan_ref object, const char *const *list)
{
    for (scan_ref v = scan_first(s, object); v != SCAN_ABSENT; v = scan_next(s, object, v)) {
        if (!openai_fields_in(scan_text(s, scan_key(s, v)), list)) {
            return false;
        }
    }
    return true;
}

enum status openai_fields_missing(struct err *err, const char *name)
{
    return err_set_param(err, ERR_FAULT_MISSING, name, "Missing required parameter: '%s'.", name);
}

enum status openai_fields_wrong(struct err *err, const char *name, const char *expected)
{
    return err_set_param(err, ERR_FAULT_TYPE, name, "Invalid type for '%s': expected %s.", name,
                         expected);
}

enum status openai_fields_empty(struct err *err, const char *name)
{
    return err_set_param(err, ERR_FAULT_EMPTY, name,
                         "Invalid '%s': empty array. Expected an array with minimum length 1, but "
                         "got an empty array instead.",
                         name);
}

enum status openai_fields_once(const struct scan *s, const char *const *keys, size_t n,
                               struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (scan_has_duplicate(s, 0, text_from(keys[i]))) {
            return err_set_param(err, ERR_FAULT_VALUE, keys[i], "Duplicate parameter: '%s'.",
                                 keys[i]);
        }
    }
    return STATUS_OK;
}

enum status openai_fields_model(const struct scan *s, struct str *out, struct err *err)
{
    scan_ref r = SCAN_GET(s, 0, "model");
    if (!openai_fields_has(s, r)) {
        return openai_fields_missing(err, "model");
    }
    *out = scan_text(s, r);
    return out->n > 0 ? STATUS_OK : openai_fields_wrong(err, "model", "a model name");
}

enum status openai_fields_tokens(const struct scan *s, const char *const *names, size_t n,
                                 int64_t *out, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        scan_ref r = scan_get(s, 0, text_from(names[i]));
        if (!openai_fields_has(s, r)) {
            continue;
        }
        if (!scan_i64(s, r, out)) {
            return openai_fields_wrong(err, names[i], "an integer");
        }
        if (*out < 1) {
            return err_set_param(err, ERR_FAULT_VALUE, names[i],
                                 "Invalid '%s': expected a value >= 1.", names[i]);
        }
        return STATUS_OK;
    }
    return STATUS_OK;
}

enum status openai_fields_numbers(const struct scan *s, struct err *err)
{
    static const char *const names[] = {"temperature", "top_p"};
    double ignored;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        scan_ref r = scan_get(s, 0, text_from(names[i]));
        if (openai_fields_has(s, r) && !scan_f64(s, r, &ignored)) {
            return openai_fields_wrong(err, names[i], "a decimal");
        }
    }
    return STATUS_OK;
}
