/*
 * region.h - the region prefixes of Bedrock's inference profiles ("us." of "us.anthropic.x"): the
 * one list, for mapping, abilities and prices. Any process; pure.
 */
#ifndef SHM_CATALOGUE_REGION_H
#define SHM_CATALOGUE_REGION_H

#include <stdbool.h>
#include "server/base/text.h"

/* Of an ARN its last part, which tells no account; else the id itself. */
struct str region_id(struct str id);
/* "us.anthropic.x" -> "anthropic.x"; of an ARN its last part, likewise. */
struct str region_base(struct str id);
/* "us.anthropic.x" -> "us"; empty where there is none. An ARN's is that of its last part. */
struct str region_prefix(struct str id);
/* "us" is one. */
bool region_is_prefix(struct str word);
/* The prefixes, one after the other; empty behind the last. */
struct str region_prefix_at(size_t i);
/* Of an AWS region the prefix of its geography: "eu-west-1" -> "eu", "ap-south-1" -> "apac". */
struct str region_geography(struct str region);
/* May the id be asked for in the region? An ARN in its own; a profile in the regions of its geography,
 * a global one and a bare id in all. Where this list does not know a profile's regions (jp, au, ...)
 * they are taken for some of home's geography. */
bool region_serves(struct str region, struct str id, struct str home);

#endif
