/*
 * inquiry.h - the refresher asks AWS which model is behind an application inference profile
 * (GetInferenceProfile of the service's control plane, signed as service "bedrock"), one at a time, and
 * writes the answers where the workers find them (profiles.h). Answers hold a day, a refusal an hour, and it
 * is said once. Whoever may not ask is asked nothing else by it: the permission is optional.
 *
 * Off with a Bedrock API key, which signs nothing. Where BEDROCK_ENDPOINT_URL is set it is asked there: a
 * runtime that has no such operation refuses, and that is all.
 */
#ifndef SHM_REFRESHER_INQUIRY_H
#define SHM_REFRESHER_INQUIRY_H

#include "server/config/config.h"
#include "server/net/fetch.h"
#include "shm/memory/segment.h"
#include "shm/refresher/signer.h"

struct inquiry;

/* All of them outlive it. NULL: no memory, or it is off. */
struct inquiry *inquiry_new(const struct config *c, struct segment *s, struct fetch_client *fetch,
                            const struct signer *signer);
void inquiry_drop(struct inquiry *q); /* ends what runs; NULL is fine */
/* Each second, and when a worker rings. */
void inquiry_tick(struct inquiry *q);

/* The id that the models of an answer mean: "anthropic.x" with the prefix that their regions tell;
 * false: none, or several models. Pure, for the tests. */
bool inquiry_read(struct str body, char id_out[128]);

#endif
