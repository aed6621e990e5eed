#include "tests/mock/mock.h"

#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "tests/mock/mantle.h"
#include "tests/mock/native.h"
#include "tests/mock/terms.h"
#include "server/base/base64.h"

#define ARENA_MAX ((size_t)512 * 1024 * 1024)

/* Far above what the gateway lets through: the mock must not be the one that refuses. */
static const struct scan_limits LIMITS = {
    .depth = 1000, .values = 50000000, .keys = 10000000, .number_len = 1000};

static const struct {
    const char *segment;
    bool streamed;
} OPERATION[OPERATION_COUNT] = {
#define OPERATION_ROW(id, name, segment, streamed) {segment, streamed},
    OPERATION_TABLE(OPERATION_ROW)
#undef OPERATION_ROW
};

/* Everything about the request being answered. */
struct visit {
    struct mock *mock;
    const struct request *request;
    enum operation operation;
    struct str model;
    struct faults faults;
    struct arena *arena;
    struct answer *out;
};

/* --- where it goes --- */

/* GET /inference-profiles/{arn}, of the control plane. */
static bool is_profile_request(const struct request *r, char model[2048], struct str *model_out)
{
    struct str start = STR("/inference-profiles/"), id = text_sub(r->path, start.n, r->path.n);
    size_t n;
    if (!text_eq(r->method, STR("GET")) || !text_starts(r->path, start) || id.n > 2048 ||
        memchr(id.p, '/', id.n) || !text_unpercent(id, model, &n))
        return false;
    *model_out = (struct str){model, n};
    return true;
}

/* Its model stands in the body: good enough to find its faults by. */
static bool is_elsewhere(const struct request *r, struct str path, char model[2048],
                         struct str *model_out)
{
    size_t at;
    struct str mark = STR("\"model\":\""), rest, name;
    if (!text_eq(r->path, path) || !text_eq(r->method, STR("POST")))
        return false;
    if (text_find(r->body, mark, &at)) {
        rest = text_sub(r->body, at + mark.n, 2000);
        if (text_split(&rest, '"', &name))
            *model_out = (struct str){text_copy(name, model, 2048), name.n};
    }
    return true;
}

/* /model/{id}/{operation}: the id is one path segment, decoded into model. */
static enum operation find_operation(const struct request *r, char model[2048],
                                     struct str *model_out)
{
    struct str rest = r->path, piece, id;
    *model_out = STR("");
    if (is_profile_request(r, model, model_out))
        return OPERATION_PROFILE;
    if (is_elsewhere(r, STR(MANTLE_COUNT), model, model_out))
        return OPERATION_MANTLE_COUNT;
    if (is_elsewhere(r, STR(NATIVE_CHAT), model, model_out))
        return OPERATION_NATIVE_CHAT;
    if (is_elsewhere(r, STR(NATIVE_RESPONSES), model, model_out))
        return OPERATION_NATIVE_RESPONSES;
    bool shaped = text_split(&rest, '/', &piece) && text_split(&rest, '/', &piece) &&
                  text_eq(piece, STR("model")) && text_split(&rest, '/', &id);
    if (!shaped || id.n == 0 || id.n > 2048 || !text_eq(r->method, STR("POST")))
        return OPERATION_UNKNOWN;
    size_t n;
    if (!text_unpercent(id, model, &n))
        return OPERATION_UNKNOWN;
    *model_out = (struct str){model, n};
    for (unsigned i = 0; i < OPERATION_MANTLE_COUNT; i++)
        if (text_eq(rest, text_from(OPERATION[i].segment)))
            return i;
    return OPERATION_UNKNOWN;
}

/* --- who calls --- */

static bool refuse_signature(struct visit *v, const struct verify_result *result)
{
    v->mock->ledger.signature_failures++;
    answer_error(v->mock, v->out, 403, result->exception, result->message);
    return false;
}

static bool check_bearer(struct visit *v, struct str key)
{
    const char *want = v->mock->bearer;
    if (want && text_eq(key, text_from(want)))
        return true;
    v->mock->ledger.signature_failures++;
    answer_error(v->mock, v->out, 403, "AccessDeniedException",
                 "Authentication failed: Please make sure your API Key is valid.");
    return false;
}

static bool check_caller(struct visit *v)
{
    struct mock *mock = v->mock;
    struct str authorization = reader_get(v->request, STR("authorization"));
    if (!mock->verify)
        return true;
    if (text_starts(authorization, STR("Bearer ")))
        return check_bearer(v, text_sub(authorization, 7, authorization.n));
    struct verify_key keys[MOCK_KEYS];
    for (size_t i = 0; i < MOCK_KEYS; i++)
        keys[i] =
            (struct verify_key){text_from(mock->key[i].access_key), text_from(mock->key[i].secret),
                                text_from(mock->key[i].token)};
    struct verify_result result;
    int64_t now = clock_real_ms();
    if (fault_on(&v->faults, FAULT_SIGNATURE_SKEW))
        now += (int64_t)v->faults.n[FAULT_SIGNATURE_SKEW] * 1000;
    struct str service =
        v->operation == OPERATION_MANTLE_COUNT ? STR("bedrock-mantle") : STR("bedrock");
    if (verify_request(v->request, keys, MOCK_KEYS, service, now, &mock->scratch, &result) ==
        VERIFY_OK)
        return true;
    return refuse_signature(v, &result);
}

/* Also without --verify: the gateway must follow the service's clock. */
static bool check_skewed_date(struct visit *v)
{
    int64_t ahead = v->faults.n[FAULT_SIGNATURE_SKEW];
    struct verify_result result;
    if (verify_date(v->request, clock_real_ms() + ahead * 1000, &result) == VERIFY_OK)
        return true;
    return refuse_signature(v, &result);
}

/* --- faults before an answer --- */

/* A bucket of a second's requests. */
static bool is_over(struct mock *mock, uint32_t a_second)
{
    int64_t now = clock_real_ms(), step = 1000 / (a_second ? a_second : 1);
    int64_t from = mock->bucket_ms > now ? mock->bucket_ms : now;
    if (from - now > 1000)
        return true;
    mock->bucket_ms = from + step;
    return false;
}

/* Of those that are not always met. */
static bool is_met(struct visit *v, enum fault_id id)
{
    uint32_t n = v->faults.n[id], random;
    text_random(&random, sizeof random);
    if (id == FAULT_BUCKET)
        return is_over(v->mock, n);
    if (id == FAULT_THROTTLE_LARGE)
        return v->request->body.n > n;
    return (id != FAULT_THROTTLE_SHARE && id != FAULT_BROWNOUT) || random % 100 < n;
}

static bool refuse_by_fault(struct visit *v)
{
    enum fault_id id = fault_of_kind(&v->faults, FAULT_REFUSE);
    if (id == FAULT_COUNT || !is_met(v, id))
        return false;
    const struct fault_row *row = fault_row(id);
    if (id == FAULT_THROTTLE_FOR)
        answer_retry_after_s(v->faults.n[id]);
    answer_error(v->mock, v->out, row->http, row->type, row->text);
    answer_retry_after_s(0);
    return true;
}

static bool show_page(struct visit *v)
{
    enum fault_id id = fault_of_kind(&v->faults, FAULT_PAGE);
    if (id == FAULT_COUNT)
        return false;
    const struct fault_row *row = fault_row(id);
    buf_clear(&v->mock->body);
    buf_printf(&v->mock->body,
               "<html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n", row->text,
               row->text);
    answer_body(v->out, row->http, STR("text/html"), STR(""), &v->mock->body);
    return true;
}

/* --- the model --- */

static const struct speaker *speaker_of(enum operation operation)
{
    bool invoke = operation == OPERATION_INVOKE || operation == OPERATION_INVOKE_STREAM;
    return invoke ? &invoke_speaker : &converse_speaker;
}

/* Reads the body in the operation's dialect; answers the refusal itself. */
static bool understand(struct visit *v, const struct speaker *speaker, struct str body,
                       struct ask *ask)
{
    struct scan scan;
    struct err err;
    char why[WHY_SIZE];
    *ask = (struct ask){.model = v->model, .body_n = body.n, .play_folder = v->mock->play_folder};
    bool good = scan_parse(&scan, v->arena, body, &LIMITS, &err) == STATUS_OK;
    if (!good)
        speaker_refuse(why, "Malformed input request: %.150s", err.text);
    else
        good = !refusals_find(v->mock->refusals, v->model, &scan, why, sizeof why) &&
               terms_read(v->request, &scan, speaker == &invoke_speaker, ask, why) &&
               speaker->read(&scan, &v->mock->rules, ask, why);
    size_t at;
    if (good && OPERATION[v->operation].streamed && ask->tool_n &&
        text_find(v->model, STR("meta.llama"), &at))
        good = speaker_refuse(why, "This model doesn't support tool use in streaming mode.");
    if (!good)
        answer_error(v->mock, v->out, 400, "ValidationException", why);
    return good;
}

static void put_invoke_headers(const struct reply *reply, char *out, size_t size)
{
    out[0] = '\0';
    if (reply->usage.told == TOLD_NOWHERE)
        return;
    snprintf(out, size,
             "X-Amzn-Bedrock-Invocation-Latency: 120\r\nX-Amzn-Bedrock-Input-Token-Count: %u\r\n"
             "X-Amzn-Bedrock-Output-Token-Count: %u\r\n",
             reply->usage.input, reply->usage.output);
}

/* cut-N and cutbody on an answer that is not streamed; head_n: bytes before the body. */
static void spoil_body(struct visit *v, size_t body_n)
{
    struct buf *out = v->out->out;
    if (fault_on(&v->faults, FAULT_CUT)) {
        size_t keep = v->faults.n[FAULT_CUT] < body_n ? v->faults.n[FAULT_CUT] : body_n;
        buf_truncate(out, buf_len(out) - body_n + keep);
        v->out->reset = true;
    } else if (fault_on(&v->faults, FAULT_CUTBODY)) {
        size_t missing = v->faults.n[FAULT_CUTBODY] < body_n ? v->faults.n[FAULT_CUTBODY] : body_n;
        buf_truncate(out, buf_len(out) - missing);
        v->out->close = true;
    }
}

static void give_whole(struct visit *v, const struct speaker *speaker, const struct reply *reply)
{
    char extra[200] = "";
    struct buf *body = &v->mock->body;
    buf_clear(body);
    speaker->answer(reply, body);
    if (speaker == &invoke_speaker)
        put_invoke_headers(reply, extra, sizeof extra);
    answer_body(v->out, 200, STR("application/json"), text_from(extra), body);
    v->mock->ledger.output_tokens += reply->usage.output;
    spoil_body(v, buf_len(body));
}

static void give_stream(struct visit *v, const struct speaker *speaker, const struct reply *reply)
{
    bool invoke = speaker == &invoke_speaker;
    answer_stream_head(v->out,
                       invoke ? STR("X-Amzn-Bedrock-Content-Type: application/json\r\n") : STR(""));
    v->out->stream = stream_new(speaker, reply, &v->faults);
}

static void run_model(struct visit *v)
{
    const struct speaker *speaker = speaker_of(v->operation);
    struct ask ask;
    struct reply reply;
    if (!understand(v, speaker, v->request->body, &ask))
        return;
    if (!ask_reply(v->arena, &ask, &v->faults, &reply)) {
        answer_error(v->mock, v->out, 503, "ServiceUnavailableException", "mock: out of memory");
        return;
    }
    v->mock->ledger.input_tokens += reply.usage.input;
    if (OPERATION[v->operation].streamed)
        give_stream(v, speaker, &reply);
    else
        give_whole(v, speaker, &reply);
}

/* --- CountTokens --- */

static void give_count(struct visit *v, uint32_t tokens)
{
    buf_clear(&v->mock->body);
    buf_printf(&v->mock->body, "{\"inputTokens\":%u}", tokens);
    answer_body(v->out, 200, STR("application/json"), STR(""), &v->mock->body);
}

/* Region prefixes make it a profile id, which this operation refuses. */
static bool is_profile(struct str model)
{
    static const char *const PREFIX[] = {"us.", "eu.", "apac.", "global.",
                                         "jp.", "au.", "ca.",   "us-gov."};
    for (size_t i = 0; i < sizeof PREFIX / sizeof PREFIX[0]; i++)
        if (text_starts(model, text_from(PREFIX[i])))
            return true;
    return false;
}

static struct str decoded_body(struct visit *v, struct str base64)
{
    size_t n;
    uint8_t *bytes = arena_alloc(v->arena, base64.n + 1);
    if (!bytes || !base64_decode(base64, bytes, &n))
        return (struct str){NULL, 0};
    return (struct str){(const char *)bytes, n};
}

static void count_tokens(struct visit *v)
{
    struct scan scan;
    struct err err;
    struct ask ask;
    bool good = scan_parse(&scan, v->arena, v->request->body, &LIMITS, &err) == STATUS_OK &&
                !is_profile(v->model);
    scan_ref input = good ? SCAN_GET(&scan, 0, "input") : SCAN_ABSENT;
    if (!good || scan_size(&scan, input) != 1) {
        answer_error(v->mock, v->out, 400, "ValidationException",
                     "The provided request or model id is not valid for CountTokens");
        return;
    }
    scan_ref invoke = SCAN_GET(&scan, SCAN_GET(&scan, input, "invokeModel"), "body");
    scan_ref converse = SCAN_GET(&scan, input, "converse");
    struct str body = invoke != SCAN_ABSENT ? decoded_body(v, scan_text(&scan, invoke))
                                            : scan_raw(&scan, converse);
    if (understand(v, invoke != SCAN_ABSENT ? &invoke_speaker : &converse_speaker, body, &ask))
        give_count(v, ask_input_tokens(&ask));
}

/* --- GetInferenceProfile --- */

static const struct {
    const char *profile, *models; /* what the ARN ends with; of the answer */
} PROFILE[] = {
#define IN(region, model) \
    "{\"modelArn\":\"arn:aws:bedrock:" region "::foundation-model/" model "\"}"
    {"geographic01",
     IN("us-east-1", "anthropic.claude-opus-4-8") "," IN("us-west-2", "anthropic.claude-opus-4-8")},
    {"global000001",
     IN("us-west-2", "anthropic.claude-opus-4-8") "," IN("", "anthropic.claude-opus-4-8")},
    {"nova00000001", IN("us-west-2", "amazon.nova-pro-v1:0")},
#undef IN
};

static void give_profile(struct visit *v)
{
    for (size_t i = 0; i < sizeof PROFILE / sizeof PROFILE[0]; i++)
        if (text_ends(v->model, text_from(PROFILE[i].profile))) {
            buf_clear(&v->mock->body);
            buf_printf(&v->mock->body,
                       "{\"inferenceProfileName\":\"mock\",\"inferenceProfileArn\":\"%.*s\","
                       "\"models\":[%s],\"status\":\"ACTIVE\",\"type\":\"APPLICATION\"}",
                       STR_ARG(v->model), PROFILE[i].models);
            answer_body(v->out, 200, STR("application/json"), STR(""), &v->mock->body);
            return;
        }
    answer_error(v->mock, v->out, 403, "AccessDeniedException",
                 "User is not authorized to perform: bedrock:GetInferenceProfile");
}

/* --- in order --- */

static void answer_operation(struct visit *v)
{
    if (fault_on(&v->faults, FAULT_SIGNATURE_SKEW))
        answer_skew_s(v->faults.n[FAULT_SIGNATURE_SKEW]);
    bool timely = !fault_on(&v->faults, FAULT_SIGNATURE_SKEW) || check_skewed_date(v);
    if (v->operation == OPERATION_MANTLE_COUNT) {
        if (check_caller(v))
            mantle_count(v->mock, v->request, v->arena, fault_on(&v->faults, FAULT_MANTLE_DENIED),
                         v->out);
    } else if (timely && check_caller(v) && !refuse_by_fault(v) && !show_page(v)) {
        if (v->operation == OPERATION_PROFILE)
            give_profile(v);
        else if (v->operation == OPERATION_NATIVE_CHAT)
            native_chat(v->mock, v->request, v->arena, &v->faults, v->out);
        else if (v->operation == OPERATION_NATIVE_RESPONSES)
            native_responses(v->mock, v->request, v->arena, &v->faults, v->out);
        else if (v->operation == OPERATION_COUNT_TOKENS)
            count_tokens(v);
        else
            run_model(v);
    }
    answer_skew_s(0);
    if (fault_on(&v->faults, FAULT_SLOW_FIRST))
        v->out->delay_ms = v->faults.n[FAULT_SLOW_FIRST];
    if (fault_on(&v->faults, FAULT_HANG_UP))
        v->out->hang_up_ms = v->faults.n[FAULT_HANG_UP];
}

static void visit_model(struct visit *v)
{
    struct str bad;
    if (!fault_collect(v->mock->faults, v->model, reader_get(v->request, STR("x-mock")), &v->faults,
                       &bad)) {
        char why[WHY_SIZE];
        speaker_refuse(why, "mock: '%.*s' is no fault; see tests/mock/README.md", STR_ARG(bad));
        answer_error(v->mock, v->out, 400, "ValidationException", why);
        return;
    }
    v->arena = arena_new(ARENA_MAX);
    if (v->arena)
        answer_operation(v);
    else
        answer_error(v->mock, v->out, 503, "ServiceUnavailableException", "mock: out of memory");
    arena_drop(v->arena);
}

void route_request(struct mock *mock, const struct request *r, struct answer *out)
{
    char model[2048];
    struct visit v = {.mock = mock, .request = r, .out = out};
    if (admin_request(mock, r, out))
        return;
    v.operation = find_operation(r, model, &v.model);
    ledger_enter(&mock->ledger, v.operation, v.model, r);
    if (v.operation == OPERATION_UNKNOWN)
        answer_error(mock, out, 404, "UnknownOperationException", "mock: no such operation");
    else
        visit_model(&v);
    buf_free(&mock->said);
    buf_init(&mock->said, SAID_MAX);
    if (!out->stream)
        buf_put_str(&mock->said, buf_str(&mock->body));
}
