/*
 * converse_place.h - where in the client's request the writer is, so that a refusal can name it: "messages" of a
 * Chat request, whose clients were never told more, and "input[3].content[0]" of a Responses request. Pure; worker.
 */
#ifndef WORKER_CONVERSE_CONVERSE_PLACE_H
#define WORKER_CONVERSE_CONVERSE_PLACE_H

#include <stdbool.h>

#define CONVERSE_PLACE_SIZE 64 /* err.param */

struct converse_place {
    bool exact;         /* of a Responses request: the rest is known */
    bool in_item;       /* else it is the whole input */
    bool in_part;       /* of the content, or another member, of the item */
    const char *member; /* that member */
    unsigned item, part;
};

void converse_place_path(const struct converse_place *p, char out[CONVERSE_PLACE_SIZE]);
/* The same of a member of a part. */
void converse_place_member(const struct converse_place *p, const char *member,
                           char out[CONVERSE_PLACE_SIZE]);

#endif
