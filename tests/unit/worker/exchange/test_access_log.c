/* access_log.c: what the log tells about a request, and what it must not. */
#include "worker/exchange/access_log.h"

#include "tests/unit/gateway_bed.h"

static char lines[1 << 16]; /* what was logged since log_begin */
static int pipes[2];

static void log_begin(enum log_level level)
{
    assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
    log_to(pipes[1]);
    log_level_set(level);
}

static void log_end(void)
{
    log_level_set(LOG_OFF);
    log_to(STDOUT_FILENO);
    ssize_t n = read(pipes[0], lines, sizeof lines - 1);
    lines[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    close(pipes[1]);
}

static void check(const char *needle, bool want)
{
    if ((strstr(lines, needle) != NULL) != want)
        fail_msg("%s is %s:\n%s", needle, want ? "missing" : "there", lines);
}

static void test_line_of_a_good_request_has_its_figures(void **state)
{
    static const char *const members[] = {
        "\"event\":\"request\"",     "\"request_id\":\"mine\"",  "\"status\":200",
        "\"path\":\"/v1/messages\"", "\"who\":\"key\"",          "\"peer\":\"127.0.0.1:",
        "\"model\":\"" CLAUDE "\"",  "\"upstream_id\":\"up-7\"", "\"attempts\":1",
        "\"input_tokens\":9",        "\"output_tokens\":4",      "\"stop_reason\":\"end_turn\""};
    struct gateway *g = *state;
    g->reply = up_good_whole;
    log_begin(LOG_INFO);
    gateway_talk(g, MESSAGES, KEY "x-request-id: mine\r\n", ASK, "Hello");
    log_end();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        check(members[i], true);
}

static void test_line_of_a_client_that_left_has_499(void **state)
{
    struct gateway *g = *state;
    g->reply = up_silence;
    log_begin(LOG_INFO);
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    log_end();
    check("\"status\":499", true);
    check("\"error\":\"the client left\"", true);
}

static void refuse_with_its_words(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "400 Bad", "x-amzn-ErrorType: ValidationException\r\n",
            STR("{\"message\":\"Value 'the plan of it' at 'messages' is none\"}"));
}

/* C.4 */
static void test_line_does_not_repeat_what_the_client_wrote(void **state)
{
    struct gateway *g = *state;
    g->reply = refuse_with_its_words;
    log_begin(LOG_INFO);
    gateway_talk(g, MESSAGES, KEY, ASK, "the plan of it");
    log_end();
    check("\"error\":\"Value '[14 bytes]' at 'messages' is none\"", true);
    check("the plan of it", false);
}

static void test_probes_have_a_line_only_when_they_fail(void **state)
{
    struct gateway *g = *state;
    log_begin(LOG_INFO);
    gateway_talk(g, "GET /health", "", NULL, "}}");
    log_end();
    check("\"event\":\"request\"", false);
    g->worker.draining = true;
    log_begin(LOG_INFO);
    gateway_talk(g, "GET /health", "", NULL, "}}");
    log_end();
    check("\"status\":503", true);
}

#define PROMPT "whisper it" /* with a blank: no random id holds it */
#define ASK_PROMPT         \
    "{\"model\":\"" CLAUDE \
    "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"" PROMPT "\"}]}"

static void test_no_key_and_no_prompt_at_any_level(void **state)
{
    static const char *const secrets[] = {"sk-good", "sk-master", "sk-prod-abc", "bearer-secret",
                                          PROMPT};
    struct gateway *g = *state;
    g->reply = up_good_whole;
    log_begin(LOG_DEBUG);
    gateway_talk(g, MESSAGES, KEY, ASK_PROMPT, "Hello");
    gateway_talk(g, MESSAGES, "authorization: Bearer sk-master-secret\r\n", ASK_PROMPT, "Hello");
    gateway_talk(g, MESSAGES, "x-api-key: sk-prod-abcdefghijklmnopqrstuvwxyz012345-AAAAAA\r\n",
                 ASK_PROMPT, "\"request_id\"");
    log_end();
    check("\"key_id\":\"", true);
    check("\"who\":\"master\"", true);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        check(secrets[i], false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_line_of_a_good_request_has_its_figures),
        GATEWAY(test_line_of_a_client_that_left_has_499),
        GATEWAY(test_line_does_not_repeat_what_the_client_wrote),
        GATEWAY(test_probes_have_a_line_only_when_they_fail),
        GATEWAY(test_no_key_and_no_prompt_at_any_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
