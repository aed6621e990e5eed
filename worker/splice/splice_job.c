#include "worker/splice/splice_job.h"

#include <string.h>
#include "server/base/arena.h"
#include "worker/dialect/changes.h"

void splice_note(struct splice_job *j, const char *verb, struct str what)
{
    bool first = changes_note(j->changes, verb, what) && j->lost.n == 0;
    if (first && strcmp(verb, "drop:") == 0)
        j->lost = arena_dup(j->s->arena, what);
}
