/*
 * creds_sts.h - credentials from AWS STS: AssumeRoleWithWebIdentity (unsigned; EKS service
 * accounts, CI) and AssumeRole for a profile with role_arn and source_profile (signed with the
 * source's keys).
 * Source: docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
#ifndef SERVER_AWS_CREDS_STS_H
#define SERVER_AWS_CREDS_STS_H

#include "server/aws/creds_look.h"
#include "server/aws/creds_profile.h"

bool creds_sts_web_identity_likely(void);
enum creds_verdict creds_sts_web_identity_look(struct creds_look *l);
/* The same from a profile that has web_identity_token_file, or role_arn and source_profile. */
enum creds_verdict creds_sts_profile(struct creds_look *l, const struct creds_profile *p);

/* AssumeRole of l->options->role_arn, signed with l->options->base. */
enum creds_verdict creds_sts_role_look(struct creds_look *l);

#endif
