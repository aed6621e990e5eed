#include "worker/door/aws_lists.h"

#include "server/json/json.h"
#include "shm/catalogue/region.h"
#include "worker/door/offers.h"
#include "worker/turn/answer.h"

#define BODY_MAX (1u << 20)
#define ARN_ROOM 400

static void member(struct json_out *w, struct str key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

static void put_arn(struct json_out *w, struct str key, const struct exchange *x, const char *kind,
                    struct str id)
{
    char arn[ARN_ROOM];
    const char *region = x->worker->config->aws_region;
    snprintf(arn, sizeof arn, "arn:aws:bedrock:%s::%s/%.*s", region[0] ? region : "us-east-1", kind,
             STR_ARG(id));
    member(w, key, text_from(arn));
}

static bool is_arn(struct str id)
{
    return text_starts(id, STR("arn:"));
}

/* Several names may lead to one id. */
static bool is_repeated(const struct offers *all, size_t at, struct str id)
{
    for (size_t i = 0; i < at; i++) {
        if (text_eq(all->offer[i].id, id)) {
            return true;
        }
    }
    return false;
}

static bool may_name(struct exchange *x, struct str id)
{
    struct offer ignored;
    return offers_find(x, id, &ignored);
}

/* --- profiles ------------------------------------------------------------------------------ */

static void put_profile(struct json_out *w, const struct exchange *x, const struct offer *o,
                        struct str id, struct str type)
{
    json_object(w);
    member(w, STR("inferenceProfileId"), id);
    member(w, STR("inferenceProfileName"), o->name);
    put_arn(w, STR("inferenceProfileArn"), x, "inference-profile", id);
    JSON_KEY(w, "models");
    json_array(w);
    json_object(w);
    put_arn(w, STR("modelArn"), x, "foundation-model", region_base(o->behind));
    json_object_end(w);
    json_array_end(w);
    member(w, STR("status"), STR("ACTIVE"));
    member(w, STR("type"), type);
    json_object_end(w);
}

/* A name of the operator's stands for itself; so does one whose id the key may not use. */
static void put_profiles(struct json_out *w, struct exchange *x, const struct offers *all)
{
    size_t at;
    bool no_own = text_find(x->asked.query, STR("type=APPLICATION"), &at);
    bool own_only = text_find(x->asked.query, STR("type=SYSTEM_DEFINED"), &at);
    for (size_t i = 0; i < all->n; i++) {
        const struct offer *o = &all->offer[i];
        bool system = !is_arn(o->id) && region_prefix(o->id).n > 0 && may_name(x, o->id);
        if (system && !no_own && !is_repeated(all, i, o->id)) {
            put_profile(w, x, o, o->id, STR("SYSTEM_DEFINED"));
        }
        if (!own_only && !text_eq(o->name, o->id)) {
            put_profile(w, x, o, o->name, STR("APPLICATION"));
        }
    }
}

/* --- models -------------------------------------------------------------------------------- */

static void put_words(struct json_out *w, struct str key, const char *first, const char *second)
{
    json_key(w, key);
    json_array(w);
    json_str(w, text_from(first));
    if (second) {
        json_str(w, text_from(second));
    }
    json_array_end(w);
}

/* Without its region, where the key may ask for it so; else by the name that it may. */
static void put_model(struct json_out *w, struct exchange *x, const struct offer *o)
{
    struct str base = region_base(o->behind);
    base = may_name(x, base) ? base : o->name;
    bool sees = o->caps->flags & MODELS_IMAGES;
    json_object(w);
    put_arn(w, STR("modelArn"), x, "foundation-model", base);
    member(w, STR("modelId"), base);
    member(w, STR("modelName"), o->name);
    member(w, STR("providerName"), text_from(o->caps->vendor));
    put_words(w, STR("inputModalities"), "TEXT", sees ? "IMAGE" : NULL);
    put_words(w, STR("outputModalities"), "TEXT", NULL);
    JSON_KEY(w, "responseStreamingSupported");
    json_bool(w, true);
    put_words(w, STR("inferenceTypesSupported"),
              region_prefix(o->id).n > 0 ? "INFERENCE_PROFILE" : "ON_DEMAND", NULL);
    JSON_KEY(w, "modelLifecycle");
    json_object(w);
    member(w, STR("status"), STR("ACTIVE"));
    json_object_end(w);
    json_object_end(w);
}

static void put_models(struct json_out *w, struct exchange *x, const struct offers *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct offer *o = &all->offer[i];
        if (!is_arn(o->behind) && !is_repeated(all, i, o->id)) {
            put_model(w, x, o);
        }
    }
}

/* --- both ---------------------------------------------------------------------------------- */

static enum verdict answer(struct exchange *x, struct str name,
                           void (*put)(struct json_out *w, struct exchange *x,
                                       const struct offers *all))
{
    struct offers all;
    struct buf body;
    struct json_out w;
    if (!offers_make(x, &all)) {
        return VERDICT_FAIL;
    }
    buf_init(&body, BODY_MAX);
    json_begin(&w, &body);
    json_object(&w);
    json_key(&w, name);
    json_array(&w);
    put(&w, x, &all);
    json_array_end(&w);
    json_object_end(&w);
    return answer_built(x, 200, &body);
}

enum verdict aws_lists_profiles(struct exchange *x)
{
    return answer(x, STR("inferenceProfileSummaries"), put_profiles);
}

enum verdict aws_lists_models(struct exchange *x)
{
    return answer(x, STR("modelSummaries"), put_models);
}
