/*
 * request_random.h - for tests: what random requests of each dialect are made of, as wild as clients
 * get; the requests are in request_random_messages.h, _chat.h and _responses.h. Turns are mostly
 * well-formed (calls answered, roles in turn), so that most requests reach the converter's
 * depths; the rest is there to be refused. Seeded: the same seed gives the same request.
 */
#ifndef TESTS_UNIT_REQUEST_RANDOM_H
#define TESTS_UNIT_REQUEST_RANDOM_H

#include <stdio.h>
#include <string.h>

#include "server/json/json.h"

struct random_request {
    uint64_t state;
    struct buf *b;
    struct json_out w;
    unsigned ids;     /* calls so far */
    unsigned open[8]; /* numbers of the calls that wait for a result */
    unsigned open_count;
};

#define PICK(r, table) ((table)[random_below((r), sizeof(table) / sizeof *(table))])

/* xorshift64*, Vigna 2016 */
static unsigned random_below(struct random_request *r, size_t n)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (unsigned)((r->state * 2685821657736338717u >> 33) % n);
}

static bool random_one_in(struct random_request *r, unsigned n)
{
    return random_below(r, n) == 0;
}

/* The number of a call's id: a new one, or in a new turn now and then one that was there before. */
static unsigned random_number(struct random_request *r)
{
    if (r->open_count == 0 && r->ids > 0 && random_one_in(r, 8))
        return 1 + random_below(r, r->ids);
    return ++r->ids;
}

/* --- scalars: JSON as it stands in the request --------------------------------------------- */

static const char *const random_texts[] = {
    "\"hello\"",
    "\"a b\\nc\"",
    "\"\\u0000\\u001f\"",
    "\"\xe6\x97\xa5\xe6\x9c\xac\"",
    "\"\\ud83d\\ude00 \xf0\x9f\x98\x80\"",
    "\"\xe2\x80\xae right to left \xe2\x80\x8b\"",
    "\"quote \\\" slash \\/ back \\\\\"",
    "\"x-anthropic-billing-header: cc_version=2\"",
    "\"<system-reminder>\"",
    "\"a,b;c:d\"",
    "\"%s%n\"",
    "\"1\"",
};
static const char *const random_blanks[] = {"\"\"", "\" \"", "\"\\n\\t\"", "\"\\u0020\\r\""};
static const char *const random_names[] = {
    "\"get_weather\"",
    "\"b\"",
    "\"a b\"",
    "\"\xc3\xbc\"",
    "\"t_x_0123456789abcdef0123456789abcdef\"",
    "\"mcp__server-with-a-very-long-name__and_a_tool_with_a_name_that_is_much_too_long_for_it\"",
    "\"a\\u0000b\"",
    "\"functions.x:0\"",
};
static const char *const random_ids[] = {"toolu_%u", "call|%u", "id with blanks %u",
                                         "functions.a:%u", "\xc3\xa9%u"};
static const char *const random_objects[] = {
    "{}",
    "{\"a\":1.0,\"b\":1e-7,\"c\":9007199254740993}",
    "{ \"x\" : [ -0.0 , 1E+2 ] }",
    "{\"s\":\"\\u0000\\/\\ud83d\\ude00\",\"s\":\"twice\"}",
    "{\"\":{\"type\":\"object\"}}",
    "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"object\"}},\"$defs\":{}}"};
static const char *const random_odd[] = {"null",  "true", "0",  "-1",   "1.5",
                                         "\"x\"", "[]",   "{}", "[[]]", "1e400"};
static const char *const random_numbers[] = {"0", "0.5", "1", "1.7", "-1", "1e-9", "2", "1e400"};
static const char *const random_base64[] = {"\"iVBORw0KGgo=\"", "\"AAAA\"", "\"\\/\\/8=\"", "\"\"",
                                            "\"%%%\"",          "\"AAA\""};

static void random_put(struct random_request *r, const char *key, const char *json)
{
    json_key(&r->w, text_from(key));
    json_raw(&r->w, text_from(json));
}

static const char *random_text(struct random_request *r)
{
    return random_one_in(r, 12) ? PICK(r, random_blanks) : PICK(r, random_texts);
}

static const char *random_object(struct random_request *r)
{
    return random_one_in(r, 40) ? PICK(r, random_odd) : PICK(r, random_objects);
}

static void random_id(struct random_request *r, const char *key, unsigned number)
{
    char id[80];
    const char *form = random_ids[number % (sizeof random_ids / sizeof *random_ids)];
    snprintf(id, sizeof id, "%.*s%u", (int)(strchr(form, '%') - form), form, number);
    json_key(&r->w, text_from(key));
    json_str(&r->w, text_from(id));
}

/* A member now and then; seldom one of a wrong type. */
static void random_maybe(struct random_request *r, unsigned one_in, const char *key,
                         const char *json)
{
    if (random_one_in(r, one_in))
        random_put(r, key, random_one_in(r, 60) ? PICK(r, random_odd) : json);
}

static void random_cache(struct random_request *r, unsigned one_in)
{
    static const char *const marks[] = {
        "{\"type\":\"ephemeral\"}", "{\"type\":\"ephemeral\",\"ttl\":\"5m\"}",
        "{\"type\":\"ephemeral\",\"ttl\":\"1h\",\"scope\":\"global\"}", "null"};
    random_maybe(r, one_in, "cache_control", PICK(r, marks));
}

static void random_list(struct random_request *r, const char *key,
                        void (*put)(struct random_request *), unsigned most)
{
    json_key(&r->w, text_from(key));
    json_array(&r->w);
    for (unsigned n = random_below(r, most + 1); n > 0; n--)
        put(r);
    json_array_end(&r->w);
}

static void random_sampling(struct random_request *r, const char *stops)
{
    random_maybe(r, 4, "temperature", PICK(r, random_numbers));
    random_maybe(r, 4, "top_p", PICK(r, random_numbers));
    random_maybe(r, 8, "top_k", "5");
    random_maybe(r, 4, stops, "[\"END\",\"\\n\",\"\xc3\xa9\"]");
}

static void random_open(struct random_request *r, const char *type)
{
    json_object(&r->w);
    if (!random_one_in(r, 400)) {
        json_key(&r->w, STR("type"));
        json_str(&r->w, text_from(type));
    }
}

static void random_close(struct random_request *r, unsigned cache_one_in)
{
    random_cache(r, cache_one_in);
    json_object_end(&r->w);
}

#endif
