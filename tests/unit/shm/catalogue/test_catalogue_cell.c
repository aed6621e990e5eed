#include "shm/catalogue/catalogue_cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_money_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint32_t micro;
    } rows[] = {
        {"3", true, 3000000},     {"0.00875", true, 8750}, {"137.5", true, 137500000},
        {"0", true, 0},           {"1.1", true, 1100000},  {"4293.999999", true, 4293999999u},
        {"4294", false, 0},       {"", false, 0},          {".5", false, 0},
        {"1.", false, 0},         {"-1", false, 0},        {"1e3", false, 0},
        {"0.0000001", false, 0},  {"1,5", false, 0},       {"$1", false, 0},
        {"99999999999", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t got = 0;
        bool good = catalogue_cell_money(text_from(rows[i].text), &got);
        if (good != rows[i].good || (good && got != rows[i].micro)) {
            fail_msg("%s: %d %u", rows[i].text, good, got);
        }
    }
}

static const struct {
    enum catalogue_column column;
    const char *text;
    bool good;
} cell_rows[] = {
    {CATALOGUE_CONTEXT, "200000", true},
    {CATALOGUE_CONTEXT, "200k", false},
    {CATALOGUE_CONTEXT, "4294967295", false},
    {CATALOGUE_PROFILE, "us-gov", true},
    {CATALOGUE_PROFILE, "mars", false},
    {CATALOGUE_STATUS, "active", true},
    {CATALOGUE_STATUS, "active 2027-01-01", false},
    {CATALOGUE_STATUS, "legacy", true},
    {CATALOGUE_STATUS, "legacy 2027-01-01", true},
    {CATALOGUE_STATUS, "legacy soon", false},
    {CATALOGUE_STATUS, "retired", false},
    {CATALOGUE_STATUS, "retired 2026-10-14", true},
    {CATALOGUE_STATUS, "retired 2026-10-14 anthropic.claude-sonnet-5", true},
    {CATALOGUE_STATUS, "retired 14.10.2026", false},
    {CATALOGUE_STATUS, "dead", false},
    {CATALOGUE_STATUS, "legacy 2027-01-01 anthropic.claude\xe2\x80\x93x", false},
    {CATALOGUE_STATUS, "legacy 2027-01-01 a b", false},
    {CATALOGUE_FAMILY, "claude-opus-4-7", true},
    {CATALOGUE_FAMILY, "claude opus", false},
    {CATALOGUE_VENDOR, "anthropic", true},
    {CATALOGUE_VENDOR, "an\"thropic", false},
    {CATALOGUE_REGIONAL, "1.1", true},
    {CATALOGUE_REGIONAL, "1.1,us-gov=1.2,eu-west-2=0.47/1.86", true},
    {CATALOGUE_REGIONAL, "us=1,1.1", false},
    {CATALOGUE_REGIONAL, "1.1/1.2", false},
    {CATALOGUE_REGIONAL, "eu=", false},
    {CATALOGUE_REGIONAL, "=1", false},
    {CATALOGUE_REGIONAL, "eu=1/2/3", false},
    {CATALOGUE_TIERS, "flex=0.5,priority=1.75/1.8,ultrafast=6", true},
    {CATALOGUE_TIERS, "warp=9", false},
    {CATALOGUE_TIERS, "flex", false},
    {CATALOGUE_TAKES, "tools,images,cache_1h", true},
    {CATALOGUE_TAKES, "tools,smells", false},
    {CATALOGUE_SAMPLING, "one", true},
    {CATALOGUE_SAMPLING, "two", false},
    {CATALOGUE_THINKING, "adaptive", true},
    {CATALOGUE_THINKING, "deep", false},
    {CATALOGUE_LEVEL_AT, "reasoning.effort", true},
    {CATALOGUE_LEVEL_AT, "nowhere", false},
    {CATALOGUE_REGIONAL, "1.1, eu=1.2", false}, /* nobody would ever be in " eu" */
    {CATALOGUE_STATUS, "retired 2026-10-14 a b", false},
    {CATALOGUE_NAMES, "claude-x,claude-x[1m],a/b:c", true},
    {CATALOGUE_NAMES, "claude-x, claude-y", false},
    {CATALOGUE_TOP_K, "top_k", true},
    {CATALOGUE_TOP_K, "inferenceConfig.topK", true},
    {CATALOGUE_TOP_K, "a.b.c", false},
    {CATALOGUE_TOP_K, "top_k.", false},
    {CATALOGUE_TOP_K, "\"top_k\"", false},
    {CATALOGUE_EFFORTS, "minimal,low,ultra-2", true},
    {CATALOGUE_EFFORTS, "low, high", false},
    {CATALOGUE_EFFORTS, "low,,high", false},
    {CATALOGUE_EFFORTS, "low/high", false},
    {CATALOGUE_BETAS, "context-1m-2025-08-07,next_1.0", true},
    {CATALOGUE_BETAS, "context-1m-2025-08-07 compact-2026-01-12", false},
    {CATALOGUE_NAME, "Anything at all", true},
};

static void test_read_refuses_what_is_no_value_of_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cell_rows / sizeof *cell_rows; i++) {
        uint32_t v = 0;
        bool text;
        struct err err;
        enum status st =
            catalogue_cell_read(cell_rows[i].column, text_from(cell_rows[i].text), &v, &text, &err);
        if ((st == STATUS_OK) != cell_rows[i].good) {
            fail_msg("%s %s: %s", catalogue_table_columns[cell_rows[i].column], cell_rows[i].text,
                     st == STATUS_OK ? "taken" : err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_money_table),
        cmocka_unit_test(test_read_refuses_what_is_no_value_of_its_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
