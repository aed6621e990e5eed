/*
 * config.h - every setting, in one table: name, default, range, whether it is a secret, its
 * meaning.
 *
 * Read once by the master (and by each subcommand). The command line wins over the environment, and
 * that over .env in the working directory. Values never change after config_load, except at SIGHUP,
 * when a new struct config is loaded and handed to new workers. README's table is printed from here
 * (config_docs.h, `llm-api-converter docs settings`) and a test compares the two.
 */
#ifndef SERVER_BASE_CONFIG_H
#define SERVER_BASE_CONFIG_H

#include <stdio.h>
#include "server/base/err.h"
#include "server/base/text.h"

/*
 * One row a setting: KIND(field, NAME, alias, default, ..., meaning). The alias is another name
 * that older tools use, or ""; the main name wins where both are set in one place. By kind, what
 * stands at the dots and what the field is:
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
    TEXT(host, "HOST", "", "0.0.0.0", false, "address to listen on")                               \
    INT(port, "PORT", "", 8000, 1, 65535, "port to listen on")                                     \
    INT(workers, "WORKERS", "", 0, 0, 64,                                                          \
        "worker processes; 0: CPUs of the affinity mask and cgroup quota, at least 2")             \
    TEXT(api_prefix, "API_PREFIX", "", "/v1", false, "path prefix of the API routes")              \
    CHOICE(environment, "ENVIRONMENT", "", "development",                                          \
           "development|dev|staging|stage|production|prod",                                        \
           "label shown by /health; production brings warnings about weak protection")             \
    CHOICE(log_level, "LOG_LEVEL", "", "info", "trace|debug|info|warn|warning|error|critical|off", \
           "least level that is logged")                                                           \
    CHOICE(log_format, "LOG_FORMAT", "", "auto", "auto|text|json",                                 \
           "auto: text on a terminal, else JSON lines")                                            \
    TEXT(state_dir, "STATE_DIR", "", "state", false,                                               \
         "directory of the embedded key store and the usage journal")                              \
    INT(shutdown_timeout, "SHUTDOWN_TIMEOUT", "", 25, 0, 3600,                                     \
        "seconds that open streams get after SIGTERM")                                             \
    INT(shutdown_delay, "SHUTDOWN_DELAY", "", 0, 0, 3600,                                          \
        "seconds after SIGTERM, before SHUTDOWN_TIMEOUT begins, in which /health and /ready say "  \
        "503 and everybody is still served: for balancers that learn of the end by asking")        \
    INT(max_request_seconds, "MAX_REQUEST_SECONDS", "", 0, 0, 86400,                               \
        "end a request with an error event after this long; 0: never (App Runner: 115)")           \
    TEXT(cors_origins, "CORS_ORIGINS", "", "", false,                                              \
         "origins allowed to call from a browser, comma-separated; empty: none; never *")          \
    /* --- who may call --- */                                                                     \
    BOOL(require_api_key, "REQUIRE_API_KEY", "", true,                                             \
         "false: anybody who reaches the port may call")                                           \
    TEXT(api_key_header, "API_KEY_HEADER", "", "x-api-key", false,                                 \
         "header that carries the key, besides Authorization: Bearer")                             \
    TEXT(master_api_key, "MASTER_API_KEY", "", "", true, "a key that always works, user master")   \
    INT(master_key_rate_limit, "MASTER_KEY_RATE_LIMIT", "", 10000, 0, 1000000000,                  \
        "requests per window of the master key; 0: unlimited")                                     \
    BOOL(allow_clear_keys, "ALLOW_CLEAR_KEYS", "", true,                                           \
         "accept rows whose partition key is the key itself, as the older tools write them")       \
    BOOL(rate_limit_enabled, "RATE_LIMIT_ENABLED", "", true, "false: no request limit")            \
    INT(rate_limit_requests, "RATE_LIMIT_REQUESTS_PER_WINDOW", "RATE_LIMIT_REQUESTS", 100, 1,      \
        1000000000, "requests per window of a key that has no limit of its own")                   \
    INT(rate_limit_window, "RATE_LIMIT_WINDOW_SECONDS", "RATE_LIMIT_WINDOW", 60, 1, 86400,         \
        "length of the window")                                                                    \
    /* --- the key store --- */                                                                    \
    CHOICE(storage_backend, "STORAGE_BACKEND", "", "auto", "auto|sqlite|dynamodb",                 \
           "auto: SQLite if DATABASE_URL is set, else DynamoDB if AWS is configured, else SQLite " \
           "in STATE_DIR if it is there, else DynamoDB if instance metadata has credentials, "     \
           "else SQLite")                                                                          \
    TEXT(database_url, "DATABASE_URL", "", "", false,                                              \
         "sqlite:///absolute/path or sqlite://relative/path of the embedded store")                \
    URL(dynamodb_endpoint_url, "DYNAMODB_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "",           \
        "DynamoDB elsewhere than in AWS")                                                          \
    TEXT(table_api_keys, "DYNAMODB_API_KEYS_TABLE", "", "anthropic-proxy-api-keys", false,         \
         "table of the keys")                                                                      \
    TEXT(table_usage, "DYNAMODB_USAGE_TABLE", "", "anthropic-proxy-usage", false,                  \
         "table of the usage rows")                                                                \
    TEXT(table_usage_stats, "DYNAMODB_USAGE_STATS_TABLE", "", "anthropic-proxy-usage-stats",       \
         false, "table of the totals; it also holds the version that tools raise")                 \
    TEXT(table_model_mapping, "DYNAMODB_MODEL_MAPPING_TABLE", "", "anthropic-proxy-model-mapping", \
         false, "table of the model mappings")                                                     \
    TEXT(table_model_pricing, "DYNAMODB_MODEL_PRICING_TABLE", "", "anthropic-proxy-model-pricing", \
         false, "table of the prices")                                                             \
    TEXT(table_beta_headers, "DYNAMODB_BETA_HEADERS_TABLE", "", "anthropic-proxy-beta-headers",    \
         false, "table of the beta headers")                                                       \
    INT(dynamodb_timeout, "DYNAMODB_TIMEOUT", "", 5, 1, 60,                                        \
        "seconds for one call of DynamoDB, its repetitions included")                              \
    INT(refresh_seconds, "REFRESH_SECONDS", "", 60, 1, 86400, "full reload of the key store")      \
    INT(max_stale_seconds, "MAX_STALE_SECONDS", "", 86400, 0, 31536000,                            \
        "how long known keys go on working while the store is unreachable")                        \
    INT(max_keys, "MAX_KEYS", "", 16384, 64, 2000000, "capacity of the shared key table")          \
    /* --- usage and money --- */                                                                  \
    TEXT(usage_journal, "USAGE_JOURNAL", "", "", false,                                            \
         "file of the usage records that are not in the store yet; empty: usage.journal in "       \
         "STATE_DIR; memory: none")                                                                \
    INT(usage_journal_records, "USAGE_JOURNAL_RECORDS", "", 16384, 64, 1048576,                    \
        "records (512 bytes) of each worker: open requests, and those of a store outage; when "    \
        "they are used up requests get 503")                                                       \
    INT(usage_ttl_days, "USAGE_TTL_DAYS", "", 7, 0, 36500,                                         \
        "days until the store may forget a usage row; 0: never")                                   \
    CHOICE(default_service_tier, "DEFAULT_SERVICE_TIER", "", "default",                            \
           "default|flex|priority|reserved",                                                       \
           "Bedrock service tier of requests that name none, "                                     \
           "where the key has none")                                                               \
    BOOL(metrics_auth, "METRICS_AUTH", "", true,                                                   \
         "GET /metrics needs METRICS_TOKEN or the master key as Bearer; off: anybody may read it") \
    TEXT(metrics_token, "METRICS_TOKEN", "", "", true,                                             \
         "a token that may read /metrics, and nothing else")                                       \
    /* --- AWS --- */                                                                              \
    TEXT(aws_region, "AWS_REGION", "AWS_DEFAULT_REGION", "", false,                                \
         "region of Bedrock and DynamoDB; empty: the profile's, else us-east-1")                   \
    URL(bedrock_endpoint_url, "BEDROCK_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "",      \
        "Bedrock elsewhere than in AWS (mock, VPC endpoint)")                                      \
    TEXT(bedrock_api_key, "AWS_BEARER_TOKEN_BEDROCK", "", "", true,                                \
         "Bedrock API key, used instead of signing")                                               \
    BOOL(use_fips, "AWS_USE_FIPS_ENDPOINT", "", false, "bedrock-runtime-fips endpoints")           \
    BOOL(use_dualstack, "AWS_USE_DUALSTACK_ENDPOINT", "", false, "api.aws endpoints (IPv6)")       \
    TEXT(model_arn_accounts, "MODEL_ARN_ACCOUNTS", "", "", false,                                  \
         "AWS accounts whose model ARNs may be named, comma-separated; empty: any")                \
    TEXT(ca_file, "UPSTREAM_CA_FILE", "CURL_CA_BUNDLE", "", false,                                 \
         "CA bundle for TLS to AWS; empty: the system's")                                          \
    BOOL(use_proxy, "UPSTREAM_PROXY", "", false,                                                   \
         "honour HTTPS_PROXY and NO_PROXY for calls to AWS")                                       \
    /* --- models --- */                                                                           \
    TEXT(model_default, "ANTHROPIC_DEFAULT_MODEL", "", "", false,                                  \
         "Bedrock model for every Claude or OpenAI-alias name")                                    \
    TEXT(model_opus, "ANTHROPIC_DEFAULT_OPUS_MODEL", "", "", false,                                \
         "Bedrock model for Opus names")                                                           \
    TEXT(model_sonnet, "ANTHROPIC_DEFAULT_SONNET_MODEL", "", "", false,                            \
         "Bedrock model for Sonnet names")                                                         \
    TEXT(model_haiku, "ANTHROPIC_DEFAULT_HAIKU_MODEL", "", "", false,                              \
         "Bedrock model for Haiku names")                                                          \
    TEXT(model_mapping, "DEFAULT_MODEL_MAPPING", "", "", false,                                    \
         "JSON object of client name to Bedrock id; replaces the built-in table")                  \
    TEXT(catalogue_file, "CATALOGUE_FILE", "", "", false,                                          \
         "table of models over the built-in one (llm-api-converter models); read again when it "   \
         "changes")                                                                                \
    TEXT(unpriced, "UNPRICED", "", "refuse", false,                                                \
         "a model without a price: refuse it to keys with a budget, allow it for nothing, or "     \
         "dollars for a million tokens")                                                           \
    TEXT(beta_allow, "BETA_HEADERS_ALLOW", "", "", false,                                          \
         "anthropic-beta values to pass to Claude besides the built-in ones, comma-separated")     \
    TEXT(beta_mapping, "BETA_HEADER_MAPPING", "", "", false,                                       \
         "JSON object: anthropic-beta value to the list of Bedrock's values that replace it")      \
    TEXT(beta_blocklist, "BETA_HEADERS_BLOCKLIST", "", "", false,                                  \
         "JSON list of anthropic-beta values that never reach Bedrock")                            \
    TEXT(beta_passthrough, "BETA_HEADERS_PASSTHROUGH", "", "", false,                              \
         "JSON list of anthropic-beta values that reach Claude as they are")                       \
    TEXT(beta_models, "BETA_HEADER_SUPPORTED_MODELS", "", "", false,                               \
         "JSON list of words of Bedrock ids that the operator's beta rules hold for; empty: "      \
         "every Claude")                                                                           \
    BOOL(prompt_caching, "PROMPT_CACHING_ENABLED", "", true,                                       \
         "false: the client's cache marks do not reach Bedrock")                                   \
    CHOICE(default_cache_ttl, "DEFAULT_CACHE_TTL", "", "5m", "5m|1h",                              \
           "lifetime of cache marks that name none; a key's own cache_ttl wins over the client's") \
    BOOL(strip_cache_scope, "STRIP_CACHE_SCOPE", "", true,                                         \
         "remove cache_control.scope, which Bedrock refuses")                                      \
    BOOL(strict_fields, "STRICT_FIELDS", "", false,                                                \
         "true: refuse what a model does not take instead of dropping it")                         \
    BOOL(reasoning_content, "REASONING_CONTENT", "", true,                                         \
         "show thinking to Chat Completions clients as reasoning_content")                         \
    CHOICE(count_tokens_fallback, "COUNT_TOKENS_FALLBACK", "", "estimate", "estimate|refuse",      \
           "count_tokens where Bedrock does not count: an estimate marked x-token-count, or 501")  \
    /* --- limits on what a client sends --- */                                                    \
    INT(http_max_line, "HTTP_MAX_LINE", "", 8192, 1024, 65536,                                     \
        "request line, and each header line; more: 414 or 431")                                    \
    INT(http_max_header_bytes, "HTTP_MAX_HEADER_BYTES", "", 32768, 4096, 1048576,                  \
        "whole header block; more: 431")                                                           \
    INT(http_max_headers, "HTTP_MAX_HEADERS", "", 100, 16, 1000, "header fields; more: 431")       \
    INT(max_body_bytes, "MAX_BODY_BYTES", "", 25000000, 1024, 25000000,                            \
        "request body; more: 413 (Bedrock's own limit is the maximum)")                            \
    INT(json_max_depth, "JSON_MAX_DEPTH", "", 128, 8, 1000, "nesting of the body")                 \
    INT(json_max_values, "JSON_MAX_VALUES", "", 100000, 100, 10000000, "values in the body")       \
    INT(json_max_keys, "JSON_MAX_KEYS", "", 10000, 100, 1000000, "keys in one object")             \
    INT(json_max_number, "JSON_MAX_NUMBER", "", 64, 20, 1000, "characters of one number")          \
    INT(header_timeout, "HEADER_TIMEOUT", "", 10, 1, 3600,                                         \
        "seconds for the header block to arrive")                                                  \
    INT(body_timeout, "BODY_TIMEOUT", "", 60, 1, 3600, "seconds for the body to arrive")           \
    INT(body_min_rate, "BODY_MIN_RATE", "", 1024, 0, 100000000,                                    \
        "bytes a second of body after the first 5 seconds; 0: any")                                \
    INT(keepalive_timeout, "KEEPALIVE_TIMEOUT", "", 75, 1, 86400,                                  \
        "seconds an idle client connection is kept")                                               \
    INT(max_requests_per_connection, "MAX_REQUESTS_PER_CONNECTION", "", 10000, 1, 1000000000,      \
        "requests on one connection")                                                              \
    INT(write_timeout, "WRITE_TIMEOUT", "", 60, 1, 3600,                                           \
        "seconds without progress before a client that does not read is dropped")                  \
    INT(stream_buffer_bytes, "STREAM_BUFFER_BYTES", "", 16384, 8192, 16777216,                     \
        "bytes held for a slow reader before the upstream is paused")                              \
    INT(max_bodies_bytes, "MAX_BODIES_BYTES", "", 256000000, 1048576, 1000000000000,               \
        "request bodies held by one worker; more: 503")                                            \
    INT(max_connections, "MAX_CONNECTIONS", "", 4096, 1, 1000000,                                  \
        "client connections of one worker (also bounded by the descriptor limit)")                 \
    /* --- upstream --- */                                                                         \
    INT(upstream_connect_timeout, "UPSTREAM_CONNECT_TIMEOUT", "", 5, 1, 300,                       \
        "seconds to connect to Bedrock")                                                           \
    INT(upstream_first_byte_timeout, "UPSTREAM_FIRST_BYTE_TIMEOUT", "", 120, 1, 86400,             \
        "seconds to the first byte of a streamed answer")                                          \
    INT(upstream_idle_timeout, "UPSTREAM_IDLE_TIMEOUT", "", 300, 1, 86400,                         \
        "seconds between two bytes of a streamed answer")                                          \
    INT(bedrock_timeout, "BEDROCK_TIMEOUT", "BEDROCK_TIMEOUT_SECS", 1800, 1, 86400,                \
        "seconds for a whole answer that is not streamed")                                         \
    INT(upstream_retries, "UPSTREAM_RETRIES", "", 1, 0, 1,                                         \
        "second attempts, only before the first byte and only for throttling, 5xx and connect "    \
        "failures")                                                                                \
    INT(upstream_pool, "UPSTREAM_POOL", "", 256, 1, 10000,                                         \
        "idle connections to Bedrock kept by one worker")                                          \
    INT(eventstream_max_frame, "EVENTSTREAM_MAX_FRAME", "", 16777216, 65536, 25165824,             \
        "largest event-stream frame")                                                              \
    INT(ping_seconds, "PING_SECONDS", "", 15, 1, 300,                                              \
        "silence before a ping is sent to the client")                                             \
    /* --- extras --- */                                                                           \
    BOOL(event_logging, "EVENT_LOGGING_SINK", "", true,                                            \
         "answer POST /api/event_logging/batch (discarded unread); false: 404")                    \
    BOOL(core_dumps, "CORE_DUMPS", "", false, "true: allow core files (they hold prompts)")        \
    /* --- what the processes may do --- */                                                        \
    TEXT(run_as_user, "RUN_AS_USER", "", "", false,                                                \
         "started as root: user that all processes become once the port is bound (name, uid or "   \
         "uid:gid); empty: the owner of STATE_DIR, else nobody")                                   \
    BOOL(allow_root, "ALLOW_ROOT", "", false, "true: RUN_AS_USER may be root")                     \
    BOOL(sandbox, "SANDBOX", "", true,                                                             \
         "off: for debugging, without seccomp, Landlock and no_new_privs")

struct config {
#define CONFIG_TEXT(field, name, alias, dflt, secret, doc)    const char *field;
#define CONFIG_URL(field, name, alias, dflt, doc)             const char *field;
#define CONFIG_CHOICE(field, name, alias, dflt, choices, doc) const char *field;
#define CONFIG_BOOL(field, name, alias, dflt, doc)            bool field;
#define CONFIG_INT(field, name, alias, dflt, min, max, doc)   int64_t field;
    CONFIG_TABLE(CONFIG_TEXT, CONFIG_URL, CONFIG_CHOICE, CONFIG_BOOL, CONFIG_INT)
#undef CONFIG_TEXT
#undef CONFIG_URL
#undef CONFIG_CHOICE
#undef CONFIG_BOOL
#undef CONFIG_INT
    bool has_master; /* MASTER_API_KEY is set, and the SHA-256 of it */
    uint8_t master_digest[32];
    bool has_metrics_token; /* the same of METRICS_TOKEN */
    uint8_t metrics_digest[32];
    struct config_private *private; /* the values as given and where from; config.c's */
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
/* Weak or missing protection that deserves a warning at start ("MASTER_API_KEY is a well-known
 * word"). Calls fn for each. */
void config_warnings(const struct config *c, void (*fn)(void *ctx, const char *text), void *ctx);

#endif
