#!/usr/bin/env bash
# docker/cloudformation: what cfn-lint and cfn-guard say, and the stack in moto, whose tables are those that the program
# itself would make. moto knows most of the types; what AWS does with them is not seen here.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT/docker/cloudformation" || exit 1
need_pip cfn-lint cfn-lint
need_pip moto_server 'moto[server,cloudformation,dynamodb,ecs]'
need_pip yaml pyyaml

# --- cfn-lint: AWS's own schemas of each type
echo "  $("$TOOLS/venv/bin/cfn-lint" --version)"
expect "cfn-lint finds nothing, informations included" "$("$TOOLS/venv/bin/cfn-lint" -c I -- gateway.yaml 2>&1)" ""
sed 's/ReadonlyRootFilesystem/ReadonlyRootFileSystem/' gateway.yaml >"$T/misspelt.yaml"
expect_match "it would find a misspelt property" "$("$TOOLS/venv/bin/cfn-lint" -- "$T/misspelt.yaml" 2>&1)" ReadonlyRootFileSystem

# --- cfn-guard: our own rules, each of which can fail
guard=$TOOLS/cargo/bin/cfn-guard
if [ ! -x "$guard" ] && command -v cargo >/dev/null; then
    nice cargo install cfn-guard --locked --root "$TOOLS/cargo" --target-dir "$TOOLS/cargo-target" >"$T/cargo.log" 2>&1 || rm -f "$guard"
fi
if [ -x "$guard" ]; then
    echo "  $("$guard" --version)"
    judged() { "$guard" validate -r gateway.guard -d "$1" --show-summary all 2>&1; }
    rules=$(sed -n 's/^rule \([a-z_]*\) .*/\1/p' gateway.guard | sort)
    expect "cfn-guard: each rule passes" "$(judged gateway.yaml | sed -nE 's/^gateway.guard\/([a-z_]*) +PASS$/\1/p' | sort)" "$rules"
    while read -r rule spoil; do
        sed -E "$spoil" gateway.yaml >"$T/spoilt.yaml"
        expect_match "cfn-guard: $rule fails when spoilt" "$(judged "$T/spoilt.yaml")" "gateway.guard/$rule +FAIL"
        spoilt+=" $rule"
    done <<'ROWS'
tables_outlive_mistakes s/PointInTimeRecoveryEnabled: true/PointInTimeRecoveryEnabled: false/
containers_may_do_little s/ReadonlyRootFilesystem: true/ReadonlyRootFilesystem: false/
deployments_roll_back s/Rollback: true/Rollback: false/
balancer_waits_longer_than_an_answer s/"1830"/"60"/
nothing_travels_in_clear s/Type: redirect,/Type: fixed-response,/
logs_end s/RetentionInDays:/# RetentionInDays:/
roles_are_narrow s/Condition: \{StringEquals: \{"aws:SourceAccount".*//
files_are_encrypted s/Encrypted: true/Encrypted: false/
groups_say_where_to s/SecurityGroupEgress: \[.*//
alarms_are_sent s/AlarmActions:/# AlarmActions:/
ROWS
    expect "each was spoilt" "$(xargs -n1 <<<"$spoilt" | sort)" "$rules"
else
    skip "cfn-guard: cargo cannot build it here"
fi

# --- what stands in it is what the program says of itself
"$TOOLS/venv/bin/python" - gateway.yaml >"$T/template.json" <<'PY'
import json, sys, yaml
class Loader(yaml.SafeLoader): pass
def short(loader, suffix, node):
    kind = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: lambda n: loader.construct_sequence(n, True), yaml.MappingNode: lambda n: loader.construct_mapping(n, True)}
    return {suffix: kind[type(node)](node)}
Loader.add_multi_constructor("!", short)
json.dump(yaml.load(open(sys.argv[1]), Loader), sys.stdout)
PY
run -- docs settings --output json
expect "every variable is a setting" "$(jq -r '.Resources.Task.Properties.ContainerDefinitions[0] | (.Environment + .Secrets)[] | (.If // [null, .])[1].Name' "$T/template.json" |
    sort | comm -23 - <(jq -r '.[].name' "$T/out" | sort))" ""
environment_of() { jq -r --arg n "$1" '.Resources.Task.Properties.ContainerDefinitions[0].Environment[] | select(.Name == $n) | .Value' "$T/template.json"; }
idle=$(jq -r '.Resources.Balancer.Properties.LoadBalancerAttributes[] | select(.Key == "idle_timeout.timeout_seconds") | .Value' "$T/template.json")
expect_true "kept connections outlive the balancer's patience" test "$(environment_of KEEPALIVE_TIMEOUT)" -gt "$idle"
expect_true "which outlives the longest answer" test "$idle" -gt "$(jq -r '.[] | select(.name == "BEDROCK_TIMEOUT") | .default' "$T/out")"
expect_true "the drain fits into the stop time" test $(($(environment_of SHUTDOWN_DELAY) + $(environment_of SHUTDOWN_TIMEOUT))) -lt 120
run KEEPALIVE_TIMEOUT="$(environment_of KEEPALIVE_TIMEOUT)" SHUTDOWN_TIMEOUT=105 SHUTDOWN_DELAY=5 -- check-config
expect "the program takes them" "$CODE" 0

# --- applied
port=$(free_port)
MOTO=http://127.0.0.1:$port
"$TOOLS/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$T/moto.log" 2>&1 &
MOTO_PID=$!
trap 'kill $MOTO_PID 2>/dev/null; wait $MOTO_PID 2>/dev/null; cleanup' EXIT
eventually 30 curl -fs -o /dev/null "$MOTO/moto-api/" || fail "moto does not start"
apply() { "$TOOLS/venv/bin/python" "$ROOT/tests/deploy/cloudformation.py" "$MOTO" gateway.yaml "$@" >"$T/stack" 2>"$T/err" || fail "moto: $(tail -n 1 "$T/err")"; }
apply
expect "the stack" "$(sed -n 's/^status //p' "$T/stack")" CREATE_COMPLETE
expect "tables, protected" "$(sed -n 's/^table \([^ ]* [^ ]*\).*/\1/p' "$T/stack")" "$(for t in api-keys beta-headers model-mapping model-pricing usage usage-stats; do
    echo "anthropic-proxy-$t protected"; done)"
expect "no secret, no file system" "$(grep -E '^secrets' "$T/stack" | xargs; grep -c Journal "$T/stack")" "secrets
0"
echo "  moto made $(sed -n 's/^resources //p' "$T/stack") resources of $(jq '.Resources | length' "$T/template.json") in the template"
run STORAGE_BACKEND=dynamodb -- setup-tables --endpoint-url "$MOTO" -r us-west-2 --output json
expect "setup-tables finds each table as it would make it" "$CODE $(jq -c '[.[].result] | unique' "$T/out" 2>&1) $(jq -c '[.[].note] | unique' "$T/out")" '0 ["exists"] [""]'
expect_no_match "no lanes" "$(cat "$T/stack")" 'BEDROCK_LANES|allows LanesOfOtherAccounts'
expect_match "the other host's count" "$(cat "$T/stack")" 'allows CountingAtTheOtherHost arn:aws:bedrock-mantle:\*:123456789012:project/\*'
secret=arn:aws:secretsmanager:us-west-2:123456789012:secret:master-AbCdEf
apply CreateTables=no JournalOnEfs=yes MinTasks=1 MaxTasks=1 MasterKeySecretArn=$secret MetricsTokenSecretArn=$secret
expect "with EFS and secrets" "$(sed -n 's/^status //p' "$T/stack") $(grep "^secrets" "$T/stack" | tail -n 1)" "CREATE_COMPLETE secrets MASTER_API_KEY,METRICS_TOKEN"
expect "the file system" "$(grep -oE 'Journal(Files|Access|MountA|MountB|Group)' "$T/stack" | sort -u | xargs)" "JournalAccess JournalFiles JournalGroup JournalMountA JournalMountB"
role=arn:aws:iam::210987654321:role/gateway
apply CreateTables=no "BedrockLanes=us-west-2,us-east-1,us-west-2@$role" "LaneRoleArns=$role" QueueSeconds=30
expect_match "with lanes and a queue: the settings" "$(grep '^environment' "$T/stack" | tail -n 1)" " QUEUE_SECONDS=30 .* BEDROCK_LANES=us-west-2,us-east-1,us-west-2@$role"
expect_match "and the role that is assumed" "$(cat "$T/stack")" "allows LanesOfOtherAccounts \['$role'\]"
run "BEDROCK_LANES=us-west-2,us-east-1,us-west-2@$role" AWS_REGION=us-west-2 QUEUE_SECONDS=30 -- check-config
expect "the program takes them" "$CODE" 0
finish
