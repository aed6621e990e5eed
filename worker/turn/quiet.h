/*
 * quiet.h - a sentence for the log without what somebody else wrote. AWS's and our own refusals
 * quote the value that is wrong, which may be a piece of a prompt. The client gets the sentence as
 * it is, since those words are its own; the log keeps which field and which rule. Pure; worker.
 */
#ifndef WORKER_TURN_QUIET_H
#define WORKER_TURN_QUIET_H

#include "server/base/text.h"

#define QUIET_SIZE 320 /* of a sentence in the log */

/* What stands in quotes and is no plain word (letters, digits, . _ - [ ] / : up to 64) becomes its
 * length, and so does whatever AWS calls a Value. One line. */
struct str quiet_sentence(struct str sentence, char out[QUIET_SIZE]);
/* The same of a whole text; four times its length hold it. size: at least 1. */
struct str quiet_text(struct str text, char *out, size_t size);

#endif
