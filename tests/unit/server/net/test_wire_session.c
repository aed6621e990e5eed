#include "tests/unit/fetch_case.h"
#include "tests/unit/tls_server.h"

#include <curl/curl.h>
#include <dlfcn.h>
#ifdef HAVE_CURL_OPENSSL
#include <openssl/ssl.h>
#endif
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static int64_t later_s; /* how much later it is than the kernel says */

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, out);
    out->tv_sec += later_s;
    return failed;
}

static const char *library; /* what libcurl says it has; NULL: the truth */

curl_version_info_data *curl_version_info(CURLversion age)
{
    static curl_version_info_data told;
    curl_version_info_data *(*real)(CURLversion) =
        (curl_version_info_data * (*)(CURLversion)) dlsym(RTLD_NEXT, "curl_version_info");
    told = *real(age);
    told.ssl_version = library ? library : told.ssl_version;
    return &told;
}

static struct fetch_client *client_with(struct world *w, const char *ca_file)
{
    struct fetch_options options = {.pool = 1, .ca_file = ca_file};
    struct fetch_client *client = fetch_client_new(w->loop, &options, NULL);
    assert_non_null(client);
    return client;
}

/* What the server says of the session of a connection; "" when there is none. */
static const char *ask(struct world *w, struct fetch_client *client, const char *host,
                       unsigned port)
{
    static char word[16];
    struct fetch_client *plain = w->client;
    struct call c = {.w = w, .path = "/"};
    char url[64], *at;
    struct fetch_request r = request_to(&c, url);
    clock_tick();
    snprintf(url, sizeof url, "https://%s:%u/", host, port);
    r.allow_http = false;
    r.first_byte_ms = r.idle_ms = r.connect_ms = 20000;
    w->client = client;
    start_request(&c, &r);
    loop_run(w->loop);
    w->client = plain;
    buf_put_char(&c.body, '\0');
    at = strstr(buf_data(&c.body), ", TLSv1.");
    size_t n = 0;
    while (at && at - n > buf_data(&c.body) && n < sizeof word - 1 && at[-1 - (long)n] >= 'A')
        n++;
    snprintf(word, sizeof word, "%.*s", (int)n, at ? at - n : "");
    assert_int_equal(c.end, at ? STATUS_OK : STATUS_UPSTREAM);
    buf_free(&c.body);
    return word;
}

static struct tls_server server_or_skip(char *version)
{
    struct tls_server server = {0};
#ifndef HAVE_CURL_OPENSSL
    print_message("sessions are libcurl's here: not tested\n");
    skip();
#endif
    if (!tls_server_open(&server, version)) {
        print_message("no openssl program: not tested\n");
        skip();
    }
    return server;
}

static void check_resumed(struct world *w, char *version)
{
    struct tls_server server = server_or_skip(version);
    struct fetch_client *client = client_with(w, server.cert), *other;
    assert_string_equal(ask(w, client, "127.0.0.1", server.port), "New");
    for (int i = 0; i < 3; i++)
        assert_string_equal(ask(w, client, "127.0.0.1", server.port), "Reused");
    other = client_with(w, server.cert);
    assert_string_equal(ask(w, other, "127.0.0.1", server.port), "New");
    fetch_client_drop(other);
    fetch_client_drop(client);
    tls_server_shut(&server);
}

static void test_session_is_resumed(void **state)
{
    check_resumed(*state, "-tls1_3");
}

static void test_session_of_tls_1_2_is_resumed(void **state)
{
    check_resumed(*state, "-tls1_2");
}

/* It has other keys for its tickets then. */
static void check_refused(struct world *w, char *version)
{
    struct tls_server server = server_or_skip(version);
    struct fetch_client *client = client_with(w, server.cert);
    assert_string_equal(ask(w, client, "127.0.0.1", server.port), "New");
    assert_string_equal(ask(w, client, "127.0.0.1", server.port), "Reused");
    tls_server_stop(&server);
    tls_server_start(&server, version);
    assert_string_equal(ask(w, client, "127.0.0.1", server.port), "New");
    assert_string_equal(ask(w, client, "127.0.0.1", server.port), "Reused");
    fetch_client_drop(client);
    tls_server_shut(&server);
}

static void test_ticket_that_is_refused_costs_a_full_handshake(void **state)
{
    check_refused(*state, "-tls1_3");
    check_refused(*state, "-tls1_2");
}

/* The certificate is 127.0.0.1's. */
static void test_session_is_of_one_name(void **state)
{
    struct tls_server server = server_or_skip("-tls1_3");
    struct fetch_client *client = client_with(*state, server.cert), *stranger;
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "New");
    assert_string_equal(ask(*state, client, "localhost", server.port), "");
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "Reused");
    assert_string_equal(ask(*state, client, "localhost", server.port), "");
    stranger = client_with(*state, NULL);
    assert_string_equal(ask(*state, stranger, "127.0.0.1", server.port), "");
    assert_string_equal(ask(*state, stranger, "127.0.0.1", server.port), "");
    fetch_client_drop(stranger);
    fetch_client_drop(client);
    tls_server_shut(&server);
}

/* However often it was renewed meanwhile. */
static void test_certificates_are_verified_again_after_an_hour(void **state)
{
    struct tls_server server = server_or_skip("-tls1_3");
    struct fetch_client *client = client_with(*state, server.cert);
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "New");
    later_s += 1800;
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "Reused");
    later_s += 1750;
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "Reused");
    later_s += 60;
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "New");
    assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "Reused");
    later_s = 0;
    fetch_client_drop(client);
    tls_server_shut(&server);
}

#ifdef HAVE_CURL_OPENSSL

static int touched; /* contexts of libcurl's by our OpenSSL */

void SSL_CTX_set_info_callback(SSL_CTX *context, void (*fn)(const SSL *, int, int))
{
    void (*real)(SSL_CTX *, void (*)(const SSL *, int, int)) =
        (void (*)(SSL_CTX *, void (*)(const SSL *, int, int)))dlsym(RTLD_NEXT,
                                                                    "SSL_CTX_set_info_callback");
    touched++;
    real(context, fn);
}

static void test_another_openssl_than_ours_is_left_alone(void **state)
{
    static char *const others[] = {"OpenSSL/3.99.1", "OpenSSL/4.0.0", "GnuTLS/3.7.9", NULL};
    struct tls_server server = server_or_skip("-tls1_3");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        library = others[i];
        touched = 0;
        struct fetch_client *client = client_with(*state, server.cert);
        assert_string_equal(ask(*state, client, "127.0.0.1", server.port), "New");
        assert_int_equal(touched, library ? 0 : 1);
        fetch_client_drop(client);
    }
    tls_server_shut(&server);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_session_is_resumed),
        TEST(test_session_of_tls_1_2_is_resumed),
        TEST(test_ticket_that_is_refused_costs_a_full_handshake),
        TEST(test_session_is_of_one_name),
        TEST(test_certificates_are_verified_again_after_an_hour),
#ifdef HAVE_CURL_OPENSSL
        TEST(test_another_openssl_than_ours_is_left_alone),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
