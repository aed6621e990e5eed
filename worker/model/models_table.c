#include "worker/model/models_table.h"

static const char *text(const struct catalogue_row *row, enum catalogue_column column)
{
    return catalogue_text(row, column).p; /* the pool ends each with a NUL */
}

static uint32_t tokens(const struct catalogue_row *row, enum catalogue_column column)
{
    uint32_t v = catalogue_number(row, column);
    return v == CATALOGUE_NONE ? 0 : v;
}

const struct models_caps *models_caps(struct str bedrock_id, struct models_caps *room)
{
    const struct catalogue_row *row = catalogue_find(bedrock_id);
    *room = (struct models_caps){
        .family = text(row, CATALOGUE_FAMILY),
        .vendor = text(row, CATALOGUE_VENDOR),
        .flags = catalogue_number(row, CATALOGUE_TAKES),
        .sampling = (enum models_sampling)catalogue_number(row, CATALOGUE_SAMPLING),
        .top_k = text(row, CATALOGUE_TOP_K),
        .thinking = (enum models_thinking)catalogue_number(row, CATALOGUE_THINKING),
        .level_at = (enum models_level_at)catalogue_number(row, CATALOGUE_LEVEL_AT),
        .efforts = text(row, CATALOGUE_EFFORTS),
        .output_max = tokens(row, CATALOGUE_OUTPUT),
        .context_max = tokens(row, CATALOGUE_CONTEXT),
        .betas = text(row, CATALOGUE_BETAS),
    };
    return room;
}

static bool keep(struct arena *arena, const char **what)
{
    struct str copy = arena_dup(arena, text_from(*what));
    *what = copy.p;
    return copy.p;
}

const struct models_caps *models_keep(struct arena *arena, struct str bedrock_id)
{
    struct models_caps *caps = arena_alloc(arena, sizeof *caps);
    if (!caps) {
        return NULL;
    }
    models_caps(bedrock_id, caps);
    return keep(arena, &caps->family) && keep(arena, &caps->vendor) && keep(arena, &caps->top_k) &&
                   keep(arena, &caps->efforts) && keep(arena, &caps->betas)
               ? caps
               : NULL;
}

struct str models_id(const struct catalogue_row *row, char room[MODELS_ID_ROOM])
{
    struct str profile = catalogue_text(row, CATALOGUE_PROFILE);
    struct str id = catalogue_text(row, CATALOGUE_ID);
    if (profile.n + id.n + 2 > MODELS_ID_ROOM) {
        return (struct str){room, 0};
    }
    text_copy(profile, room, MODELS_ID_ROOM);
    size_t at = profile.n;
    if (at) {
        room[at++] = '.';
    }
    text_copy(id, room + at, MODELS_ID_ROOM - at);
    return (struct str){room, at + id.n};
}

struct str models_behind(const struct models_choice *choice)
{
    return choice->behind.n ? choice->behind : choice->id;
}
