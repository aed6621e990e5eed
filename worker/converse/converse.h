/*
 * converse.h - what the request converters to Bedrock Converse share: names that Bedrock refuses,
 * mapped bijectively. Pure; worker.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
#ifndef WORKER_CONVERSE_CONVERSE_H
#define WORKER_CONVERSE_CONVERSE_H

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/text.h"

/* Tool names: [a-zA-Z0-9_-]{1,64}. A name that is not is replaced by a deterministic legal one
 * (stable over requests, so prompt caches hold) and put back in answers. */
struct converse_names; /* lives in the arena of the request */
struct converse_names *converse_names_new(struct arena *arena);
/* Bedrock's name for the client's; p NULL when the arena is used up. */
struct str converse_name_out(struct converse_names *names, struct str client);
/* The client's name for Bedrock's: the same span when it was never mapped. names may be NULL. */
struct str converse_name_back(const struct converse_names *names, struct str bedrock);

/* What a call of a tool is in the client's dialect: Bedrock knows functions only. */
enum converse_call {
    CONVERSE_CALL_FUNCTION,
    CONVERSE_CALL_CUSTOM, /* its input is free text: worker/openai/chat_tool.h */
    CONVERSE_CALL_SEARCH, /* tool_search that the client executes */
    CONVERSE_CALL_SHELL   /* local_shell */
};
/* Remembers that calls of this tool go back as such. false: no memory. */
MUST_CHECK bool converse_names_mark(struct converse_names *names, struct str client,
                                    enum converse_call kind);
/* FUNCTION for what was never marked. names may be NULL. */
enum converse_call converse_names_kind(const struct converse_names *names, struct str client);
/* The one name of a tool of a namespace ("" : of none): "space__name", or another where a different
 * tool has that already. The same for the same tool. p NULL: no memory. */
struct str converse_names_join(struct converse_names *names, struct str space, struct str name);
/* Is this the first time that the tool of that joined name is put? Bedrock takes none twice. */
bool converse_names_first(struct converse_names *names, struct str joined);
/* Of a joined name; false: it was joined of nothing, or is the name itself. names may be NULL. */
bool converse_names_split(const struct converse_names *names, struct str joined,
                          struct str *space_out, struct str *name_out);
/* Document names: letters, digits, single blanks, hyphens, round and square brackets, 1..200;
 * unique by a number at the end. */
struct str converse_document_name(struct arena *arena, struct str title, unsigned number);
/* DocumentFormat of a media type, or of the end of a name where there is no type (or one that says
 * nothing); empty: Bedrock has none for it. */
struct str converse_document_format(struct str media_type, struct str name);
#define CONVERSE_DOCUMENT_FORMATS "pdf, csv, doc, docx, xls, xlsx, html, txt and md"
/* RFC 4648 section 4, not empty: what Bedrock decodes as a blob. */
bool converse_is_base64(struct str s);

#endif
