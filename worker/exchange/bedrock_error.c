/* The error side of bedrock.h: what AWS's statuses, names and sentences mean to a client. */
#include "worker/exchange/bedrock.h"

#include <ctype.h>

#include "server/json/json.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/signing.h"
#include "worker/exchange/cure.h"
#include "worker/turn/quiet.h"
#include "worker/turn/wait.h"

#define NAME_SHOWN    64  /* bytes of the name that the client called the model */
#define LOGGED_MAX    300 /* bytes of AWS's own sentence */
#define RETRY_AFTER_S 2   /* of a throttle that does not tell when */

/* THEIRS: AWS's own sentence, cleaned, since clients act on it. */
enum text_from_whom { OURS, THEIRS };

/* AWS name (compared without case, exceptions in streams start lower-case), AWS's HTTP status, what
 * it counts as, our status, whose text, our text. Mapping: Anthropic's statuses for the same
 * meaning. */
static const struct {
    const char *name;
    int http;
    enum counter counter;
    enum status status;
    enum text_from_whom whose;
    const char *text;
} errors[] = {
    {"ValidationException", 400, COUNTER_FAILED_VALIDATION, STATUS_INVALID, THEIRS,
     "Bedrock refused the request as invalid"},
    {"ThrottlingException", 429, COUNTER_FAILED_THROTTLING, STATUS_RATE, THEIRS,
     "the model is throttled by Bedrock; wait before trying again"},
    {"TooManyRequestsException", 429, COUNTER_FAILED_THROTTLING, STATUS_RATE, THEIRS,
     "the model is throttled by Bedrock; wait before trying again"},
    {"ServiceQuotaExceededException", 400, COUNTER_FAILED_QUOTA, STATUS_RATE, THEIRS,
     "the Bedrock quota for this model is used up; wait before trying again"},
    {"ModelNotReadyException", 429, COUNTER_FAILED_NOT_READY, STATUS_OVERLOADED, OURS,
     "the model is not ready; try again"},
    {"ServiceUnavailableException", 503, COUNTER_FAILED_UNAVAILABLE, STATUS_OVERLOADED, OURS,
     "Overloaded"},
    {"ModelTimeoutException", 408, COUNTER_FAILED_MODEL_TIMEOUT, STATUS_TIMEOUT, OURS,
     "the model took too long to answer"},
    {"ModelErrorException", 424, COUNTER_FAILED_MODEL_ERROR, STATUS_INTERNAL, OURS,
     "the model failed while processing the request"},
    {"ModelStreamErrorException", 424, COUNTER_FAILED_MODEL_STREAM, STATUS_INTERNAL, OURS,
     "the model failed while streaming its answer"},
    {"InternalServerException", 500, COUNTER_FAILED_INTERNAL_SERVER, STATUS_INTERNAL, OURS,
     "Bedrock had an internal error"},
    {"ResourceNotFoundException", 404, COUNTER_FAILED_NOT_FOUND, STATUS_NOT_FOUND, THEIRS,
     "Bedrock does not know this model in this region, or its access is not enabled"},
    {"AccessDeniedException", 403, COUNTER_FAILED_ACCESS_DENIED, STATUS_NO_MODEL, OURS,
     "the gateway has no access to this model in Bedrock"},
    /* The gateway's own credentials: never the client's fault. */
    {"UnrecognizedClientException", 403, COUNTER_FAILED_AWS_KEYS, STATUS_INTERNAL, OURS,
     "the gateway's AWS credentials were refused"},
    {"InvalidSignatureException", 403, COUNTER_FAILED_SIGNATURE, STATUS_INTERNAL, OURS,
     "the gateway's AWS signature was refused"},
    {"SignatureDoesNotMatch", 403, COUNTER_FAILED_SIGNATURE, STATUS_INTERNAL, OURS,
     "the gateway's AWS signature was refused"},
    {"RequestTimeTooSkewed", 403, COUNTER_FAILED_CLOCK, STATUS_INTERNAL, OURS,
     "the gateway's clock is wrong"},
    {"RequestExpired", 400, COUNTER_FAILED_CLOCK, STATUS_INTERNAL, OURS,
     "the gateway's clock is wrong"},
    {"ExpiredTokenException", 403, COUNTER_FAILED_AWS_KEYS, STATUS_INTERNAL, OURS,
     "the gateway's AWS credentials have expired"},
    {"ExpiredToken", 403, COUNTER_FAILED_AWS_KEYS, STATUS_INTERNAL, OURS,
     "the gateway's AWS credentials have expired"},
    {"IncompleteSignatureException", 400, COUNTER_FAILED_SIGNATURE, STATUS_INTERNAL, OURS,
     "the gateway's AWS signature was refused"},
    {"MissingAuthenticationTokenException", 403, COUNTER_FAILED_SIGNATURE, STATUS_INTERNAL, OURS,
     "the gateway's AWS signature was refused"},
};
#define ERRORS (sizeof errors / sizeof errors[0])

static size_t find_error(struct str name)
{
    size_t i = 0;
    while (i < ERRORS && !text_ieq(name, text_from(errors[i].name))) {
        i++;
    }
    return i;
}

/* "ns#ThrottlingException:http://..." -> "ThrottlingException" (rest-json error names). */
static struct str bare_name(struct str s)
{
    size_t at;
    if (text_find(s, STR(":"), &at)) {
        s = text_sub(s, 0, at);
    }
    if (text_find(s, STR("#"), &at)) {
        s = text_sub(s, at + 1, s.n);
    }
    return text_trim(s);
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Copies AWS's sentence without ARNs and 12-digit account numbers: those are the operator's, not
 * the client's. */
static void clean_text(struct str in, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n && n + 12 < size;) {
        size_t run = 0;
        bool word_start = i == 0 || !isalnum((unsigned char)in.p[i - 1]);
        if (word_start && text_istarts(text_sub(in, i, 4), STR("arn:"))) {
            while (i + run < in.n && in.p[i + run] != ' ' && in.p[i + run] != '"' &&
                   in.p[i + run] != ',') {
                run++;
            }
            n += (size_t)snprintf(out + n, size - n, "[arn]");
        } else if (digit(in.p[i])) {
            while (i + run < in.n && digit(in.p[i + run])) {
                run++;
            }
            n += (size_t)snprintf(out + n, size - n, "%.*s", run == 12 ? 9 : (int)run,
                                  run == 12 ? "[account]" : in.p + i);
        } else {
            out[n++] = in.p[i];
            run = 1;
        }
        i += run;
    }
    out[n < size ? n : size - 1] = '\0';
}

bool bedrock_tells_account(struct str text)
{
    size_t run = 0;
    for (size_t i = 0; i <= text.n; i++) {
        bool more = i < text.n && digit(text.p[i]);
        if ((!more && run == 12) || text_istarts(text_sub(text, i, 4), STR("arn:"))) {
            return true;
        }
        run = more ? run + 1 : 0;
    }
    return false;
}

/* The two numbers of a sentence that has just two; commas may part thousands. */
static bool two_numbers(struct str s, uint64_t *less_out, uint64_t *more_out)
{
    uint64_t found[2] = {0, 0};
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t value = 0;
        size_t from = i;
        while (i < s.n &&
               (digit(s.p[i]) || (i > from && s.p[i] == ',' && i + 1 < s.n && digit(s.p[i + 1]))) &&
               value < UINT32_MAX) {
            value = digit(s.p[i]) ? value * 10 + (uint64_t)(s.p[i] - '0') : value;
            i++;
        }
        if (i > from && n++ < 2) {
            found[n - 1] = value;
        }
    }
    *less_out = found[0] < found[1] ? found[0] : found[1];
    *more_out = found[0] < found[1] ? found[1] : found[0];
    return n == 2 && *less_out < *more_out;
}

/* Claude Code knows these as they are. */
static bool is_known_overflow(struct str text)
{
    static const struct str known[] = {STR("prompt is too long"), STR("Input is too long"),
                                       STR("input length and `max_tokens` exceed context limit")};
    size_t at;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_find(text, known[i], &at)) {
            return true;
        }
    }
    return false;
}

/* Clients that shorten a conversation go by OpenAI's code and words, or by Anthropic's words. */
static void set_overflow(struct exchange *x, struct str text)
{
    uint64_t less, more;
    if (x->asked.dialect == DIALECT_BEDROCK) { /* who asks Bedrock knows its words */
        err_set(&x->outcome.err, STATUS_CONTEXT, "%.*s", STR_ARG(text));
    } else if (x->asked.dialect != DIALECT_ANTHROPIC) {
        err_set(&x->outcome.err, STATUS_CONTEXT,
                "This model's maximum context length is exceeded: %.*s", STR_ARG(text));
    } else if (is_known_overflow(text)) {
        err_set(&x->outcome.err, STATUS_CONTEXT, "%.*s", STR_ARG(text));
    } else if (two_numbers(text, &less, &more)) {
        err_set(&x->outcome.err, STATUS_CONTEXT, "prompt is too long: %llu tokens > %llu maximum",
                (unsigned long long)more, (unsigned long long)less);
    } else {
        err_set(&x->outcome.err, STATUS_CONTEXT, "prompt is too long: %.*s", STR_ARG(text));
    }
}

/* The operator's mistake. Clients ask for another model at a 404 that begins so; a 400 they repeat, and
 * at a 403 their users look at their own key. */
static void set_no_model(struct exchange *x, const char *text)
{
    struct str name = text_sub(x->asked.client_model, 0, NAME_SHOWN);
    err_set(&x->outcome.err, STATUS_NO_MODEL, "model: %.*s: %s", STR_ARG(name), text);
}

static enum complaint set_refusal(struct exchange *x, struct str text, struct str their_text)
{
    enum complaint complaint = complaint_read(their_text);
    if (complaint == COMPLAINT_CONTEXT) {
        set_overflow(x, text);
        return complaint;
    }
    if (complaint == COMPLAINT_MODEL) {
        set_no_model(x, text.p);
        return complaint;
    }
    err_set(&x->outcome.err, STATUS_INVALID, "%.*s", STR_ARG(text));
    if (complaint == COMPLAINT_NONE) {
        cure_note(x, their_text);
    }
    return complaint;
}

/* A throttled client comes again in a moment; nobody tells when a day of AWS's ends. */
static enum complaint say_when(struct exchange *x, struct str their_text)
{
    if (complaint_read(their_text) == COMPLAINT_DAY) {
        wait_is_vain(&x->outcome.err);
        return COMPLAINT_DAY;
    }
    uint64_t told_ms = wait_told_ms(their_text);
    x->attempt.transfer.told_ms = told_ms;
    x->outcome.err.retry_after_s = told_ms > 0 ? (int)((told_ms + 999) / 1000) : RETRY_AFTER_S;
    return COMPLAINT_NONE;
}

/* The gateway's credentials, signature and clock are no affair of its clients. */
static bool is_own_trouble(size_t row)
{
    enum counter c = errors[row].counter;
    return c == COUNTER_FAILED_AWS_KEYS || c == COUNTER_FAILED_SIGNATURE ||
           c == COUNTER_FAILED_CLOCK;
}

static enum complaint set_error(struct exchange *x, size_t row, struct str their_text)
{
    char text[200];
    clean_text(their_text, text, sizeof text);
    counters_add(errors[row].counter, 1);
    x->attempt.transfer.theirs = is_own_trouble(row) ? NULL : errors[row].name;
    bool theirs = errors[row].whose == THEIRS && text[0];
    if (theirs && errors[row].status == STATUS_INVALID) {
        return set_refusal(x, text_from(text), their_text);
    }
    if (errors[row].status == STATUS_NO_MODEL) {
        set_no_model(x, errors[row].text);
        return COMPLAINT_NONE;
    }
    err_set(&x->outcome.err, errors[row].status, "%s", theirs ? text : errors[row].text);
    if (errors[row].status == STATUS_RATE) {
        return say_when(x, their_text);
    }
    bool signature = errors[row].counter == COUNTER_FAILED_SIGNATURE ||
                     errors[row].counter == COUNTER_FAILED_CLOCK;
    return signature ? COMPLAINT_CLOCK : COMPLAINT_NONE;
}

/* Error bodies name themselves in three ways; newer Claude models answer in Anthropic's
 * own form. */
static struct str error_text(const struct cJSON *doc, struct str *name)
{
    struct str text = json_get_text(doc, "message");
    if (!text.n) {
        text = json_get_text(doc, "Message");
    }
    if (!name->n) {
        *name = bare_name(json_get_text(doc, "code"));
    }
    if (!name->n) {
        *name = bare_name(json_get_text(doc, "__type"));
    }
    const struct cJSON *inner = json_get(doc, "error");
    return text.n ? text : json_get_text(inner, "message");
}

static enum status status_for(int http)
{
    switch (http) {
    case 400:
        return STATUS_INVALID;
    case 403:
        return STATUS_PERMISSION;
    case 404:
        return STATUS_NOT_FOUND;
    case 413:
        return STATUS_TOO_LARGE;
    case 429:
        return STATUS_RATE;
    case 503:
    case 529:
        return STATUS_OVERLOADED;
    default:
        return STATUS_UPSTREAM;
    }
}

/* No name of AWS's. Anthropic's own errors, which newer Claude models answer with, keep their words:
 * which limit, which size. */
static enum complaint set_nameless(struct exchange *x, int status, const struct cJSON *doc)
{
    char text[200];
    struct str theirs = json_get_text(json_get(doc, "error"), "message");
    bool native = text_eq(json_get_text(doc, "type"), STR("error")) && theirs.n > 0;
    clean_text(theirs, text, sizeof text);
    counters_add(status / 100 == 4 ? COUNTER_FAILED_OTHER_4XX : COUNTER_FAILED_OTHER_5XX, 1);
    if (native) {
        err_set(&x->outcome.err, status_for(status), "%s", text);
    } else {
        err_set(&x->outcome.err, status_for(status), "Bedrock answered %d", status);
    }
    return x->outcome.err.code == STATUS_RATE ? say_when(x, theirs) : COMPLAINT_NONE;
}

/* What the operator needs to know. Behind its first line, the text of a signature error repeats the
 * whole request, session token included. */
static void log_trouble(const struct exchange *x, const char *where, struct str name,
                        struct str text)
{
    char said[QUIET_SIZE];
    quiet_sentence(text_sub(text, 0, LOGGED_MAX), said);
    log_line(LOG_WARN, "upstream", "%.*s: %s %.*s (attempt %d): %s", STR_ARG(x->asked.id), where,
             STR_ARG(name), x->attempt.number, said);
}

/* A client need not come again while the refresher has nothing newer than what was refused. */
static void complain_of_credentials(struct exchange *x, size_t row, struct str name)
{
    struct worker *w = x->worker;
    if (x->attempt.mantle.here) { /* a permission that nobody needs to have given */
        return;
    }
    bool refused = row < ERRORS && (errors[row].counter == COUNTER_FAILED_AWS_KEYS ||
                                    errors[row].counter == COUNTER_FAILED_SIGNATURE);
    if (text_istarts(name, STR("ExpiredToken")) ||
        text_ieq(name, STR("UnrecognizedClientException"))) {
        keyring_complain(w->segment, w->config, x->attempt.lane.now);
    }
    if (refused &&
        (w->config->bedrock_api_key[0] || keyring_refused(&w->keyring, x->attempt.lane.now))) {
        wait_is_vain(&x->outcome.err);
    }
}

enum complaint bedrock_error(struct exchange *x, int status, struct str type_header,
                             struct str body)
{
    enum complaint complaint = COMPLAINT_NONE;
    x->attempt.transfer.refusal = status;
    struct err ignored;
    struct cJSON *doc =
        json_parse(body, &ignored); /* HTML or cut JSON: no document, the status decides */
    struct str name = bare_name(type_header);
    struct str text = error_text(doc, &name);
    size_t row = find_error(name);
    if (row < ERRORS) {
        complaint = set_error(x, row, text);
    } else if (status == 400 && text.n) { /* no AWS name: Anthropic's own validation text */
        complaint = set_error(x, 0, text);
    } else {
        complaint = set_nameless(x, status, doc);
    }
    complain_of_credentials(x, row, name);
    char where[32];
    snprintf(where, sizeof where, "Bedrock %d", status);
    log_trouble(x, where, name, text);
    json_free(doc);
    return complaint;
}

/* What Claude and OpenAI's models call what AWS has a name for, where another attempt may cure it. A
 * number is a status. */
static struct str aws_name(struct str theirs)
{
    static const struct {
        const char *theirs, *aws;
    } rows[] = {
        {"rate_limit_exceeded", "ThrottlingException"},
        {"rate_limit_error", "ThrottlingException"},
        {"too_many_requests", "ThrottlingException"},
        {"insufficient_quota", "ThrottlingException"},
        {"429", "ThrottlingException"},
        {"overloaded_error", "ServiceUnavailableException"},
        {"server_is_overloaded", "ServiceUnavailableException"},
        {"service_unavailable", "ServiceUnavailableException"},
        {"503", "ServiceUnavailableException"},
        {"server_error", "InternalServerException"},
        {"internal_error", "InternalServerException"},
        {"internal_server_error", "InternalServerException"},
        {"api_error", "InternalServerException"},
        {"500", "InternalServerException"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_ieq(theirs, text_from(rows[i].theirs))) {
            return text_from(rows[i].aws);
        }
    }
    return text_ends(theirs, STR("Exception")) ? theirs : (struct str){NULL, 0};
}

/* What is wrong with a request its client is told. */
static void tell_clients_fault(struct exchange *x)
{
    char text[200];
    clean_text(text_from(x->attempt.reply->error.text), text, sizeof text);
    enum status code = x->outcome.err.code;
    if ((code == STATUS_INVALID || code == STATUS_CONTEXT) && text[0]) {
        err_set(&x->outcome.err, code, "%s", text);
    }
}

bool bedrock_own_error(struct exchange *x)
{
    struct transfer *t = &x->attempt.transfer;
    const struct reply_error *e = &x->attempt.reply->error;
    size_t row = find_error(aws_name(text_from(e->code)));
    if (row == ERRORS || (errors[row].http != 429 && errors[row].http < 500)) {
        tell_clients_fault(x);
        return false;
    }
    t->refusal = errors[row].http;
    t->complaint = set_error(x, row, text_from(e->text));
    log_trouble(x, "in its answer", text_from(e->code), text_from(e->text));
    return true;
}

enum complaint bedrock_exception(struct exchange *x, const struct eventstream_frame *frame)
{
    enum complaint complaint = COMPLAINT_NONE;
    struct err ignored;
    struct cJSON *doc = frame->payload.n ? json_parse(frame->payload, &ignored) : NULL;
    struct str text = frame->message.n ? frame->message : json_get_text(doc, "message");
    size_t row = find_error(frame->type);
    if (row < ERRORS) {
        x->attempt.transfer.refusal = errors[row].http;
        complaint = set_error(x, row, text);
    } else {
        counters_add(COUNTER_FAILED_OTHER_EXCEPTION, 1);
        err_set(&x->outcome.err, STATUS_INTERNAL, "the model's stream ended with an error");
    }
    log_trouble(x, "in its stream", frame->type, text);
    json_free(doc);
    return complaint;
}
