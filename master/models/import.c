#include "master/models/import.h"

#include <string.h>

#include "master/models/litellm.h"
#include "master/models/models_dev.h"
#include "master/models/sheet.h"
#include "server/base/arena.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_read.h"

static const struct form {
    const char *name, *source;
    bool (*is)(const struct cJSON *doc);
    void (*read)(const struct cJSON *doc, struct sheet *sheet);
} forms[] = {
    {"litellm", "litellm", litellm_is, litellm_read},
    {"models.dev", "models.dev", models_dev_is, models_dev_read},
};

static enum status choose(const struct cJSON *doc, const char *file, const char *from,
                          const struct form **out, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (from ? strcmp(from, forms[i].name) == 0 : forms[i].is(doc)) {
            *out = &forms[i];
            return forms[i].is(doc) ? STATUS_OK
                                    : err_set(err, STATUS_INVALID, "%.100s: not the table of %s",
                                              file, forms[i].name);
        }
    }
    return from
               ? err_set(err, STATUS_INVALID, "--from %.40s: litellm or models.dev is needed", from)
               : err_set(err, STATUS_INVALID,
                         "%.100s: neither LiteLLM's table nor that of models.dev", file);
}

/* What the table's own reader refuses is not written. */
static enum status check(struct str rows, const char *file, struct err *err)
{
    struct catalogue *t = catalogue_room();
    catalogue_read_begin(t);
    enum status st = catalogue_read(t, rows, file, err);
    return st == STATUS_OK ? catalogue_read_end(t, file, err) : st;
}

static enum status convert(const struct cJSON *doc, const char *file, const char *from,
                           struct buf *out, struct err *err)
{
    const struct form *form = NULL;
    enum status st = choose(doc, file, from, &form, err);
    if (st != STATUS_OK) {
        return st;
    }
    struct sheet *sheet = heap_new(sizeof *sheet);
    if (!sheet) {
        return err_no_memory(err);
    }
    sheet->source = form->source;
    form->read(doc, sheet);
    sheet_put(sheet, out);
    st = sheet->n == 0  ? err_set(err, STATUS_INVALID, "%.100s: no model of Bedrock in it", file)
         : !buf_ok(out) ? err_no_memory(err)
                        : check(buf_str(out), file, err);
    heap_drop(sheet);
    return st;
}

enum status import_rows(const char *file, const char *from, struct buf *out, struct err *err)
{
    struct buf text;
    struct err why;
    struct cJSON *doc = NULL;
    buf_init(&text, IMPORT_FILE_MAX);
    enum status st = catalogue_read_file(file, &text, err);
    if (st == STATUS_OK) {
        doc = json_parse(buf_str(&text), &why);
        st = doc ? convert(doc, file, from, out, err)
                 : err_set(err, STATUS_INVALID, "%.100s: %.90s", file, why.text);
    }
    if (st != STATUS_OK) {
        buf_clear(out);
    }
    json_free(doc);
    buf_free(&text);
    return st;
}
