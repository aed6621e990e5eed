/* roles.c - POST /: AWS STS, AssumeRole alone; credentials that tell the account of the role. */
#include "tests/mock/mock.h"

#include <stdio.h>

#include "server/base/clock.h"

#define ACCOUNT_DIGITS 12

static bool find_account(struct str body, char account[ACCOUNT_DIGITS + 1])
{
    struct str mark = STR("&RoleArn=arn%3Aaws%3Aiam%3A%3A");
    size_t at;
    if (!text_starts(body, STR("Action=AssumeRole&")) || !text_find(body, mark, &at))
        return false;
    text_copy(text_sub(body, at + mark.n, ACCOUNT_DIGITS), account, ACCOUNT_DIGITS + 1);
    return true;
}

static void refuse(struct mock *mock, struct answer *out, int status, const char *code)
{
    buf_clear(&mock->body);
    buf_printf(&mock->body,
               "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code></Error></ErrorResponse>",
               code);
    answer_body(out, status, STR("text/xml"), STR(""), &mock->body);
}

/* Signed with the operator's own keys. */
static bool is_signed(struct mock *mock, const struct request *r)
{
    struct verify_result result;
    struct verify_key key = {text_from(mock->key[0].access_key), text_from(mock->key[0].secret),
                             text_from(mock->key[0].token)};
    return verify_request(r, &key, 1, STR("sts"), clock_real_ms(), &mock->scratch, &result) ==
           VERIFY_OK;
}

void roles_assume(struct mock *mock, const struct request *r, struct answer *out)
{
    char account[ACCOUNT_DIGITS + 1], expiration[25];
    ledger_enter(&mock->ledger, OPERATION_CREDENTIALS, STR(""), r);
    if (mock->credentials_status) {
        refuse(mock, out, (int)mock->credentials_status, "AccessDenied");
    } else if (!is_signed(mock, r)) {
        refuse(mock, out, 403, "SignatureDoesNotMatch");
    } else if (!find_account(r->body, account)) {
        refuse(mock, out, 400, "ValidationError");
    } else {
        clock_rfc3339(clock_real_ms() + mock->credentials_expire_s * 1000, expiration);
        buf_clear(&mock->body);
        buf_printf(&mock->body,
                   "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                   "<AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE%s</AccessKeyId>"
                   "<SecretAccessKey>mock-role-secret-%s</SecretAccessKey>"
                   "<SessionToken>mock-role-token-%s</SessionToken><Expiration>%s</Expiration>"
                   "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
                   account, account, account, expiration);
        answer_body(out, 200, STR("text/xml"), STR(""), &mock->body);
    }
}
