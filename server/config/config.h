/*
 * config.h - every setting, in one table: name, class, default, range, whether it is a secret, its
 * meaning.
 *
 * Read once by the master (and by each subcommand). The command line wins over the environment, and
 * that over .env in the working directory. Values never change after config_load, except at SIGHUP,
 * when a new struct config is loaded and handed to new workers. README's table is printed from here
 * (config_docs.h, `llm-api-converter docs settings`) and a test compares the two.
 *
 * No setting: facts of the program, and what follows from the machine (config_bounds.h). Names that
 * were settings once: config_elder.h.
 */
#ifndef SERVER_BASE_CONFIG_H
#define SERVER_BASE_CONFIG_H

#include <stdio.h>
#include "server/base/bedrock_terms.h"
#include "server/base/err.h"
#include "server/base/text.h"
#include "server/config/config_bounds.h"
#include "server/config/config_elder.h"
#include "server/config/config_lanes.h"

/*
 * One row a setting: KIND(field, NAME, alias, class, when, default, ..., meaning). The alias is
 * another name that older tools use, or ""; the main name wins where both are set in one place.
 *
 *   class   BASIC: what who sets up a server looks at; TUNING: all else
 *   when    a change of it takes effect at a RELOAD (SIGHUP), or only at a RESTART
 *
 * By kind, what stands at the dots and what the field is:
 *
 *   TEXT     secret: true keeps the value out of every print     const char *, "" when unset
 *   URL      nothing; http(s)://host[:port][/path]               const char *, "" when unset
 *   CHOICE   "a|b|c", any case                                   const char *, lower-case
 *   BOOL     nothing; true/false/1/0/yes/no/on/off, any case     bool
 *   INT      least, greatest                                     int64_t
 *
 * Sizes are bytes. Times are seconds.
 */
#define CONFIG_TABLE(TEXT, URL, CHOICE, BOOL, INT)                                                 \
    /* --- serving --- */                                                                          \
    TEXT(host, "HOST", "", BASIC, RESTART, "0.0.0.0", false, "address to listen on")               \
    INT(port, "PORT", "", BASIC, RESTART, 8000, 1, 65535, "port to listen on")                     \
    INT(workers, "WORKERS", "", BASIC, RELOAD, 0, 0, 64,                                           \
        "worker processes; 0: CPUs of the affinity mask and cgroup quota, at least 2")             \
    TEXT(api_prefix, "API_PREFIX", "", TUNING, RELOAD, "/v1", false,                               \
         "path prefix of the API routes")                                                          \
    CHOICE(environment, "ENVIRONMENT", "", BASIC, RELOAD, "development",                           \
           "development|dev|staging|stage|production|prod",                                        \
           "label: shown by /health and in new keys; --ephemeral-key is for development")          \
    CHOICE(log_level, "LOG_LEVEL", "", BASIC, RESTART, "info",                                     \
           "trace|debug|info|warn|warning|error|critical|off", "least level that is logged")       \
    CHOICE(log_format, "LOG_FORMAT", "", TUNING, RESTART, "auto", "auto|text|json",                \
           "auto: text on a terminal, else JSON lines")                                            \
    TEXT(state_dir, "STATE_DIR", "", BASIC, RESTART, "state", false,                               \
         "directory of the embedded key store and the usage journal")                              \
    INT(shutdown_timeout, "SHUTDOWN_TIMEOUT", "", BASIC, RELOAD, 25, 0, 3600,                      \
        "seconds that open streams get after SIGTERM")                                             \
    INT(shutdown_delay, "SHUTDOWN_DELAY", "", TUNING, RELOAD, 0, 0, 3600,                          \
        "seconds after SIGTERM, before SHUTDOWN_TIMEOUT begins, in which /health and /ready say "  \
        "503 and everybody is still served: for balancers that learn of the end by asking")        \
    INT(max_request_seconds, "MAX_REQUEST_SECONDS", "", BASIC, RELOAD, 0, 0, 86400,                \
        "end a request with an error event after this long; 0: never (App Runner: 115)")           \
    TEXT(cors_origins, "CORS_ORIGINS", "", TUNING, RELOAD, "", false,                              \
         "origins allowed to call from a browser, comma-separated; empty: none; never *")          \
    TEXT(trusted_proxies, "TRUSTED_PROXIES", "", TUNING, RELOAD, "", false,                        \
         "addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For is believed: the "   \
         "log then has the client's address, too; comma-separated")                                \
    /* --- who may call --- */                                                                     \
    BOOL(require_api_key, "REQUIRE_API_KEY", "", BASIC, RELOAD, true,                              \
         "false: anybody who reaches the port may call")                                           \
    TEXT(api_key_header, "API_KEY_HEADER", "", TUNING, RELOAD, "x-api-key", false,                 \
         "header that carries the key, besides Authorization: Bearer")                             \
    TEXT(master_api_key, "MASTER_API_KEY", "", BASIC, RELOAD, "", true,                            \
         "a key that always works, user master")                                                   \
    INT(master_key_rate_limit, "MASTER_KEY_RATE_LIMIT", "", TUNING, RELOAD, 10000, 0, 1000000000,  \
        "requests per window of the master key; 0: unlimited")                                     \
    BOOL(allow_clear_keys, "ALLOW_CLEAR_KEYS", "", TUNING, RELOAD, true,                           \
         "accept rows whose partition key is the key itself, as the older tools write them")       \
    INT(rate_limit_requests, "RATE_LIMIT_REQUESTS_PER_WINDOW", "RATE_LIMIT_REQUESTS", BASIC,       \
        RELOAD, 100, 0, 1000000000,                                                                \
        "requests per window of a key that has no limit of its own; 0: no key has a request "      \
        "limit")                                                                                   \
    INT(rate_limit_window, "RATE_LIMIT_WINDOW_SECONDS", "RATE_LIMIT_WINDOW", BASIC, RELOAD, 60, 1, \
        86400, "length of the window")                                                             \
    /* --- the key store --- */                                                                    \
    CHOICE(storage_backend, "STORAGE_BACKEND", "", BASIC, RELOAD, "auto", "auto|sqlite|dynamodb",  \
           "auto: SQLite if DATABASE_URL is set, else DynamoDB if AWS is configured, else SQLite " \
           "in STATE_DIR if it is there, else DynamoDB if instance metadata has credentials, "     \
           "else SQLite")                                                                          \
    TEXT(database_url, "DATABASE_URL", "", TUNING, RELOAD, "", false,                              \
         "sqlite:///absolute/path or sqlite://relative/path of the embedded store")                \
    URL(dynamodb_endpoint_url, "DYNAMODB_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", TUNING,       \
        RELOAD, "", "DynamoDB elsewhere than in AWS")                                              \
    TEXT(                                                                                          \
        table_prefix, "DYNAMODB_TABLE_PREFIX", "", BASIC, RELOAD, "anthropic-proxy", false,        \
        "tables are called PREFIX-api-keys, -usage, -usage-stats, -model-mapping, -model-pricing " \
        "and -beta-headers; one with another name: DYNAMODB_API_KEYS_TABLE and so on")             \
    INT(dynamodb_timeout, "DYNAMODB_TIMEOUT", "", TUNING, RELOAD, 5, 1, 60,                        \
        "seconds for one call of DynamoDB, its repetitions included")                              \
    INT(refresh_seconds, "REFRESH_SECONDS", "", TUNING, RELOAD, 60, 1, 86400,                      \
        "full reload of the key store")                                                            \
    INT(max_stale_seconds, "MAX_STALE_SECONDS", "", TUNING, RELOAD, 86400, 0, 31536000,            \
        "how long known keys go on working while the store is unreachable")                        \
    INT(max_keys, "MAX_KEYS", "", TUNING, RESTART, 16384, 64, 2000000,                             \
        "capacity of the shared key table")                                                        \
    /* --- usage and money --- */                                                                  \
    TEXT(usage_journal, "USAGE_JOURNAL", "", TUNING, RESTART, "", false,                           \
         "file of the usage records that are not in the store yet; empty: usage.journal in "       \
         "STATE_DIR; memory: none")                                                                \
    INT(usage_ttl_days, "USAGE_TTL_DAYS", "", TUNING, RELOAD, 7, 0, 36500,                         \
        "days until the store may forget a usage row; 0: never")                                   \
    CHOICE(default_service_tier, "DEFAULT_SERVICE_TIER", "", TUNING, RELOAD, "default",            \
           "default|flex|priority|reserved",                                                       \
           "Bedrock service tier of requests that name none, where the key has none")              \
    TEXT(bedrock_guardrail, "BEDROCK_GUARDRAIL", "", TUNING, RELOAD, "", false,                    \
         "guardrail of the requests of keys that have none of their own, ID:VERSION; :async "      \
         "behind "                                                                                 \
         "it: streamed text does not wait for it")                                                 \
    TEXT(                                                                                          \
        bedrock_project, "BEDROCK_PROJECT", "", TUNING, RELOAD, "", false,                         \
        "Bedrock project (id or ARN) of the requests of keys that have none of their own; empty: " \
        "the account's default project")                                                           \
    TEXT(request_metadata, "REQUEST_METADATA", "", TUNING, RELOAD, "", false,                      \
         "what AWS's invocation logs learn of each request, a list of: user (the key's owner), "   \
         "key (its id in the log), request (its id); empty: nothing")                              \
    TEXT(metrics_token, "METRICS_TOKEN", "", TUNING, RELOAD, "", true,                             \
         "a token that may read /metrics, and nothing else, besides the master key; off: anybody " \
         "may read it")                                                                            \
    /* --- AWS --- */                                                                              \
    TEXT(aws_region, "AWS_REGION", "AWS_DEFAULT_REGION", BASIC, RELOAD, "", false,                 \
         "region of Bedrock and DynamoDB; empty: the profile's, else us-east-1")                   \
    URL(bedrock_endpoint_url, "BEDROCK_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", TUNING,  \
        RELOAD, "", "Bedrock elsewhere than in AWS (mock, VPC endpoint)")                          \
    TEXT(                                                                                          \
        bedrock_lanes, "BEDROCK_LANES", "", TUNING, RELOAD, "", false,                             \
        "regions in which Bedrock is asked, home (AWS_REGION) first, comma-separated, at most 8: " \
        "REGION or REGION@ROLE-ARN of another account; =URL behind it: elsewhere than in AWS; "    \
        "empty: home alone")                                                                       \
    TEXT(bedrock_api_key, "AWS_BEARER_TOKEN_BEDROCK", "", BASIC, RELOAD, "", true,                 \
         "Bedrock API key, used instead of signing")                                               \
    BOOL(use_fips, "AWS_USE_FIPS_ENDPOINT", "", TUNING, RELOAD, false,                             \
         "bedrock-runtime-fips endpoints")                                                         \
    BOOL(use_dualstack, "AWS_USE_DUALSTACK_ENDPOINT", "", TUNING, RELOAD, false,                   \
         "api.aws endpoints (IPv6)")                                                               \
    TEXT(model_arn_accounts, "MODEL_ARN_ACCOUNTS", "", TUNING, RELOAD, "", false,                  \
         "AWS accounts whose model ARNs may be named, comma-separated; empty: any")                \
    TEXT(ca_file, "UPSTREAM_CA_FILE", "CURL_CA_BUNDLE", TUNING, RELOAD, "", false,                 \
         "CA bundle for TLS to AWS; empty: the system's")                                          \
    BOOL(use_proxy, "UPSTREAM_PROXY", "", TUNING, RELOAD, false,                                   \
         "honour HTTPS_PROXY and NO_PROXY for calls to AWS")                                       \
    /* --- models --- */                                                                           \
    TEXT(model_default, "ANTHROPIC_DEFAULT_MODEL", "", BASIC, RELOAD, "", false,                   \
         "Bedrock model for every Claude or OpenAI-alias name; A,B: a chain of up to 4")           \
    TEXT(model_opus, "ANTHROPIC_DEFAULT_OPUS_MODEL", "", BASIC, RELOAD, "", false,                 \
         "Bedrock model for Opus names")                                                           \
    TEXT(model_sonnet, "ANTHROPIC_DEFAULT_SONNET_MODEL", "", BASIC, RELOAD, "", false,             \
         "Bedrock model for Sonnet names")                                                         \
    TEXT(model_haiku, "ANTHROPIC_DEFAULT_HAIKU_MODEL", "", BASIC, RELOAD, "", false,               \
         "Bedrock model for Haiku names")                                                          \
    TEXT(model_mapping, "DEFAULT_MODEL_MAPPING", "", TUNING, RELOAD, "", false,                    \
         "JSON object of client name to Bedrock id; replaces the built-in table")                  \
    TEXT(                                                                                          \
        catalogue_file, "CATALOGUE_FILE", "", TUNING, RELOAD, "", false,                           \
        "table of prices and ends of models over the built-in one (columns: shm/README.md); read " \
        "again when it changes")                                                                   \
    TEXT(s3_buckets, "S3_BUCKETS", "", TUNING, RELOAD, "", false,                                  \
         "what clients of Bedrock's own routes may name in S3, which Bedrock reads with this "     \
         "gateway's rights: BUCKET or BUCKET/PREFIX, comma-separated, *: all; empty: nothing")     \
    TEXT(unpriced, "UNPRICED", "", TUNING, RELOAD, "refuse", false,                                \
         "a model without a price: refuse it to keys with a budget, allow it for nothing, or "     \
         "dollars for a million tokens")                                                           \
    TEXT(beta_mapping, "BETA_HEADER_MAPPING", "", TUNING, RELOAD, "", false,                       \
         "JSON object: anthropic-beta value to the list of values that Bedrock gets in its "       \
         "place; [] for none")                                                                     \
    CHOICE(default_cache_ttl, "DEFAULT_CACHE_TTL", "", TUNING, RELOAD, "5m", "off|5m|1h",          \
           "lifetime of cache marks that name none; a key's own cache_ttl wins over the "          \
           "client's; off: the client's cache marks do not reach Bedrock")                         \
    BOOL(strict_fields, "STRICT_FIELDS", "", TUNING, RELOAD, false,                                \
         "true: refuse what a model does not take instead of dropping it")                         \
    CHOICE(count_tokens_fallback, "COUNT_TOKENS_FALLBACK", "", TUNING, RELOAD, "estimate",         \
           "estimate|refuse",                                                                      \
           "count_tokens where Bedrock does not count: an estimate marked x-token-count, or 501")  \
    /* --- limits on what a client sends --- */                                                    \
    INT(header_timeout, "HEADER_TIMEOUT", "", TUNING, RELOAD, 10, 1, 3600,                         \
        "seconds for the header block to arrive")                                                  \
    INT(keepalive_timeout, "KEEPALIVE_TIMEOUT", "", TUNING, RELOAD, 75, 1, 86400,                  \
        "seconds an idle client connection is kept")                                               \
    /* --- upstream --- */                                                                         \
    INT(upstream_idle_timeout, "UPSTREAM_IDLE_TIMEOUT", "", TUNING, RELOAD, 300, 1, 86400,         \
        "seconds of silence before the first byte of a streamed answer, and between two")          \
    INT(bedrock_timeout, "BEDROCK_TIMEOUT", "BEDROCK_TIMEOUT_SECS", TUNING, RELOAD, 1800, 1,       \
        86400, "seconds for a whole answer that is not streamed")                                  \
    INT(ping_seconds, "PING_SECONDS", "", TUNING, RELOAD, 15, 1, 300,                              \
        "silence before a ping is sent to the client")                                             \
    INT(queue_seconds, "QUEUE_SECONDS", "", TUNING, RELOAD, 0, 0, 3600,                            \
        "how long a request waits for its turn while Bedrock throttles its model, before it gets " \
        "429; 0: it does not wait")                                                                \
    INT(queue_max, "QUEUE_MAX", "", TUNING, RELOAD, 1000, 1, 30000,                                \
        "requests that wait so at once")                                                           \
    /* --- extras --- */                                                                           \
    BOOL(core_dumps, "CORE_DUMPS", "", TUNING, RESTART, false,                                     \
         "true: allow core files (they hold prompts)")                                             \
    /* --- what the processes may do --- */                                                        \
    TEXT(run_as_user, "RUN_AS_USER", "", TUNING, RESTART, "", false,                               \
         "started as root: user that all processes become once the port is bound (name, uid or "   \
         "uid:gid); empty: the owner of STATE_DIR, else nobody")                                   \
    BOOL(allow_root, "ALLOW_ROOT", "", TUNING, RESTART, false, "true: RUN_AS_USER may be root")    \
    BOOL(sandbox, "SANDBOX", "", TUNING, RELOAD, true,                                             \
         "off: for debugging, without seccomp, Landlock and no_new_privs")

enum config_class { CONFIG_BASIC, CONFIG_TUNING };
enum config_when { CONFIG_RELOAD, CONFIG_RESTART };

struct config {
#define CONFIG_TEXT(field, ...)   const char *field;
#define CONFIG_URL(field, ...)    const char *field;
#define CONFIG_CHOICE(field, ...) const char *field;
#define CONFIG_BOOL(field, ...)   bool field;
#define CONFIG_INT(field, ...)    int64_t field;
    CONFIG_TABLE(CONFIG_TEXT, CONFIG_URL, CONFIG_CHOICE, CONFIG_BOOL, CONFIG_INT)
    CONFIG_ELDER_READ(CONFIG_TEXT, CONFIG_TEXT, CONFIG_ELDER_NONE)
#undef CONFIG_TEXT
#undef CONFIG_URL
#undef CONFIG_CHOICE
#undef CONFIG_BOOL
#undef CONFIG_INT
    struct config_bounds bounds;
    bool has_master; /* MASTER_API_KEY is set, and the SHA-256 of it */
    uint8_t master_digest[32];
    bool metrics_auth;      /* METRICS_TOKEN is not "off" */
    bool has_metrics_token; /* the same of METRICS_TOKEN */
    uint8_t metrics_digest[32];
    struct config_lanes lanes; /* BEDROCK_LANES, taken apart */
    bool terms; /* one of BEDROCK_GUARDRAIL, BEDROCK_PROJECT and REQUEST_METADATA is set */
    struct bedrock_terms_guardrail guardrail; /* BEDROCK_GUARDRAIL, taken apart */
    unsigned metadata;                        /* REQUEST_METADATA: BEDROCK_TERMS_... */
    struct config_private *private;           /* the values as given and where from; config.c's */
};

struct config_override { /* from the command line: {"PORT", "8080"} */
    const char *name;
    const char *value;
};

/* Blank values count as unset. On failure: STATUS_INVALID with one line that names the variable,
 * its value (not if secret) and what is allowed. env_file: NULL for ".env" (absent is fine); a
 * named file must exist. Everything in *c is owned by it. Values that the file gives to names that
 * are not ours (AWS_PROFILE ...) are put into the environment, unless set there, so that creds.c
 * sees them; those of the load before are taken out first. */
MUST_CHECK enum status config_load(struct config *c, const char *env_file,
                                   const struct config_override *overrides, size_t override_count,
                                   struct err *err);
void config_free(struct config *c); /* wipes secrets */

/* name, value, where from; secrets as "(set)"; one row a setting. */
enum config_print { CONFIG_PRINT_TEXT, CONFIG_PRINT_JSON };
void config_print(const struct config *c, enum config_print form, FILE *out);
/* The texts of MASTER_API_KEY and METRICS_TOKEN are wiped, their digests stay: master, before it
 * forks. */
void config_forget_keys(struct config *c);
bool config_is_production(const struct config *c); /* ENVIRONMENT */
/* The names of the settings that differ and take effect only at a restart, "PORT, STATE_DIR"; none:
 * "". */
void config_fixed(const struct config *old, const struct config *fresh, char *names_out,
                  size_t size);
/* Weak or missing protection that deserves a warning at start ("MASTER_API_KEY is a well-known
 * word"). Calls fn for each. */
void config_warnings(const struct config *c, void (*fn)(void *ctx, const char *text), void *ctx);

#endif
