/*
 * main.c - mock-bedrock: a stand-in for the Amazon Bedrock runtime on loopback. See README.md here.
 */
#include "tests/mock/mock.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "tests/mock/ask.h"

#define BODY_MAX ((size_t)128 * 1024 * 1024)

static const char USAGE[] =
    "usage: mock-bedrock [options]\n"
    "  --port N               0 (default): any free one\n"
    "  --host ADDRESS         127.0.0.1\n"
    "  --access-key ID --secret S [--token T]   credentials that are accepted\n"
    "                         (AKIAMOCKMOCKMOCKMOCK, mock-secret-access-key, none)\n"
    "  --bearer KEY           also accept Authorization: Bearer KEY\n"
    "  --no-verify            accept every caller, for benchmarks\n"
    "  --allow-field NAME     one more top-level member in InvokeModel bodies\n"
    "  --allow-beta NAME      one more anthropic_beta value\n"
    "  --refusals FILE        refuse what its rows say (tests/mock/next_year.tsv)\n"
    "  --play FOLDER          play the demo (tests/mock/README.md) with FOLDER/" PLAY_FILE "\n"
    "  --quiet                no line at the end\n"
    "  --faults               print the table of faults and leave\n";

static bool add(struct str *list, size_t *n, size_t max, const char *value)
{
    if (*n == max)
        return false;
    list[(*n)++] = text_from(value);
    return true;
}

static bool copy(const char *value, char *out, size_t size)
{
    struct str s = text_from(value);
    text_copy(s, out, size);
    return s.n < size;
}

static bool set_port(struct mock *m, const char *value)
{
    uint64_t port;
    if (!text_u64(text_from(value), &port) || port > 65535)
        return false;
    m->port = (int)port;
    return true;
}

static bool set_option(struct mock *m, int option, const char *value)
{
    struct key_text *key = &m->key[0];
    switch (option) {
    case 'p':
        return set_port(m, value);
    case 'h':
        m->host = value;
        return true;
    case 'a':
        ask_sign_as(value);
        return copy(value, key->access_key, sizeof key->access_key);
    case 's':
        return copy(value, key->secret, sizeof key->secret);
    case 't':
        return copy(value, key->token, sizeof key->token);
    case 'b':
        m->bearer = value;
        return true;
    case 'y':
        m->play_folder = value;
        return play_is_folder(value);
    case 'n':
        m->verify = false;
        return true;
    case 'q':
        m->quiet = true;
        return true;
    case 'f':
        return add(m->rules.field, &m->rules.field_n, 16, value);
    case 'e':
        return add(m->rules.beta, &m->rules.beta_n, 16, value);
    case 'r':
        refusals_drop(m->refusals);
        m->refusals = refusals_read(value);
        return m->refusals != NULL;
    case 'F':
        fault_print_table();
        exit(0);
    default:
        return false;
    }
}

static bool read_options(struct mock *m, int argc, char **argv)
{
    static const struct option OPTION[] = {
        {"port", required_argument, NULL, 'p'},
        {"host", required_argument, NULL, 'h'},
        {"access-key", required_argument, NULL, 'a'},
        {"secret", required_argument, NULL, 's'},
        {"token", required_argument, NULL, 't'},
        {"bearer", required_argument, NULL, 'b'},
        {"allow-field", required_argument, NULL, 'f'},
        {"allow-beta", required_argument, NULL, 'e'},
        {"refusals", required_argument, NULL, 'r'},
        {"play", required_argument, NULL, 'y'},
        {"no-verify", no_argument, NULL, 'n'},
        {"quiet", no_argument, NULL, 'q'},
        {"faults", no_argument, NULL, 'F'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", OPTION, NULL)) != -1)
        if (!set_option(m, option, optarg))
            return false;
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct mock mock = {.host = "127.0.0.1",
                               .verify = true,
                               .credentials_expire_s = 3600,
                               .key = {{"AKIAMOCKMOCKMOCKMOCK", "mock-secret-access-key", ""}}};
    if (!read_options(&mock, argc, argv)) {
        fputs(USAGE, stderr);
        return 2;
    }
    clock_tick();
    ledger_init(&mock.ledger);
    buf_init(&mock.body, BODY_MAX);
    buf_init(&mock.scratch, BODY_MAX);
    buf_init(&mock.said, SAID_MAX);
    mock.faults = fault_memory_new();
    admin_rotate_credentials(&mock);
    int status = mock.faults ? server_run(&mock) : 1;
    if (!mock.quiet)
        fprintf(stderr, "mock-bedrock: %llu requests\n", (unsigned long long)mock.ledger.requests);
    fault_memory_drop(mock.faults);
    refusals_drop(mock.refusals);
    buf_free(&mock.body);
    buf_free(&mock.scratch);
    buf_free(&mock.said);
    ledger_free(&mock.ledger);
    return status;
}
