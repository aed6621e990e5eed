/*
 * response_parse.h - HTTP/1.1 answers, incrementally: llhttp (strict) plus the rules it does not
 * make. Pure; any process.
 *
 * A line is looked at when it is whole, so that the verdict cannot depend on where TCP cut the
 * bytes; llhttp reads it for a second time, and both have to come to the same end. Refused besides
 * what llhttp refuses: bare CR or LF, control characters, folded lines, any Transfer-Encoding but
 * "chunked", that one beside Content-Length or in HTTP/1.0, HTTP/0.9 and 2, 101 (nobody asked for
 * an upgrade). Sources: RFC 9112 sections 4 to 7, RFC 9110 15.2.
 */
#ifndef SERVER_NET_RESPONSE_PARSE_H
#define SERVER_NET_RESPONSE_PARSE_H

#include "server/base/text.h"

enum response_event {
    RESPONSE_NEED_MORE, /* *input is used up */
    RESPONSE_HEAD, /* status line and headers are here; interim answers (1xx) pass in silence */
    RESPONSE_BODY, /* *body_out is a piece of the decoded body, inside *input's bytes */
    RESPONSE_END,  /* the answer is complete */
    RESPONSE_BAD   /* see response_parse_fault: never parse on */
};

/* X(name, what there is instead of an answer; NULL: no HTTP at all) */
#define RESPONSE_FAULTS(X)                         \
    X(NONE, NULL)                                  \
    X(ALIEN, NULL)                                 \
    X(HEAD_LONG, "too many header bytes")          \
    X(HEAD_BAD, "a malformed answer")              \
    X(LENGTH_UNCLEAR, "a body of no clear length") \
    X(CHUNK_BAD, "a malformed chunk")              \
    X(NO_MEMORY, "no memory for an answer")

enum response_fault {
#define FAULT_ENUM(name, text) RESPONSE_##name,
    RESPONSE_FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
};

struct response_parse;

struct response_parse *response_parse_new(void); /* NULL: no memory */
void response_parse_drop(struct response_parse *p);
void response_parse_reset(struct response_parse *p); /* before each answer but the first */
/* Takes bytes off the front of *input. What is left at RESPONSE_END is no part of the answer. */
enum response_event response_parse_next(struct response_parse *p, struct str *input,
                                        struct str *body_out);
/* The other side has ended: is the answer complete, its body being what came until then? */
bool response_parse_ended(const struct response_parse *p);
int response_parse_status(const struct response_parse *p); /* 0 before the status line */
/* The header lines, each "name: value" and '\n'; of the last answer, never of the trailer. */
struct str response_parse_head(const struct response_parse *p);
/* After RESPONSE_HEAD: the connection may be used again when the answer is complete. */
bool response_parse_keeps(const struct response_parse *p);
enum response_fault response_parse_fault(const struct response_parse *p);
const char *response_parse_fault_text(enum response_fault fault);

#endif
