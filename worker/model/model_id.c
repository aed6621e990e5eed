#include "worker/model/model_id.h"

#include "shm/catalogue/region.h"
#include "worker/model/models_table.h"

static bool is_text(struct str s, bool slash)
{
    return s.n <= MODELS_ID_MAX && text_only_of(s, slash ? "._:-/" : "._:-");
}

/* vendor.model, after an optional region prefix. The vendor is one lower-case word, which keeps
 * "gpt-4.1" and "gemini-2.5-pro" out. */
static bool is_plain(struct str id)
{
    struct str rest = region_base(id), vendor;
    if (!is_text(id, false) || !text_split(&rest, '.', &vendor)) {
        return false;
    }
    if (vendor.n == 0 || rest.n == 0 || vendor.p[0] < 'a' || vendor.p[0] > 'z') {
        return false;
    }
    for (size_t i = 0; i < vendor.n; i++) {
        if (!((vendor.p[i] >= 'a' && vendor.p[i] <= 'z') ||
              (vendor.p[i] >= '0' && vendor.p[i] <= '9'))) {
            return false;
        }
    }
    return true;
}

/* The resources that may be named. Prompts and routers carry content of their own, a SageMaker
 * endpoint is no model of ours: not in the list.
 * docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html */
static const char *const arn_kinds[] = {
    "foundation-model/",        "custom-model/",      "imported-model/",
    "provisioned-model/",       "inference-profile/", "application-inference-profile/",
    "custom-model-deployment/",
};

/* arn:aws*:bedrock:<region>:<account>:<kind>/<name>; the account is empty for foundation models. */
static bool is_arn(struct str id, struct str *account_out)
{
    struct str rest = id, part[5];
    if (!is_text(id, true)) {
        return false;
    }
    for (size_t i = 0; i < 5; i++) {
        if (!text_split(&rest, ':', &part[i])) {
            return false;
        }
    }
    if (!text_eq(part[0], STR("arn")) || !text_starts(part[1], STR("aws")) ||
        !text_eq(part[2], STR("bedrock"))) {
        return false;
    }
    *account_out = part[4];
    for (size_t i = 0; i < sizeof arn_kinds / sizeof *arn_kinds; i++) {
        struct str kind = text_from(arn_kinds[i]);
        if (text_starts(rest, kind) && rest.n > kind.n) {
            return true;
        }
    }
    return false;
}

bool model_id_is_text(struct str id)
{
    return is_text(id, false);
}

bool model_id_is_legal(struct str id)
{
    struct str account;
    return is_plain(id) || is_arn(id, &account);
}

bool model_id_is_allowed(const struct config *c, struct str id)
{
    struct str account, list = text_from(c->model_arn_accounts), one;
    if (list.n == 0 || !is_arn(id, &account) || account.n == 0) {
        return true;
    }
    while (text_split(&list, ',', &one)) {
        if (text_eq(text_trim(one), account)) {
            return true;
        }
    }
    return false;
}
