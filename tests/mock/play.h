/*
 * play.h - the demonstration of `make run`: asked for "demo" by a client that offers tools, the
 * mock plays an agent. It has the client read a small file, raise a number in it and look at it
 * with the shell, and then tells in its own words what came of it; what the tools answer decides
 * how it goes on. The file lies in the folder of --play; nothing else is named in any call. Without
 * --play there is no play.
 *
 * The conversation itself is the memory: each request holds all that was said since the prompt.
 * Both dialects tell it to struct play while they read a request, and know nothing of scenes.
 */
#ifndef MOCK_PLAY_H
#define MOCK_PLAY_H

#include "server/base/text.h"

#define PLAY_FILE    "notes.txt" /* in the folder; it has a line PLAY_LINE and a number */
#define PLAY_LINE    "Times played: "
#define PLAY_RESULTS 4
#define PLAY_PACE_MS 30 /* before each delta: some 400 characters a second */

struct play {
    bool on;                           /* the last prompt names the demo */
    struct str result[PLAY_RESULTS];   /* of the tools that were called since */
    bool failed[PLAY_RESULTS];         /* ... and said so */
    size_t result_n;                   /* all, also those that found no room */
    bool answers, prompts, names_demo; /* of the user's turn that is being read */
};

/* Reading a user's turn: begin, then its blocks in any order, then end. */
void play_turn_begin(struct play *p);
void play_hear_text(struct play *p, struct str text);
void play_hear_result(struct play *p, struct str text, bool failed);
void play_turn_end(struct play *p);

struct arena;
struct ask;
struct reply;
/* The next scene into out. False: it is no play, or no tool fits it. */
bool play_reply(struct arena *arena, const struct ask *ask, struct reply *out);
/* Only plain characters: the folder also stands in a command of the shell. */
bool play_is_folder(const char *path);

#endif
