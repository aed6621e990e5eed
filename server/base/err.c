#include "server/base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

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

enum status err_set(struct err *err, enum status code, const char *fmt, ...)
{
    assert(code < STATUS_COUNT);
    if (err) {
        err->code = code;
        err->retry_after_s = 0;
        va_list args;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
    }
    return code;
}
