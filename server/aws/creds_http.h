/*
 * creds_http.h - credentials from an HTTP service close by: the container's (ECS, App Runner, EKS
 * Pod Identity) and EC2's instance metadata, version 2 only.
 * Sources: docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html,
 *          docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */
#ifndef SERVER_AWS_CREDS_HTTP_H
#define SERVER_AWS_CREDS_HTTP_H

#include "server/aws/creds_look.h"

bool creds_http_container_likely(void);
enum creds_verdict creds_http_container_look(struct creds_look *l);
/* Where AWS_CONTAINER_CREDENTIALS_FULL_URI may point: https, or one of the known local
 * addresses. */
bool creds_http_container_allowed(struct str url);

bool creds_http_instance_likely(void);
enum creds_verdict creds_http_instance_look(struct creds_look *l);

#endif
