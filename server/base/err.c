#include "server/base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_row rows[STATUS_COUNT] = {
#define ERR_ROW(name, h1, t1, h2, t2, c2, r) {#name, {h1, h2}, {t1, t2}, c2, r},
    ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

const struct err_row *err_row(enum status code)
{
    assert(code < STATUS_COUNT);
    return &rows[code];
}

struct err_special {
    enum status status;
    int http;
    const char *type, *code;
};

static const struct err_special responses[] = {
#define ERR_SPECIAL(name, http, type, code) {STATUS_##name, http, type, code},
    ERR_RESPONSES(ERR_SPECIAL)
#undef ERR_SPECIAL
};

static const struct err_special bedrock[] = {
#define ERR_SPECIAL(name, http, type) {STATUS_##name, http, type, NULL},
    ERR_BEDROCK(ERR_SPECIAL)
#undef ERR_SPECIAL
};

static const struct {
    const struct err_special *row;
    size_t n;
} specials[DIALECT_COUNT] = {
    [DIALECT_RESPONSES] = {responses, sizeof responses / sizeof responses[0]},
    [DIALECT_BEDROCK] = {bedrock, sizeof bedrock / sizeof bedrock[0]},
};

/* NULL: as on the other routes. */
static const struct err_special *special(enum status code, enum dialect dialect)
{
    for (size_t i = 0; i < specials[dialect].n; i++) {
        if (specials[dialect].row[i].status == code) {
            return &specials[dialect].row[i];
        }
    }
    return NULL;
}

static bool speaks_openai(enum dialect dialect)
{
    return dialect == DIALECT_OPENAI || dialect == DIALECT_RESPONSES;
}

int err_http(enum status code, enum dialect dialect)
{
    const struct err_special *own = special(code, dialect);
    return own ? own->http : err_row(code)->http[speaks_openai(dialect)];
}

static const char *exception(enum status code)
{
    int http = err_row(code)->http[0];
    return http < 400 ? "" : http < 500 ? "ValidationException" : "InternalServerException";
}

const char *err_type(enum status code, enum dialect dialect)
{
    const struct err_special *own = special(code, dialect);
    return own                          ? own->type
           : dialect == DIALECT_BEDROCK ? exception(code)
                                        : err_row(code)->type[speaks_openai(dialect)];
}

const char *err_code(const struct err *err, enum dialect dialect)
{
    static const char *const codes[] = {
#define ERR_CODE(name, code) code,
        ERR_FAULTS(ERR_CODE)
#undef ERR_CODE
    };
    const struct err_special *there = special(err->code, dialect);
    const char *own = there ? there->code : err_row(err->code)->code;
    return own ? own : codes[err->fault];
}

/* A text that was cut, here or on its way, ends before a letter and not in it (UTF-8). */
static void end_at_letter(char *text)
{
    size_t n = strlen(text), back = 0;
    while (back < 3 && back < n && (text[n - 1 - back] & 0xc0) == 0x80) {
        back++;
    }
    if (back == n) {
        return;
    }
    unsigned char first = (unsigned char)text[n - 1 - back];
    size_t want = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    if (want > back) {
        text[n - 1 - back] = '\0';
    }
}

static void fill(struct err *err, enum status code, enum err_fault fault, const char *param,
                 const char *fmt, va_list args)
{
    err->code = code;
    err->retry_after_s = 0;
    err->fault = fault;
    snprintf(err->param, sizeof err->param, "%s", param);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    end_at_letter(err->text);
}

enum status err_set(struct err *err, enum status code, const char *fmt, ...)
{
    assert(code < STATUS_COUNT);
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, code, ERR_FAULT_NONE, "", fmt, args);
        va_end(args);
    }
    return code;
}

enum status err_set_param(struct err *err, enum err_fault fault, const char *param, const char *fmt,
                          ...)
{
    assert(fault != ERR_FAULT_NONE && param[0]);
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, STATUS_INVALID, fault, param, fmt, args);
        va_end(args);
    }
    return STATUS_INVALID;
}

enum status err_no_memory(struct err *err)
{
    return err_set(err, STATUS_BUSY, "out of memory for this request; try again");
}
