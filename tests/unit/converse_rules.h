/*
 * converse_rules.h - for tests: the rules of a Converse request that its shapes cannot say. Roles
 * alternate and the user begins; every call is answered at the head of the next turn and nothing
 * else is; toolConfig stands where tools are used; documents have names of their own and text
 * beside them; at most four cache points, none twice, their lifetimes never growing.
 */
#ifndef TESTS_UNIT_CONVERSE_RULES_H
#define TESTS_UNIT_CONVERSE_RULES_H

#include <stdio.h>
#include <string.h>

#include "server/json/scan.h"

#define RULES_CALLS 256

struct rules {
    const struct scan *s;
    const char *why;
    struct str call[RULES_CALLS]; /* ids of the last assistant turn */
    unsigned calls, answered;
    unsigned points;
    bool short_lived, tools_used;
    struct str document[RULES_CALLS];
    unsigned documents;
};

static bool rules_broken(struct rules *r, const char *why)
{
    r->why = why;
    return false;
}

static bool rules_point(struct rules *r, scan_ref block, bool *after_point)
{
    scan_ref point = SCAN_GET(r->s, block, "cachePoint");
    if (point == SCAN_ABSENT) {
        *after_point = false;
        return true;
    }
    bool hour = SCAN_IS(r->s, SCAN_GET(r->s, point, "ttl"), "1h");
    if (*after_point)
        return rules_broken(r, "two cache points together");
    if (++r->points > 4)
        return rules_broken(r, "more than four cache points");
    if (hour && r->short_lived)
        return rules_broken(r, "an hour after five minutes");
    r->short_lived = r->short_lived || !hour;
    *after_point = true;
    return true;
}

/* Tools or system. */
static bool rules_plain_list(struct rules *r, scan_ref list)
{
    bool after_point = true; /* none may stand first either */
    for (scan_ref v = scan_first(r->s, list); v != SCAN_ABSENT; v = scan_next(r->s, list, v))
        if (!rules_point(r, v, &after_point))
            return false;
    return true;
}

static bool rules_document(struct rules *r, scan_ref document)
{
    struct str name = scan_text(r->s, SCAN_GET(r->s, document, "name"));
    for (unsigned i = 0; i < r->documents; i++)
        if (text_eq(r->document[i], name))
            return rules_broken(r, "two documents of one name");
    if (r->documents < RULES_CALLS)
        r->document[r->documents++] = name;
    return true;
}

static bool rules_result(struct rules *r, scan_ref result)
{
    struct str id = scan_text(r->s, SCAN_GET(r->s, result, "toolUseId"));
    scan_ref content = SCAN_GET(r->s, result, "content");
    bool known = false;
    for (unsigned i = 0; i < r->calls && !known; i++)
        known = text_eq(r->call[i], id);
    r->answered++;
    if (!known)
        return rules_broken(r, "a result without its call");
    for (scan_ref v = scan_first(r->s, content); v != SCAN_ABSENT; v = scan_next(r->s, content, v))
        if (SCAN_GET(r->s, v, "document") != SCAN_ABSENT &&
            !rules_document(r, SCAN_GET(r->s, v, "document")))
            return false;
    return true;
}

static bool rules_user_turn(struct rules *r, scan_ref content)
{
    bool after_point = true, others = false, text = false, document = false;
    r->answered = 0;
    for (scan_ref v = scan_first(r->s, content); v != SCAN_ABSENT;
         v = scan_next(r->s, content, v)) {
        scan_ref result = SCAN_GET(r->s, v, "toolResult"), file = SCAN_GET(r->s, v, "document");
        if (SCAN_GET(r->s, v, "toolUse") != SCAN_ABSENT ||
            SCAN_GET(r->s, v, "reasoningContent") != SCAN_ABSENT)
            return rules_broken(r, "an assistant's block in a user's turn");
        if (result != SCAN_ABSENT && others)
            return rules_broken(r, "a result behind other blocks");
        if (result != SCAN_ABSENT && !rules_result(r, result))
            return false;
        if (file != SCAN_ABSENT && !rules_document(r, file))
            return false;
        others = others || result == SCAN_ABSENT;
        text = text || SCAN_GET(r->s, v, "text") != SCAN_ABSENT;
        document = document || file != SCAN_ABSENT;
        if (!rules_point(r, v, &after_point))
            return false;
    }
    if (document && !text)
        return rules_broken(r, "a document without text");
    return r->answered >= r->calls || rules_broken(r, "a call without its result");
}

static bool rules_assistant_turn(struct rules *r, scan_ref content)
{
    static const char *const users[] = {"image", "document", "toolResult", "searchResult"};
    bool after_point = true;
    r->calls = 0;
    for (scan_ref v = scan_first(r->s, content); v != SCAN_ABSENT;
         v = scan_next(r->s, content, v)) {
        scan_ref use = SCAN_GET(r->s, v, "toolUse");
        for (size_t i = 0; i < sizeof users / sizeof *users; i++)
            if (scan_get(r->s, v, text_from(users[i])) != SCAN_ABSENT)
                return rules_broken(r, "a user's block in an assistant's turn");
        if (use != SCAN_ABSENT && r->calls < RULES_CALLS)
            r->call[r->calls++] = scan_text(r->s, SCAN_GET(r->s, use, "toolUseId"));
        r->tools_used = r->tools_used || use != SCAN_ABSENT;
        if (!rules_point(r, v, &after_point))
            return false;
    }
    return true;
}

static bool rules_messages(struct rules *r, scan_ref messages)
{
    bool want_user = true;
    for (scan_ref m = scan_first(r->s, messages); m != SCAN_ABSENT;
         m = scan_next(r->s, messages, m)) {
        scan_ref content = SCAN_GET(r->s, m, "content");
        if (SCAN_IS(r->s, SCAN_GET(r->s, m, "role"), "user") != want_user)
            return rules_broken(r, "the wrong one's turn");
        if (!(want_user ? rules_user_turn(r, content) : rules_assistant_turn(r, content)))
            return false;
        want_user = !want_user;
    }
    return true;
}

/* Every id is called once: "tool_use ids must be unique". */
static bool rules_ids(struct rules *r, scan_ref messages)
{
    static struct str ids[4096];
    unsigned n = 0;
    for (scan_ref m = scan_first(r->s, messages); m != SCAN_ABSENT;
         m = scan_next(r->s, messages, m)) {
        scan_ref content = SCAN_GET(r->s, m, "content");
        for (scan_ref v = scan_first(r->s, content); v != SCAN_ABSENT;
             v = scan_next(r->s, content, v)) {
            struct str id =
                scan_text(r->s, SCAN_GET(r->s, SCAN_GET(r->s, v, "toolUse"), "toolUseId"));
            for (unsigned i = 0; id.n > 0 && i < n; i++)
                if (text_eq(ids[i], id))
                    return rules_broken(r, "an id that is called twice");
            if (id.n > 0 && n < 4096)
                ids[n++] = id;
        }
    }
    return true;
}

/* A schema is an object's: Converse checks it above the models. */
static bool rules_tools(struct rules *r, scan_ref config)
{
    scan_ref tools = SCAN_GET(r->s, config, "tools");
    for (scan_ref t = scan_first(r->s, tools); t != SCAN_ABSENT; t = scan_next(r->s, tools, t)) {
        scan_ref spec = SCAN_GET(r->s, t, "toolSpec");
        scan_ref schema = SCAN_GET(r->s, SCAN_GET(r->s, spec, "inputSchema"), "json");
        if (spec != SCAN_ABSENT && !SCAN_IS(r->s, SCAN_GET(r->s, schema, "type"), "object"))
            return rules_broken(r, "a tool whose schema is not an object's");
    }
    return true;
}

/* True when the body keeps the rules; else *why tells which it breaks. */
__attribute__((unused)) static bool converse_rules_check(const struct scan *body, const char **why)
{
    struct rules r = {.s = body};
    scan_ref config = SCAN_GET(body, 0, "toolConfig");
    bool good = rules_plain_list(&r, SCAN_GET(body, config, "tools")) &&
                rules_plain_list(&r, SCAN_GET(body, 0, "system")) &&
                rules_messages(&r, SCAN_GET(body, 0, "messages")) &&
                rules_ids(&r, SCAN_GET(body, 0, "messages")) && rules_tools(&r, config);
    if (good && r.tools_used && config == SCAN_ABSENT)
        good = rules_broken(&r, "tools used without toolConfig");
    *why = r.why;
    return good;
}

#endif
