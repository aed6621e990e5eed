/*
 * cures_text.h - how cures.c reads a sentence: words, parts of words, what it quotes, where it points,
 * which number it gives. Case never counts. Pure; worker.
 */
#ifndef WORKER_MODEL_CURES_TEXT_H
#define WORKER_MODEL_CURES_TEXT_H

#include "server/base/text.h"

/* As a whole word: neither letter, digit nor '_' beside it. */
bool cures_text_word(struct str sentence, struct str word, size_t *at_out);
bool cures_text_any_word(struct str sentence, const char *const *list, size_t n);
bool cures_text_any(struct str sentence, const char *const *list, size_t n); /* anywhere */
/* All parts of the pattern, joined by '&', are there. */
bool cures_text_fits(struct str sentence, struct str pattern);
/* It says "with ..." of something that is not the model. */
bool cures_text_with(struct str sentence);
/* In quotes stands more than a name: what the client has written, perhaps. */
bool cures_text_echoes(struct str sentence);
/* A word of it, not the first, begins with a digit. */
bool cures_text_figure(struct str sentence);
/* The next name in quotes, but for that of a model; rest: behind it. False: there is no other. */
bool cures_text_quoted(struct str *rest, struct str *word_out);
/* The largest number below asked; 0: there is none. Commas may part thousands. */
uint32_t cures_text_number(struct str sentence, int64_t asked);

enum cures_place {
    CURES_TEXT_TOP,   /* it points nowhere, or to a top-level field */
    CURES_TEXT_PART,  /* to a member of a message or tool that this program may take out */
    CURES_TEXT_INSIDE /* to the client's own words in there */
};

/* path_out: what it points with; empty for TOP. */
enum cures_place cures_text_place(struct str sentence, struct str *path_out);

#endif
