/*
 * err_param.h - for tests: a refusal in OpenAI's words quotes the parameter at fault, and the error
 * carries the same one beside its text. What the words say is read here, and only here.
 */
#ifndef TESTS_UNIT_ERR_PARAM_H
#define TESTS_UNIT_ERR_PARAM_H

#include <string.h>

#include "server/base/err.h"
#include "server/base/text.h"

/* Does what the error carries fit what its text says? */
static bool err_param_fits(const struct err *err)
{
    static const struct {
        struct str opening;
        const char *code;
    } rows[] = {
        {STR("Invalid '"), "invalid_value"},
        {STR("Invalid type for '"), "invalid_type"},
        {STR("Invalid value for '"), "invalid_value"},
        {STR("Missing required parameter: '"), "missing_required_parameter"},
        {STR("Duplicate parameter: '"), "invalid_value"},
        {STR("Unsupported parameter: '"), "unsupported_parameter"},
    };
    struct str text = text_from(err->text);
    size_t end;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!text_starts(text, rows[i].opening)) {
            continue;
        }
        struct str rest = text_sub(text, rows[i].opening.n, text.n);
        if (!text_find(rest, STR("'"), &end)) {
            return false;
        }
        bool empty = text_starts(text_sub(rest, end, rest.n), STR("': empty array"));
        return text_eq(text_sub(rest, 0, end), text_from(err->param)) &&
               strcmp(err_code(err, DIALECT_OPENAI), empty ? "empty_array" : rows[i].code) == 0;
    }
    return err->param[0] == '\0';
}

#endif
