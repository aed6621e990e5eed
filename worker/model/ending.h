/*
 * ending.h - the day on which a model ends, by the table of models in force. Any process.
 */
#ifndef WORKER_MODEL_ENDING_H
#define WORKER_MODEL_ENDING_H

#include <stdbool.h>
#include <stdint.h>
#include "server/base/text.h"

#define ENDING_TEXT_MAX 400

/* When the day begins on which the model of this Bedrock id ends, as real time; 0: its own row of the
 * table names none. */
int64_t ending_at(struct str id);
/* Is that within 90 days of now, or past? */
bool ending_is_near(int64_t ends_ms, int64_t now_ms);
/* "ID ends on DAY, in N days; use OTHER"; false: it is not near. */
bool ending_tell(struct str id, int64_t now_ms, char text_out[ENDING_TEXT_MAX]);

#endif
