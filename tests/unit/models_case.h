/*
 * models_case.h - names become models in a test: a mapping of one name instead of the key store's
 * table, and a configuration that says nothing.
 */
#ifndef TESTS_UNIT_MODELS_CASE_H
#define TESTS_UNIT_MODELS_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "shm/memory/directory.h"
#include "worker/model/models.h"

/* Stands for the key store's table: models.c needs nothing else of directory.c, so the linker
 * leaves the library's own out. */
static const char *mapped_from, *mapped_to, *mapped_as;
static uint64_t mapped_generation;
/* Further ones, for whoever looks through them all. */
static const struct directory_mapping *mapped_more;
static size_t mapped_more_n;
/* The object file of the real one would bring the real directory_map with it. */
bool directory_beta(const struct segment *s, struct str name, char to_out[DIRECTORY_BETA_TO])
{
    (void)s;
    (void)name;
    (void)to_out;
    return false;
}

bool directory_map(const struct segment *s, struct str model, struct directory_mapping *out)
{
    (void)s;
    if (!mapped_from || !text_eq(model, text_from(mapped_from)))
        return false;
    text_copy(text_from(mapped_to), out->to, sizeof out->to);
    text_copy(text_from(mapped_as), out->as, sizeof out->as);
    return true;
}

bool directory_each_mapping(const struct segment *s,
                            void (*fn)(void *ctx, const struct directory_mapping *mapping),
                            void *ctx)
{
    struct directory_mapping m = {.reserved = 0};
    (void)s;
    if (mapped_from) {
        text_copy(text_from(mapped_from), m.from, sizeof m.from);
        text_copy(text_from(mapped_to), m.to, sizeof m.to);
        text_copy(text_from(mapped_as), m.as, sizeof m.as);
        fn(ctx, &m);
    }
    for (size_t i = 0; i < mapped_more_n; i++) {
        fn(ctx, &mapped_more[i]);
    }
    return true;
}

uint64_t directory_generation(const struct segment *s)
{
    (void)s;
    return mapped_generation;
}

static struct arena *arena;
static struct config config;
static struct models models = {.config = &config};

static int begin(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    config = (struct config){.beta_mapping = "",
                             .beta_blocklist = "",
                             .beta_passthrough = "",
                             .beta_models = "",
                             .model_default = "",
                             .model_opus = "",
                             .model_sonnet = "",
                             .model_haiku = "",
                             .model_mapping = "",
                             .model_arn_accounts = "",
                             .aws_region = "us-east-1"};
    mapped_from = mapped_to = mapped_as = NULL;
    mapped_more_n = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    config.model_mapping = "";
    config.model_default = config.model_opus = config.model_sonnet = config.model_haiku = "";
    models_free(&models);
    arena_drop(arena);
    return 0;
}

#endif
