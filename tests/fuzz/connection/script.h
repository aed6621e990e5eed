/*
 * script.h - what happens around a worker, as text: one event a line. It is what the fuzzer
 * changes, what a crash leaves behind, and what the seeds are written in.
 *
 *     ask 0 0 4 120       client 0 sends request 0 with key 4, of which 120 bytes arrive
 *     +rst 0              it is reset, and before the worker has seen that ...
 *     key 1               ... the refresher says that there is no such key
 *
 * After a line the worker runs until it waits for something new. "+" in front: the next line
 * happens before the worker looks; "-": the worker's loop makes one turn only. Numbers that are
 * left out are 0, too great ones are taken modulo. Text stands in double quotes, with \r \n \t
 * \\ \" \xHH. What cannot be understood is left out.
 */
#ifndef TESTS_FUZZ_CONNECTION_SCRIPT_H
#define TESTS_FUZZ_CONNECTION_SCRIPT_H

#include "server/base/buf.h"

enum { SCRIPT_LINES = 32, SCRIPT_ARGS = 4, SCRIPT_TEXT = 8192 };

/*
 * X(NAME, "name", text, weight, range of each number, meaning). text: 1 when a text follows.
 * weight: how often a line of chance is of this kind. The range of a number: 0..range-1 in a line
 * of chance; 0: it has none. C: client; U: transfer to Bedrock, counted from the youngest; N:
 * bytes, 0: all, SCRIPT_HEAD + n: the head of what was said just now and n bytes more.
 */
#define SCRIPT_HEAD 10000
#define SCRIPT_TABLE(X)                                                                          \
    X(CONFIG, "config", 0, 0, 4, 0, 0, 0, "K: settings; only in the first line")                 \
    X(AUTO, "auto", 0, 6, 40, 0, 0, 0, "T: Bedrock answers by itself with answer T - 1; 0: not") \
    X(OPEN, "open", 0, 3, 4, 0, 0, 0, "C: connects, anew if it was")                             \
    X(ASK, "ask", 0, 30, 4, 53, 16, 600,                                                         \
      "C T K N: sends request T with key K, N bytes of it arrive")                               \
    X(TALK, "talk", 0, 20, 4, 53, 16, 600,                                                       \
      "C T K N: the same in HTTP/2, each request on a stream of its own")                        \
    X(FRAME, "frame", 0, 14, 4, 38, 4, 20,                                                       \
      "C F S N: frame F of frames.c on stream S (0: the youngest), N bytes of it arrive")        \
    X(SEND, "send", 1, 6, 4, 0, 0, 0, "C N text: sends that")                                    \
    X(GIVE, "give", 0, 10, 4, 400, 0, 0, "C N: more of what was sent arrives")                   \
    X(SIP, "sip", 0, 2, 4, 40, 0, 0, "C N: the worker's recv gives at most N bytes")             \
    X(ROOM, "room", 0, 4, 4, 3000, 0, 0, "C N: client C reads N bytes more and then no more")    \
    X(READ, "read", 0, 3, 4, 0, 0, 0, "C: client C reads all")                                   \
    X(FIN, "fin", 0, 6, 4, 0, 0, 0, "C: has sent all")                                           \
    X(QUIT, "quit", 0, 4, 4, 0, 0, 0, "C: closes; what is sent to it then is answered by RST")   \
    X(RST, "rst", 0, 6, 4, 0, 0, 0, "C: resets")                                                 \
    X(DIAL, "dial", 0, 2, 3, 0, 0, 0, "M: connecting to Bedrock 0 works, 1 is refused, 2 hangs") \
    X(ANSWER, "answer", 0, 16, 4, 40, 1000, 0,                                                   \
      "U T N: Bedrock answers with T, N bytes of it arrive")                                     \
    X(FRAMES, "frames", 1, 4, 4, 300, 0, 0, "U N text: events in the words of saying.h")         \
    X(REPLY, "reply", 1, 2, 4, 300, 0, 0, "U N text: those bytes")                               \
    X(POUR, "pour", 0, 10, 4, 600, 0, 0, "U N: more of what Bedrock said arrives")               \
    X(UPSIP, "upsip", 0, 1, 4, 40, 0, 0, "U N: as sip")                                          \
    X(UPROOM, "uproom", 0, 1, 4, 500, 0, 0, "U N: as room")                                      \
    X(UPFIN, "upfin", 0, 4, 4, 0, 0, 0, "U: Bedrock closes")                                     \
    X(UPRST, "uprst", 0, 3, 4, 0, 0, 0, "U: Bedrock resets")                                     \
    X(KEY, "key", 0, 8, 3, 0, 0, 0,                                                              \
      "R: the refresher answers a question: 0 found, 1 none, 2 away")                            \
    X(TABLE, "table", 0, 1, 8, 0, 0, 0, "K: a new key table, without key K")                     \
    X(STORED, "stored", 0, 1, 0, 0, 0, 0, "the store takes all closed usage records")            \
    X(SIGN, "sign", 0, 1, 3, 0, 0, 0, "R: signing keys 0 fresh, 1 none, 2 about to expire")      \
    X(WAIT, "wait", 0, 10, 6, 0, 0, 0, "N: N + 1 times to the next deadline of the worker")      \
    X(CLOCK, "clock", 0, 5, 4000, 0, 0, 0, "N: N milliseconds pass")                             \
    X(DATE, "date", 0, 1, 5000000, 2, 0, 0, "N B: the calendar jumps by N seconds, back if B")   \
    X(ORDER, "order", 0, 3, 1000, 0, 0, 0, "N: events are told in another order")                \
    X(NOFD, "nofd", 0, 1, 3, 0, 0, 0, "N: accept fails that often")                              \
    X(NOMEM, "nomem", 0, 1, 40, 0, 0, 0,                                                         \
      "N: in the next turn of the worker's loop its Nth allocation fails")                       \
    X(RING, "ring", 0, 1, 0, 0, 0, 0, "the worker is woken for nothing")                         \
    X(TERM, "term", 0, 3, 0, 0, 0, 0, "SIGTERM")                                                 \
    X(INT, "int", 0, 1, 0, 0, 0, 0, "SIGINT")                                                    \
    X(ORPHAN, "orphan", 0, 1, 0, 0, 0, 0, "the master has died")                                 \
    X(END, "end", 0, 1, 6, 0, 0, 0, "K: how it ends; see world.h")

enum script_op {
#define SCRIPT_ENUM(NAME, name, text, weight, a, b, c, d, meaning) SCRIPT_##NAME,
    SCRIPT_TABLE(SCRIPT_ENUM)
#undef SCRIPT_ENUM
        SCRIPT_OPS
};

struct script_line {
    enum script_op op;
    char mark; /* '+', '-' or 0 */
    uint32_t arg[SCRIPT_ARGS];
    struct str text; /* into the script's bytes */
};

struct script {
    size_t n;
    struct script_line line[SCRIPT_LINES];
    size_t used;
    char bytes[SCRIPT_TEXT];
};

const char *script_name(enum script_op op);
unsigned script_args(enum script_op op); /* how many numbers it has */
uint32_t script_range(enum script_op op, unsigned arg);
bool script_has_text(enum script_op op);
void script_read(struct script *s, struct str text);
void script_print(const struct script *s, struct buf *out);
void script_print_line(const struct script_line *line, struct buf *out);

#endif
