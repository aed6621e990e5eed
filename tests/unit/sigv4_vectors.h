/* sigv4_vectors.h - requests with the hash of their canonical form and their signature. */
#ifndef TESTS_UNIT_SIGV4_VECTORS_H
#define TESTS_UNIT_SIGV4_VECTORS_H

#include "server/base/text.h"

#define TOKEN "SESSIONTOKENEXAMPLE"

/* Signatures made by botocore 1.43 and by a second signer, which agree. */
struct vector {
    const char *name;
    struct str model, suffix; /* model empty: suffix is the whole path */
    struct str host, service, body;
    struct str content_type, token, target, content_sha256;
    bool no_accept;
    struct str canonical_sha256, signature;
};

#define BEDROCK_HOST STR("bedrock-runtime.us-west-2.amazonaws.com")
#define JSON_TYPE    STR("application/json")
#define ARN          "arn:aws:bedrock:us-west-2:123456789012:"
#define SONNET35     "anthropic.claude-3-5-sonnet-20241022-v2:0"

static const struct vector vectors[] = {
    {.name = "V1 colon encoded on the wire",
     .model = STR(SONNET35),
     .canonical_sha256 = STR("f981fba6083b31c5e0afc310bdd8c6d838ad8e8379c7d64bb8eaf52f849348c4"),
     .signature = STR("10a0801a7171b9ddebadd80ccc5ec13014ff099d27b1d27541796c7c34fb528d")},
    {.name = "V2 session token",
     .model = STR(SONNET35),
     .token = STR(TOKEN),
     .canonical_sha256 = STR("4ddb3cc832ecaab32a006edbc151463e90ca7c6622b00f4873b22ed4096a33fc"),
     .signature = STR("94822720b5a64dcf5fe596463fb48a53d9bcc0a43606a2cadf13cd0240b53d3a")},
    {.name = "V3 application inference profile",
     .model = STR(ARN "application-inference-profile/abcd1234efgh"),
     .canonical_sha256 = STR("c6b905cb4727a2ffa4ab7421b30f1ca2dd8248679d2f94faa4eef001153aa3bc"),
     .signature = STR("335ddfd94d4f220cf5bebb9c271eb292431df4ffe9784b7c410ed119f8b056aa")},
    {.name = "V4 inference profile",
     .model = STR(ARN "inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0"),
     .canonical_sha256 = STR("f900d3161467a7fef731bf8832f7b737a304b83c72931990b7cd8e232598075e"),
     .signature = STR("0b1cce01a3e2ef0d0b0c2c075ad4dcfbc0f65a7b67d53e3067b88aceabccf11a")},
    {.name = "V5 provisioned model",
     .model = STR(ARN "provisioned-model/abcdefghij12"),
     .canonical_sha256 = STR("2b8f1f97d7509479c8024a655792fe7137d159570c0545ef2a1ef8a16be1530a"),
     .signature = STR("9a8b3a0a451f26db694159ac96c9e8f6729ff766fc1ade7ac1cee49399257c8a")},
    {.name = "V6 raw colon on the wire",
     .suffix = STR("/model/" SONNET35 "/invoke"),
     .canonical_sha256 = STR("baa0d254eb9663b3024a3a4b53a2b20ef1de8dc8d583adf4eb1136cb34cae486"),
     .signature = STR("7facbe74c6d962632f0e75a9f8086f02c106707efb2b4e929c0d65c54e5d3c23")},
    {.name = "V7 host with port",
     .model = STR(SONNET35),
     .host = STR("127.0.0.1:18080"),
     .canonical_sha256 = STR("81980e6e9eada7c6a53ac69c51126d0d9ca88e4ddccb5ba1e9066b97404263c6"),
     .signature = STR("c5d524b609f8703b918cd19e13344c6b712052eeb4b3d2ed7ddd02acc7b34bcd")},
    {.name = "V8 converse-stream",
     .model = STR("us.anthropic.claude-sonnet-4-20250514-v1:0"),
     .suffix = STR("/converse-stream"),
     .canonical_sha256 = STR("b0e300aca39a3bbcaf7bd5d7abc01c80b8fe17c0d521857e0e40a3c417d3a856"),
     .signature = STR("ce9433a3c80d788f36575f7cffb3da952a5e10695237afde933218da29ac4810")},
    {.name = "V9 mantle",
     .suffix = STR("/anthropic/v1/messages"),
     .host = STR("bedrock-mantle.us-west-2.api.aws"),
     .service = STR("bedrock-mantle"),
     .no_accept = true,
     .canonical_sha256 = STR("eed506ac7c3b349e774e236e426e8e5d96f1feb84fcadd6f42de84a09a64cc8f"),
     .signature = STR("81a793289b2c985cb81369b886a7f4b1ac93597a2d4fc6ad3460e7e4a8ba63cf")},
    {.name = "V10 DynamoDB",
     .suffix = STR("/"),
     .host = STR("dynamodb.us-west-2.amazonaws.com"),
     .service = STR("dynamodb"),
     .content_type = STR("application/x-amz-json-1.0"),
     .target = STR("DynamoDB_20120810.GetItem"),
     .token = STR(TOKEN),
     .no_accept = true,
     .body =
         STR("{\"TableName\":\"anthropic-proxy-api-keys\",\"Key\":{\"api_key\":{\"S\":\"sk-x\"}}}"),
     .canonical_sha256 = STR("ab613c4a9f471525d522517f15e558d76cd6575b3fb00094da62d0f07eaeb462"),
     .signature = STR("93ff0dd21f3b1bfaa0a74bb8ba3cf7e6ae1b18cc0e36d7ca314ebf505726f763")},
    {.name = "V11 body hash as a header",
     .model = STR(SONNET35),
     .content_sha256 = STR("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
     .canonical_sha256 = STR("17913eb0eb0709d3beb8e2c56227d6f97a5e10966c482aa3389ddb99efb844f2"),
     .signature = STR("82761b0d6c054832fbe451d12f725ec75993ad9f20d5c87f6f09492c81e43068")},
};

#endif
