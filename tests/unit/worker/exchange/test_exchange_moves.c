#include "worker/exchange/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* All moves there are, but for the one to the end. */
static const struct {
    enum exchange_state from, to;
} moves[] = {
    {EXCHANGE_OPEN, EXCHANGE_AUTH},     {EXCHANGE_AUTH, EXCHANGE_ROUTE},
    {EXCHANGE_ROUTE, EXCHANGE_READ},    {EXCHANGE_READ, EXCHANGE_ADMIT},
    {EXCHANGE_ADMIT, EXCHANGE_CONVERT}, {EXCHANGE_CONVERT, EXCHANGE_SEND},
    {EXCHANGE_SEND, EXCHANGE_RELAY},    {EXCHANGE_RELAY, EXCHANGE_PAUSE},
    {EXCHANGE_PAUSE, EXCHANGE_SEND},    {EXCHANGE_PAUSE, EXCHANGE_CONVERT},
    {EXCHANGE_CONVERT, EXCHANGE_PAUSE}, {EXCHANGE_SEND, EXCHANGE_PAUSE},
    {EXCHANGE_SEND, EXCHANGE_QUEUE},    {EXCHANGE_RELAY, EXCHANGE_QUEUE},
    {EXCHANGE_CONVERT, EXCHANGE_QUEUE}, {EXCHANGE_QUEUE, EXCHANGE_CONVERT},
};

static bool is_listed(enum exchange_state from, enum exchange_state to)
{
    bool listed = from != EXCHANGE_DONE && to == EXCHANGE_DONE;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        listed = listed || (moves[i].from == from && moves[i].to == to);
    }
    return listed;
}

static void test_every_pair_of_states_is_a_move_or_is_not(void **state)
{
    (void)state;
    for (enum exchange_state from = EXCHANGE_OPEN; from < EXCHANGE_NONE; from++) {
        for (enum exchange_state to = EXCHANGE_OPEN; to <= EXCHANGE_NONE; to++) {
            if (exchange_may_enter(from, to) != is_listed(from, to)) {
                fail_msg("from %s to %s", exchange_state_name(from),
                         to < EXCHANGE_NONE ? exchange_state_name(to) : "NONE");
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_states_is_a_move_or_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
