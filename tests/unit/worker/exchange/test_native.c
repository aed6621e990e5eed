/* native.c: what becomes of a refusal by Bedrock's own Chat Completions and Responses. */
#include "worker/exchange/native.h"

#include "tests/unit/gateway_bed.h"

#define MODEL "global.openai.gpt-6-sol"
#define BODY  "{\"model\":\"" MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

#define RESPONSES_BODY "{\"model\":\"" MODEL "\",\"input\":\"Hi\"}"

static struct {
    bool responses;     /* that is what is asked */
    const char *status; /* of the native route; NULL: it answers */
    unsigned native, converse;
} bed;

static void answer(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g;
    struct str path = bed.responses ? STR("POST /openai/v1/responses ")
                                    : STR("POST /openai/v1/chat/completions ");
    if (!text_starts(request, path)) {
        bed.converse++;
        up_json(c, "200 OK", "",
                STR("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":"
                    "\"Hello\"}]}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,"
                    "\"outputTokens\":4,\"totalTokens\":13}}"));
        return;
    }
    bed.native++;
    if (bed.status) {
        up_json(c, bed.status, "", STR("{\"error\":{\"message\":\"no\"}}"));
    } else if (bed.responses) {
        up_json(c, "200 OK", "",
                STR("{\"model\":\"m\",\"status\":\"completed\",\"output\":[{\"type\":\"message\","
                    "\"content\":[{\"text\":\"Hello\"}]}],\"usage\":{\"input_tokens\":9,"
                    "\"output_tokens\":4}}"));
    } else {
        up_json(c, "200 OK", "",
                STR("{\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hello\"}"
                    ",\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,"
                    "\"completion_tokens\":4}}"));
    }
}

static void ask(struct gateway *g, const char *status, const char *needle)
{
    bed.status = status;
    bed.native = bed.converse = 0;
    g->reply = answer;
    gateway_talk(g, bed.responses ? "POST /v1/responses" : CHAT, KEY,
                 bed.responses ? RESPONSES_BODY : BODY, needle);
}

static void test_native_is_asked(void **state)
{
    ask(*state, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 1);
    assert_int_equal(bed.converse, 0);
    client_check(&((struct gateway *)*state)->client, "name", "\"model\":\"" MODEL "\"", true);
}

static void test_refusal_of_the_request_goes_by_converse_and_is_forgotten(void **state)
{
    ask(*state, "400 Bad Request", "\"Hello\"");
    assert_int_equal(bed.native, 1);
    assert_int_equal(bed.converse, 1);
    ask(*state, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 1);
    assert_int_equal(bed.converse, 0);
}

static void test_missing_route_is_remembered(void **state)
{
    ask(*state, "404 Not Found", "\"Hello\"");
    assert_int_equal(bed.native, 1);
    assert_int_equal(bed.converse, 1);
    ask(*state, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 0);
    assert_int_equal(bed.converse, 1);
}

static void test_trouble_of_the_moment_is_no_refusal(void **state)
{
    static const char *const statuses[] = {"429 Slow Down", "500 Oops", "503 Busy", "401 Who",
                                           /* the model has run */
                                           "408 Late", "424 Fell"};
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        ask(g, statuses[i], "\"error\"");
        assert_int_equal(bed.native, 1);
        assert_int_equal(bed.converse, 0);
    }
}

static void test_responses_do_the_same(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    bed.responses = true;
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 1);
    client_check(&g->client, "name", "\"model\":\"" MODEL "\"", true);
    ask(g, "424 Fell", "\"error\"");
    assert_int_equal(bed.converse, 0);
    ask(g, "400 Bad Request", "\"Hello\"");
    assert_int_equal(bed.converse, 1);
    ask(g, "404 Not Found", "\"Hello\"");
    assert_int_equal(bed.native, 1);
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 0);
    bed.responses = false; /* of which nothing was learned */
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 1);
}

static void test_strict_fields_and_terms_go_by_converse(void **state)
{
    struct gateway *g = *state;
    g->config.strict_fields = true;
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 0);
    g->config.strict_fields = false;
    g->config.bedrock_project = "proj_x";
    g->config.terms = true;
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 0);
    g->config.bedrock_project = "";
    g->config.terms = false;
    g->config.default_service_tier = "flex";
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 0);
    g->config.default_service_tier = "default";
    ask(g, NULL, "\"Hello\"");
    assert_int_equal(bed.native, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_native_is_asked),
        GATEWAY(test_refusal_of_the_request_goes_by_converse_and_is_forgotten),
        GATEWAY(test_missing_route_is_remembered),
        GATEWAY(test_trouble_of_the_moment_is_no_refusal),
        GATEWAY(test_responses_do_the_same),
        GATEWAY(test_strict_fields_and_terms_go_by_converse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
