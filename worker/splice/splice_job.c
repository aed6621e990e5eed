#include "worker/splice/splice_job.h"

#include <stdio.h>
#include "server/base/arena.h"

#define CHANGES_MAX 1000 /* goes into one response header */

void splice_note(struct splice_job *j, const char *verb, struct str what)
{
    char text[128];
    int n = snprintf(text, sizeof text, "%s%.*s", verb, STR_ARG(what));
    struct str note = {text, n < (int)sizeof text ? (size_t)n : sizeof text - 1}, list, one;
    list = buf_str(j->changes);
    while (text_split(&list, ',', &one))
        if (text_eq(one, note))
            return;
    if (j->lost.n == 0 && text_starts(note, STR("drop:")))
        j->lost = arena_dup(j->s->arena, text_sub(note, STR("drop:").n, note.n));
    if (buf_len(j->changes) + note.n >= CHANGES_MAX)
        return;
    if (buf_len(j->changes) > 0)
        buf_put_char(j->changes, ',');
    buf_put_str(j->changes, note);
}
