/*
 * ending.h - how a process ended, in words: for the log, and for `top`. Master and CLI.
 */
#ifndef MASTER_SUPERVISE_ENDING_H
#define MASTER_SUPERVISE_ENDING_H

#include "shm/memory/scoreboard.h"

#define ENDING_MAX 224

/* "was killed by SIGABRT; its last exchange was in AUTH; http_in.c:86: c->state == CONN_BODY". The
 * exchange is the one that moved last, which need not be the one that died. */
void ending_describe(const struct scoreboard_end *e, char out[ENDING_MAX]);
/* The state's name; NULL: there was no exchange. */
const char *ending_exchange(const struct scoreboard_end *e);

#endif
