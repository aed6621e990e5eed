#include "worker/converse/converse_place.h"

#include <stdio.h>

void converse_place_path(const struct converse_place *p, char out[CONVERSE_PLACE_SIZE])
{
    if (!p->exact || !p->in_item) {
        snprintf(out, CONVERSE_PLACE_SIZE, "%s", p->exact ? "input" : "messages");
    } else if (p->in_part) {
        snprintf(out, CONVERSE_PLACE_SIZE, "input[%u].%.12s[%u]", p->item, p->member, p->part);
    } else {
        snprintf(out, CONVERSE_PLACE_SIZE, "input[%u]", p->item);
    }
}

void converse_place_member(const struct converse_place *p, const char *member,
                           char out[CONVERSE_PLACE_SIZE])
{
    char path[CONVERSE_PLACE_SIZE] = "messages[].content[]";
    if (p->exact) {
        converse_place_path(p, path);
    }
    snprintf(out, CONVERSE_PLACE_SIZE, "%.50s.%.12s", path, member);
}
