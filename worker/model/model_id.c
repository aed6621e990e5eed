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

/* The resources that may be named, and whether they leave open which model answers. Prompts carry
 * content of their own, a SageMaker endpoint is no model of ours: not in the list.
 * docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html */
enum kind { KIND_NONE, KIND_NAMED, KIND_OPAQUE, KIND_ROUTER };

static const struct {
    struct str start;
    enum kind kind;
} arn_kinds[] = {
    {STR("foundation-model/"), KIND_NAMED},
    {STR("custom-model/"), KIND_NAMED},
    {STR("inference-profile/"), KIND_NAMED},
    {STR("imported-model/"), KIND_OPAQUE},
    {STR("provisioned-model/"), KIND_OPAQUE},
    {STR("application-inference-profile/"), KIND_OPAQUE},
    {STR("custom-model-deployment/"), KIND_OPAQUE},
    {STR("prompt-router/"), KIND_ROUTER},
    {STR("default-prompt-router/"), KIND_ROUTER},
};

/* arn:aws*:bedrock:<region>:<account>:<kind>/<name>; the account is empty for foundation models. */
static enum kind arn_kind(struct str id, struct str *account_out)
{
    struct str rest = id, part[5];
    if (!text_starts(id, STR("arn:")) || !is_text(id, true)) {
        return KIND_NONE;
    }
    for (size_t i = 0; i < 5; i++) {
        if (!text_split(&rest, ':', &part[i])) {
            return KIND_NONE;
        }
    }
    if (!text_starts(part[1], STR("aws")) || !text_eq(part[2], STR("bedrock"))) {
        return KIND_NONE;
    }
    *account_out = part[4];
    for (size_t i = 0; i < COUNT_OF(arn_kinds); i++) {
        if (text_starts(rest, arn_kinds[i].start) && rest.n > arn_kinds[i].start.n) {
            return arn_kinds[i].kind;
        }
    }
    return KIND_NONE;
}

bool model_id_is_text(struct str id)
{
    return is_text(id, false);
}

bool model_id_is_legal(struct str id)
{
    struct str account;
    return is_plain(id) || arn_kind(id, &account) != KIND_NONE;
}

bool model_id_is_opaque(struct str id)
{
    struct str account;
    return arn_kind(id, &account) >= KIND_OPAQUE;
}

bool model_id_is_router(struct str id)
{
    struct str account;
    return arn_kind(id, &account) == KIND_ROUTER;
}

bool model_id_is_allowed(const struct config *c, struct str id)
{
    struct str account, list = text_from(c->model_arn_accounts), one;
    if (list.n == 0 || arn_kind(id, &account) == KIND_NONE || account.n == 0) {
        return true;
    }
    while (text_split(&list, ',', &one)) {
        if (text_eq(text_trim(one), account)) {
            return true;
        }
    }
    return false;
}
