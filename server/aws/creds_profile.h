/*
 * creds_profile.h - the shared files of the AWS tools: ~/.aws/credentials and ~/.aws/config.
 * Source: docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 *
 * Read by the refresher and by subcommands. Everything is copied out; creds_profile_wipe the
 * struct.
 */
#ifndef SERVER_AWS_CREDS_PROFILE_H
#define SERVER_AWS_CREDS_PROFILE_H

#include "server/aws/creds_value.h"
#include "server/base/err.h"
#include "server/base/text.h"

/* X(field, key in the files, size). The first three go together: they come from one file. */
#define CREDS_PROFILE_KEYS(X)                                   \
    X(access_key_id, "aws_access_key_id", 129)                  \
    X(secret, "aws_secret_access_key", 257)                     \
    X(token, "aws_session_token", CREDS_TOKEN_MAX)              \
    X(region, "region", 64)                                     \
    X(role_arn, "role_arn", 2049)                               \
    X(source_profile, "source_profile", 129)                    \
    X(credential_source, "credential_source", 64)               \
    X(credential_process, "credential_process", 1024)           \
    X(sso_session, "sso_session", 129)                          \
    X(sso_account_id, "sso_account_id", 64)                     \
    X(web_identity_token_file, "web_identity_token_file", 1024) \
    X(external_id, "external_id", 1225)                         \
    X(role_session_name, "role_session_name", 65)

struct creds_profile {
    char name[129];
    bool found; /* a section of that name is in one of the files */
    bool named; /* the name came from AWS_PROFILE: it has to be found */
#define CREDS_PROFILE_FIELD(field, key, size) char field[size];
    CREDS_PROFILE_KEYS(CREDS_PROFILE_FIELD)
#undef CREDS_PROFILE_FIELD
};

/* name NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE, else "default". A missing file is an empty one;
 * INVALID: a value too long for its field, or a file that cannot be read. */
MUST_CHECK enum status creds_profile_load(struct creds_profile *p, const char *name,
                                          struct err *err);
void creds_profile_wipe(struct creds_profile *p);

/* The value of key in a section; blanks trimmed. config_file: sections are "[profile x]" and
 * "[default]", else "[x]". A section may be there more than once; the last value of a key wins. */
bool creds_profile_find(struct str text, bool config_file, struct str profile, struct str key,
                        struct str *value_out);
bool creds_profile_has(struct str text, bool config_file, struct str profile);

#endif
