#include "worker/turn/terms.h"

#include "shm/memory/counters.h"
#include "worker/dialect/changes.h"
#include "worker/turn/wait.h"

#define METADATA_MAX  256 /* characters of a value, RequestMetadataValueString of service-2.json */
#define METADATA_ROOM 1024
#define KEY_ID_SIZE   9 /* as in our log */

static bool has_own(const struct exchange *x)
{
    return x->caller.who == CALLER_KEY && (x->caller.key.flags & DIRECTORY_TERMS);
}

static enum status refuse(struct exchange *x)
{
    x->outcome.refused = COUNTER_REFUSED_KEY_STORE;
    err_set(&x->outcome.err, STATUS_UNAVAILABLE,
            "the guardrail or the project of this API key cannot be read");
    wait_say(&x->outcome.err, "try again", 1);
    return x->outcome.err.code;
}

/* What the key has of its own comes before the settings. A miss: its row has changed meanwhile. */
static enum status put_own(struct exchange *x, struct plan_terms *t)
{
    struct directory_terms own;
    const struct segment *s = x->worker->segment;
    enum directory_found found = directory_find_terms(s, x->caller.digest, &own);
    if (found == DIRECTORY_MISS &&
        directory_find(s, x->caller.digest, &x->caller.key) == DIRECTORY_HIT && !has_own(x)) {
        return STATUS_OK;
    }
    if (found != DIRECTORY_HIT) {
        return refuse(x);
    }
    struct str guardrail = arena_dup(x->arena, text_from(own.guardrail)),
               project = arena_dup(x->arena, text_from(own.project));
    if (!guardrail.p || !project.p) {
        return err_no_memory(&x->outcome.err);
    }
    if (guardrail.n > 0 && !bedrock_terms_guardrail(guardrail, &t->guardrail) &&
        !text_eq(guardrail, STR("off"))) { /* the refresher has read it otherwise */
        return refuse(x);
    }
    t->project = project.n > 0 ? project : t->project;
    return STATUS_OK;
}

/* --- metadata ------------------------------------------------------------------------------ */

/* Letters of AWS's only (RequestMetadataValueString of service-2.json): a header holds it, too. */
static void put_value(struct buf *out, const char *name, struct str value)
{
    if (value.n == 0) {
        return;
    }
    buf_printf(out, "%s\"%s\":\"", buf_len(out) > 1 ? "," : "", name);
    for (size_t i = 0; i < value.n && i < METADATA_MAX; i++) {
        buf_put_char(out, text_word_char(value.p[i], " _:@$#=/+,-.") ? value.p[i] : '_');
    }
    buf_put_char(out, '"');
}

static struct str user_of(const struct caller *c)
{
    return c->who == CALLER_KEY      ? (struct str){c->key.user, c->key.user_len}
           : c->who == CALLER_MASTER ? STR("master")
                                     : STR("");
}

/* An object of one member at least, or nothing. */
static enum status put_metadata(struct exchange *x, struct plan_terms *t)
{
    unsigned wanted = x->worker->config->metadata;
    char key_id[KEY_ID_SIZE] = "";
    struct buf out;
    if (x->caller.who == CALLER_KEY) {
        text_hex(x->caller.digest, (KEY_ID_SIZE - 1) / 2, key_id);
    }
    buf_init(&out, METADATA_ROOM);
    buf_put_char(&out, '{');
    put_value(&out, "user", wanted & BEDROCK_TERMS_USER ? user_of(&x->caller) : STR(""));
    put_value(&out, "key_id", wanted & BEDROCK_TERMS_KEY ? text_from(key_id) : STR(""));
    put_value(&out, "request_id", wanted & BEDROCK_TERMS_REQUEST ? x->asked.id : STR(""));
    buf_put_char(&out, '}');
    bool any = buf_len(&out) > STR("{}").n;
    t->metadata = any && buf_ok(&out) ? arena_dup(x->arena, buf_str(&out)) : STR("");
    bool ok = buf_ok(&out) && t->metadata.p;
    buf_free(&out);
    return ok ? STATUS_OK : err_no_memory(&x->outcome.err);
}

/* "Application inference profiles don't support non-default projects" (service-2.json): their own tags
 * tell whose the cost is. */
static void drop_project_of_profile(struct exchange *x, struct plan_terms *t)
{
    size_t at;
    if (t->project.n > 0 &&
        text_find(x->asked.model.id, STR(":application-inference-profile/"), &at)) {
        t->project = STR("");
        changes_note(&x->attempt.changes, "drop:", STR("project"));
    }
}

enum status terms_find(struct exchange *x)
{
    const struct config *c = x->worker->config;
    struct plan_terms *t = &x->attempt.terms;
    *t = (struct plan_terms){.metadata = {NULL, 0}};
    if (x->asked.counting || !(c->terms || has_own(x))) { /* CountTokens has none of them */
        return STATUS_OK;
    }
    t->guardrail = c->guardrail;
    t->project = text_from(c->bedrock_project);
    enum status st = has_own(x) ? put_own(x, t) : STATUS_OK;
    drop_project_of_profile(x, t);
    return st == STATUS_OK && c->metadata ? put_metadata(x, t) : st;
}
