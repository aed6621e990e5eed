#include "worker/model/behind.h"

#include <string.h>

#include "shm/catalogue/nickname.h"
#include "shm/catalogue/region.h"
#include "shm/memory/directory.h"
#include "shm/memory/profiles.h"
#include "worker/model/model_id.h"
#include "worker/model/rule.h"

/* The id that a name alone tells; without a geography, which no name tells: its price is that of
 * the region then. Our aliases of OpenAI's names say nothing about what an operator maps them to. */
static struct str told_by(const struct config *c, struct str name, char room[RULE_ROOM])
{
    const struct catalogue_row *row = catalogue_named(name);
    if (row && rule_is_openai(name) && catalogue_number(row, CATALOGUE_TAKES) & MODELS_CLAUDE) {
        return (struct str){NULL, 0};
    }
    if (!row && model_id_is_legal(name)) {
        return model_id_is_opaque(name) ? (struct str){NULL, 0} : name;
    }
    row = row ? row : nickname_find(name);
    return row ? catalogue_text(row, CATALOGUE_ID) : region_base(rule_claude(c, name, room));
}

const char behind_asked[] = "unknown";
const char behind_declared[] = "declared";

struct answer {
    struct str id;
    const char *by;
};

/* Only AWS's own profiles can be asked for. */
static struct answer ask_aws(const struct segment *s, struct str arn, char room[PROFILES_ID_MAX])
{
    size_t at;
    enum profiles_found found = text_find(arn, STR(":application-inference-profile/"), &at)
                                    ? profiles_find(s, arn, room)
                                    : PROFILES_NOTHING;
    return found == PROFILES_KNOWN   ? (struct answer){text_from(room), "profile"}
           : found == PROFILES_ASKED ? (struct answer){{NULL, 0}, BEHIND_ASKED}
                                     : (struct answer){{NULL, 0}, NULL};
}

/* --- the operator's word for an ARN that something else led to ----------------------------- */

#define LOOKS 3 /* one more is needed when the mappings are published in the middle of it */

struct word {
    struct str arn;
    char as[sizeof((struct directory_mapping *)0)->as];
    bool differs;
};

static void read_word(void *ctx, const struct directory_mapping *m)
{
    struct word *w = ctx;
    struct str to = text_from(m->to), rest = text_sub(to, w->arn.n, to.n);
    bool same = text_starts(to, w->arn) && (rest.n == 0 || text_ieq(rest, STR("[1m]")));
    if (!same || !m->as[0]) {
        return;
    }
    w->differs |= w->as[0] && strcmp(w->as, m->as) != 0;
    text_copy(text_from(m->as), w->as, sizeof w->as);
}

/* A client may name the ARN itself, which is in no mapping's first column. All mappings are looked
 * through: only for an ARN of this kind, and choices.h keeps what is declared. */
static bool find_word(const struct segment *s, struct str arn, struct word *out)
{
    for (int i = 0; s && i < LOOKS; i++) {
        *out = (struct word){.arn = arn};
        if (directory_each_mapping(s, read_word, out)) {
            return out->as[0] && !out->differs;
        }
    }
    return false;
}

static struct answer find(const struct config *c, const struct segment *s,
                          const struct behind_clues *clues, char room[RULE_ROOM], struct word *word)
{
    struct answer a = {told_by(c, clues->declared, room), BEHIND_DECLARED};
    if (a.id.n == 0 && clues->how == BEHIND_MAPPED) {
        a = (struct answer){told_by(c, clues->name, room), "name"};
    }
    if (a.id.n == 0 && find_word(s, clues->arn, word)) {
        a = (struct answer){told_by(c, text_from(word->as), room), BEHIND_DECLARED};
    }
    if (a.id.n == 0) {
        a = ask_aws(s, clues->arn, room);
    }
    if (a.id.n == 0 && !a.by && clues->how == BEHIND_FAMILY) {
        a = (struct answer){told_by(c, clues->name, room), "name"};
    }
    return a.id.n || a.by == BEHIND_ASKED ? a : (struct answer){{NULL, 0}, "unknown"};
}

bool behind_find(const struct config *c, const struct segment *s, struct arena *arena,
                 const struct behind_clues *clues, struct models_choice *out)
{
    char room[RULE_ROOM];
    if (model_id_is_opaque(clues->arn)) {
        struct word word; /* the answer may be a part of it, or of room */
        struct answer a = find(c, s, clues, room, &word);
        out->behind_by = a.by;
        out->behind = a.id.n ? arena_dup(arena, a.id) : a.id;
        if (a.id.n && !out->behind.p) {
            return false;
        }
    }
    out->caps = models_keep(arena, models_behind(out));
    return out->caps != NULL;
}

bool behind_is_known(const struct config *c, struct str declared)
{
    char room[RULE_ROOM];
    struct models_caps caps;
    struct str id = told_by(c, declared, room);
    return id.n > 0 && !text_eq(text_from(models_caps(id, &caps)->family), STR("other"));
}

struct str behind_told_by(const struct config *c, struct str name, char room[RULE_ROOM])
{
    return told_by(c, name, room);
}
