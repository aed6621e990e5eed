/* terms.c, and where its words go: guardrail, project and metadata, on both transports. */
#include "worker/turn/terms.h"

#include "tests/unit/gateway_bed.h"

#define GUARDED "sk-guarded"
#define GKEY    "x-api-key: " GUARDED "\r\nx-request-id: mine\r\n"

static void answer_converse(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(
        c, "200 OK", "",
        STR("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Hello\"}]}},"
            "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,\"outputTokens\":4,"
            "\"totalTokens\":13}}"));
}

/* The server's words; guardrail "": none. */
static void configure(struct gateway *g, const char *guardrail, const char *project,
                      unsigned metadata)
{
    struct config *c = &g->config;
    c->bedrock_guardrail = guardrail;
    (void)bedrock_terms_guardrail(text_from(guardrail), &c->guardrail);
    c->bedrock_project = project;
    c->metadata = metadata;
    c->terms = guardrail[0] || project[0] || metadata;
}

static struct directory_key key_of(uint32_t flags)
{
    struct directory_key k = {
        .slot = 300, .tag = 307, .flags = DIRECTORY_ACTIVE | flags, .user_len = 11};
    memcpy(k.user, "ann\" \"lee@x", 11);
    sha256(GUARDED, strlen(GUARDED), k.digest);
    return k;
}

/* The key's own words; both NULL: it has none. */
static void publish(struct gateway *g, const char *guardrail, const char *project)
{
    struct directory_key k = key_of(guardrail || project ? DIRECTORY_TERMS : 0);
    struct directory_terms t = {.guardrail = ""};
    atomic_store(&g->segment.buckets[k.slot].tag, k.tag);
    memcpy(t.digest, k.digest, sizeof t.digest);
    snprintf(t.guardrail, sizeof t.guardrail, "%s", guardrail ? guardrail : "");
    snprintf(t.project, sizeof t.project, "%s", project ? project : "");
    directory_begin(&g->segment);
    assert_true(directory_add(&g->segment, &k));
    if (k.flags & DIRECTORY_TERMS)
        assert_true(directory_add_terms(&g->segment, &t));
    directory_publish(&g->segment, clock_real_ms());
}

static void check(const struct gateway *g, const char *name, const char *part, bool wanted)
{
    if ((strstr(g->last, part) != NULL) != wanted)
        fail_msg("%s: %s %s in\n%s", name, part, wanted ? "is not" : "stands", g->last);
}

static void ask(struct gateway *g, bool converse, bool stream)
{
    g->reply = converse ? answer_converse : up_good_whole;
    if (stream)
        g->reply = up_good_stream;
    client_close(&g->client);
    client_ask(g, &g->client, converse ? CHAT : MESSAGES, GKEY,
               stream     ? (converse ? CHAT_STREAM_BODY : STREAM_BODY)
               : converse ? CHAT_BODY
                          : ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests > 0 && g->worker.exchanges == NULL);
    g->bedrock.requests = 0;
}

/* ---- where they go ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *server, *server_project; /* settings */
    const char *key, *key_project;       /* of the key; NULL: none */
    const char *id, *version, *project;  /* what Bedrock gets; NULL: nothing */
    bool async;
} sources[] = {
    {"nothing is set", "", "", NULL, NULL, NULL, NULL, NULL, false},
    {"the server's", "gr1:DRAFT", "proj_s", NULL, NULL, "gr1", "DRAFT", "proj_s", false},
    {"the key's", "", "", "gr2:7", "proj_k", "gr2", "7", "proj_k", false},
    {"both", "gr1:DRAFT", "proj_s", "gr2:7", "proj_k", "gr2", "7", "proj_k", false},
    {"a project of the key's only", "gr1:3", "", NULL, "default", "gr1", "3", "default", false},
    {"a guardrail of the key's only", "", "proj_s", "gr2:7", NULL, "gr2", "7", "proj_s", false},
    {"the key has none", "gr1:3", "", "off", NULL, NULL, NULL, NULL, false},
    {"async", "gr1:3:async", "", NULL, NULL, "gr1", "3", NULL, true},
    {"async of the key's", "gr1:3", "", "gr2:7:async", NULL, "gr2", "7", NULL, true},
    {"not async of the key's", "gr1:3:async", "", "gr2:7", NULL, "gr2", "7", NULL, false},
};

static void check_part(const struct gateway *g, const char *name, const char *form,
                       const char *value, const char *empty)
{
    char part[200];
    snprintf(part, sizeof part, form, value ? value : "");
    check(g, name, value ? part : empty, value != NULL);
}

static void test_headers_of_invoke(void **state)
{
    struct gateway *g = *state;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        const char *name = sources[i].name;
        configure(g, sources[i].server, sources[i].server_project, 0);
        publish(g, sources[i].key, sources[i].key_project);
        for (int stream = 0; stream < 2; stream++) {
            ask(g, false, stream);
            check_part(g, name, "x-amzn-bedrock-guardrailidentifier: %s\r\n", sources[i].id,
                       "guardrailidentifier");
            check_part(g, name, "x-amzn-bedrock-guardrailversion: %s\r\n", sources[i].version,
                       "guardrailversion");
            check_part(g, name, "x-amzn-bedrock-projectidentifier: %s\r\n", sources[i].project,
                       "projectidentifier");
            check(g, name,
                  "{\"anthropic_version\":\"bedrock-2023-05-31\","
                  "\"amazon-bedrock-guardrailConfig\":{\"streamProcessingMode\":\"ASYNCHRONOUS\"},",
                  stream && sources[i].async);
            check(g, name, "guardrailConfig\"", stream && sources[i].async);
            check(g, name, "x-amzn-bedrock-trace", false);
        }
    }
}

static void test_members_of_converse(void **state)
{
    struct gateway *g = *state;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        const char *name = sources[i].name;
        configure(g, sources[i].server, sources[i].server_project, 0);
        publish(g, sources[i].key, sources[i].key_project);
        for (int stream = 0; stream < 2; stream++) {
            ask(g, true, stream);
            check_part(g, name, "\"guardrailConfig\":{\"guardrailIdentifier\":\"%s\",",
                       sources[i].id, "guardrail");
            check_part(g, name,
                       stream && sources[i].async
                           ? "\"guardrailVersion\":\"%s\",\"streamProcessingMode\":\"async\"}"
                           : "\"guardrailVersion\":\"%s\"}",
                       sources[i].version, "guardrailVersion");
            check_part(g, name, "\"projectIdentifier\":\"%s\"", sources[i].project,
                       "projectIdentifier");
            check(g, name, "\"trace\"", false);
            check(g, name, "x-amzn-bedrock-g", false);
            check(g, name, "x-amzn-bedrock-p", false);
        }
    }
}

/* ---- metadata ----------------------------------------------------------------------------- */

static void test_metadata_is_what_the_setting_lists(void **state)
{
    static const struct {
        unsigned wanted;
        const char *object; /* KEYID stands for the key's; NULL: nothing */
    } rows[] = {
        {0, NULL},
        {BEDROCK_TERMS_USER, "{\"user\":\"ann_ _lee@x\"}"},
        {BEDROCK_TERMS_KEY, "{\"key_id\":\"%s\"}"},
        {BEDROCK_TERMS_REQUEST, "{\"request_id\":\"mine\"}"},
        {BEDROCK_TERMS_USER | BEDROCK_TERMS_KEY | BEDROCK_TERMS_REQUEST,
         "{\"user\":\"ann_ _lee@x\",\"key_id\":\"%s\",\"request_id\":\"mine\"}"},
    };
    struct gateway *g = *state;
    char id[9] = "", object[200];
    text_hex(key_of(0).digest, 4, id);
    publish(g, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        configure(g, "", "", rows[i].wanted);
        snprintf(object, sizeof object, rows[i].object ? rows[i].object : "metadata", id);
        ask(g, false, false);
        check(g, "invoke", object, rows[i].object != NULL);
        check(g, "invoke", "x-amzn-bedrock-request-metadata: {", rows[i].object != NULL);
        check(g, "invoke", "requestMetadata", false);
        ask(g, true, false);
        check(g, "converse", object, rows[i].object != NULL);
        check(g, "converse", "\"requestMetadata\":{", rows[i].object != NULL);
        check(g, "converse", "x-amzn-bedrock-request-metadata", false);
    }
}

/* An empty object would be a 400. */
static void test_metadata_of_nobody_is_none(void **state)
{
    struct gateway *g = *state;
    g->config.require_api_key = false;
    configure(g, "", "", BEDROCK_TERMS_USER | BEDROCK_TERMS_KEY);
    g->reply = up_good_whole;
    gateway_talk(g, MESSAGES, "", ASK, "Hello");
    check(g, "nobody", "metadata", false);
    configure(g, "", "", BEDROCK_TERMS_USER);
    gateway_talk(g, MESSAGES, "x-api-key: sk-master-secret\r\n", ASK, "Hello");
    check(g, "master", "request-metadata: {\"user\":\"master\"}\r\n", true);
}

/* service-2.json, projectIdentifier: an application inference profile takes none. */
static void test_profile_of_an_application_has_no_project(void **state)
{
    struct gateway *g = *state;
    configure(g, "gr1:3", "proj_s", 0);
    g->reply = answer_converse;
    gateway_talk(
        g, CHAT, KEY,
        "{\"model\":\"arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/"
        "abc\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
        "Hello");
    check(g, "profile", "application-inference-profile", true);
    check(g, "profile", "\"guardrailIdentifier\":\"gr1\"", true);
    check(g, "profile", "project", false);
    client_check(&g->client, "profile", "drop:project", true);
}

/* ---- what cannot be read ------------------------------------------------------------------ */

/* The directory was damaged, or a writer lost them: never without the guardrail. */
static void test_key_whose_terms_are_gone_is_refused(void **state)
{
    struct gateway *g = *state;
    struct directory_key k = key_of(DIRECTORY_TERMS);
    atomic_store(&g->segment.buckets[k.slot].tag, k.tag);
    directory_begin(&g->segment);
    assert_true(directory_add(&g->segment, &k));
    directory_publish(&g->segment, clock_real_ms());
    g->reply = up_good_whole;
    client_ask(g, &g->client, MESSAGES, GKEY, ASK);
    GATEWAY_UNTIL(g, client_has(&g->client, 1, "cannot be read"));
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    client_check(&g->client, "refused", "HTTP/1.1 503 ", true);
    assert_int_equal(g->bedrock.requests, 0);
}

/* Neither input of CountTokens has a place for them. */
static void test_counting_says_nothing_of_them(void **state)
{
    struct gateway *g = *state;
    configure(g, "gr1:3", "proj_s", BEDROCK_TERMS_USER);
    publish(g, "gr2:7", NULL);
    g->reply = up_good_whole;
    client_ask(g, &g->client, "POST /v1/messages/count_tokens", GKEY, ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests > 0 && g->worker.exchanges == NULL);
    check(g, "count", "/count-tokens", true);
    check(g, "count", "guardrail", false);
    check(g, "count", "project", false);
    check(g, "count", "metadata", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_headers_of_invoke),
        GATEWAY(test_members_of_converse),
        GATEWAY(test_metadata_is_what_the_setting_lists),
        GATEWAY(test_metadata_of_nobody_is_none),
        GATEWAY(test_profile_of_an_application_has_no_project),
        GATEWAY(test_key_whose_terms_are_gone_is_refused),
        GATEWAY(test_counting_says_nothing_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
