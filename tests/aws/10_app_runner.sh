#!/usr/bin/env bash
# deploy-apprunner.sh, apprunner-status.sh, delete-service.sh and the small ones with a real AWS CLI: create, update,
# settings, secrets, scaling, the check at the end, deletion.
# shellcheck source=tests/aws/bed.sh
. "$(dirname "$0")/bed.sh"
bed_start

service() { state ".apprunner.services[-1] | $1"; }
variables() { service '.SourceConfiguration.ImageRepository.ImageConfiguration.RuntimeEnvironmentVariables | to_entries | map(.key + "=" + .value) | sort | join(" ")'; }
operations() { service '[.operations[].Type] | reverse | join(" ")'; }

# --- what is said before anything is made -----------------------------------------------------------------------

script deploy-apprunner.sh -p amd64 -r us-west-2
refused "no service and no --create" 'no service llm-api-converter in us-west-2 of account 123456789012: add --create'
untouched "no service and no --create" 0
script deploy-apprunner.sh --create -r us-west-2 --skip-build
refused "an image that is not there" 'no image llm-api-converter:latest in ECR'
script deploy-apprunner.sh --create -r us-west-2 --account 999999999999
refused "another account" 'are of account 123456789012, but --account says 999999999999'
script deploy-apprunner.sh --create -r cn-north-1
refused "China" 'not offered in China'
script deploy-apprunner.sh --create -r us-gov-west-1
refused "GovCloud" 'App Runner is not offered in GovCloud; use scripts/deploy-ecs-express.sh'
script deploy-apprunner.sh --create -r us-west-2 -e $'ANTHROPIC_DEFAULT_MODEL=x\r'
refused "a carriage return" 'ANTHROPIC_DEFAULT_MODEL: the value holds a control character'
script deploy-apprunner.sh --create -r us-west-2 --secret MASTER_API_KEY=plain
refused "a secret that is none" 'NAME=ARN of a secret'
untouched "all that" 0

# --- tables and a key, with nothing but the image ---------------------------------------------------------------

# The guide's order: the image, then the tables and a key out of it. A copy of the scripts, beside which nothing is built.
mkdir -p "$T/mac"
cp -r scripts docker Makefile "$T/mac/"
script build-docker.sh -p amd64
went "build-docker.sh"
in_image() { as_operator "$T/mac/scripts/$1" "${@:2}" >"$T/out" 2>"$T/err" </dev/null; }
in_image setup-tables.sh -r us-west-2
expect "setup-tables.sh out of the image: code" "$?" 0
expect_match "the tables are there" "$(cli dynamodb list-tables --region us-west-2 --output text)" anthropic-proxy-api-keys
in_image create-api-key.sh -u someone@example.com -n 'Production "Key"' -r us-west-2
KEY=$(sed -n 's/^API Key: //p' "$T/out")
expect_match "create-api-key.sh out of the image" "$KEY" '^sk-'

# --- create -----------------------------------------------------------------------------------------------------

script deploy-apprunner.sh --create -p amd64 -r us-west-2 --dry-run -e MASTER_API_KEY=sk-very-secret
went "dry run"
expect_match "dry run: shows the call" "$(cat "$T/out")" '\+ aws apprunner create-service'
expect_no_match "dry run: no secret on the screen" "$(cat "$T/out" "$T/err")" sk-very-secret
expect_match "a secret in clear is said" "$(cat "$T/err")" 'MASTER_API_KEY will be readable.*--secret MASTER_API_KEY=ARN'
before=$(calls_count)
untouched "dry run" "$before"

script deploy-apprunner.sh --create -p amd64 -r us-west-2 --key "$KEY"
went "create, the seed's own command"
URL=$(tail -1 "$T/out")
expect_match "create: the URL" "$URL" '^https://.*\.us-west-2\.awsapprunner\.com$'
expect_match "create: asked before success is said" "$(cat "$T/err")" 'asking https.*/ready'
expect "create: smoke test of four" "$(grep -c '^ok ' "$T/err")" 4
expect "create: settings" "$(variables)" "AWS_REGION=us-west-2 LOG_LEVEL=info MAX_REQUEST_SECONDS=115 REQUIRE_API_KEY=true STORAGE_BACKEND=dynamodb"
expect "create: no automatic deployments" "$(service .SourceConfiguration.AutoDeploymentsEnabled)" false
expect "create: one operation" "$(operations)" CREATE_SERVICE
expect "create: one instance" "$(service .AutoScalingConfigurationSummary.AutoScalingConfigurationName)" llm-api-min1-max1
expect "create: logs are kept for a month" "$(cli logs describe-log-groups --region us-west-2 --query 'logGroups[].retentionInDays' --output text)" "30	30"
expect "create: pushes are scanned" "$(cli ecr describe-repositories --region us-west-2 --query 'repositories[0].imageScanningConfiguration.scanOnPush' --output text)" True
policy() { cli iam get-role-policy --role-name llm-api-converter-instance-role --policy-name "llm-api-converter-$1" --query PolicyDocument --output json; }
expect "create: the policy" "$(policy policy | jq -Sc .)" "$(jq -Sc . scripts/iam/gateway-policy.json)"
expect "the audit has nothing" "$(audit)" ''

# --- update: the image alone -------------------------------------------------------------------------------------

script deploy-apprunner.sh -p amd64 -r us-west-2
went "update"
expect "update: one deployment, and no other" "$(operations)" "CREATE_SERVICE START_DEPLOYMENT"
expect "update: settings are as they were" "$(variables)" "AWS_REGION=us-west-2 LOG_LEVEL=info MAX_REQUEST_SECONDS=115 REQUIRE_API_KEY=true STORAGE_BACKEND=dynamodb"
script deploy-apprunner.sh --create -r us-west-2 --skip-build -e MASTER_API_KEY=sk-in-clear
went "create again is an update"
expect_match "a key in clear, which a secret takes the place of below" "$(variables)" 'MASTER_API_KEY=sk-in-clear'
expect "create again: no second service" "$(state '.apprunner.services | length')" 1

# --- settings, secrets, scaling -----------------------------------------------------------------------------------

secret=$(cli secretsmanager create-secret --region us-west-2 --name master --secret-string '{"key":"sk-from-secrets-manager"}' --query ARN --output text)
script deploy-apprunner.sh -r us-west-2 --skip-build -e LOG_LEVEL=warn -e LOG_LEVEL=debug -e 'NOTE=a "quoted" \name' --secret "MASTER_API_KEY=$secret:key::" --max 2
went "settings, a secret and --max"
expect "settings: each name once, the last value" "$(variables)" \
    'AWS_REGION=us-west-2 LOG_LEVEL=debug MAX_REQUEST_SECONDS=115 NOTE=a "quoted" \name REQUIRE_API_KEY=true STORAGE_BACKEND=dynamodb'
expect "the secret is named, not copied" "$(service .SourceConfiguration.ImageRepository.ImageConfiguration.RuntimeEnvironmentSecrets.MASTER_API_KEY)" "$secret:key::"
expect "the instance may read that secret and no other" "$(policy secrets | jq -c '.Statement[0].Resource')" "[\"$secret\"]"
expect "--max" "$(service .AutoScalingConfigurationSummary.AutoScalingConfigurationName)" llm-api-min1-max2
code_for() { curl -sS --max-time 10 --config "$T/home/.curlrc" -o /dev/null -w '%{http_code}' -H "x-api-key: $1" "$URL/v1/models"; }
expect "the secret opens" "$(code_for sk-from-secrets-manager)" 200
script deploy-apprunner.sh -r us-west-2 --skip-build -e LOG_LEVEL=info --unset NOTE
went "an update that says less"
expect "what was not said stays: --max" "$(service .AutoScalingConfigurationSummary.AutoScalingConfigurationName)" llm-api-min1-max2
expect "what was not said stays: the secret" "$(service '.SourceConfiguration.ImageRepository.ImageConfiguration.RuntimeEnvironmentSecrets | keys[]')" MASTER_API_KEY
expect "--unset takes away" "$(variables)" "AWS_REGION=us-west-2 LOG_LEVEL=info MAX_REQUEST_SECONDS=115 REQUIRE_API_KEY=true STORAGE_BACKEND=dynamodb"
script deploy-apprunner.sh -r us-west-2 --skip-build --min 3
refused "--min above what the service has" '--min 3 is above --max 2'
cli iam put-role-policy --role-name llm-api-converter-instance-role --policy-name llm-api-converter-policy --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"arn:aws:bedrock:*::foundation-model/amazon.nova-*"}]}'
script deploy-apprunner.sh -r us-west-2 --skip-build --log-days 7 --marketplace
went "with a policy of the operator's own"
expect_match "the operator's policy stays" "$(policy policy | jq -c .)" 'amazon.nova'
expect_match "and that is said" "$(cat "$T/err")" 'left as it is .--reset-policy'
expect "--log-days" "$(cli logs describe-log-groups --region us-west-2 --query 'logGroups[].retentionInDays' --output text)" "7	7"
other=arn:aws:iam::210987654321:role/gateway
script deploy-apprunner.sh -r us-west-2 --skip-build -e "BEDROCK_LANES=us-west-2,us-east-1,us-east-1@$other, us-west-2@$other"
went "lanes"
expect "lanes: the role of the other account may be assumed" "$(policy lanes | jq -c '[.Statement[] | .Action, .Resource]')" "[[\"sts:AssumeRole\"],[\"$other\"]]"
expect_match "lanes: whom it must trust is said" "$(cat "$T/err")" 'must trust arn:aws:iam::123456789012:role/llm-api-converter-instance-role'
expect "--marketplace" "$(policy marketplace | jq -Sc .)" "$(jq -Sc . scripts/iam/marketplace-policy.json)"
script deploy-apprunner.sh -r us-west-2 --skip-build --reset-policy --unset BEDROCK_LANES
expect "--reset-policy puts ours" "$(policy policy | jq -Sc .)" "$(jq -Sc . scripts/iam/gateway-policy.json)"

# --- a service of the script before, with automatic deployments ---------------------------------------------------

arn=$(service .ServiceArn)
own=$(cli apprunner describe-service --region us-west-2 --service-arn "$arn" --query Service.SourceConfiguration --output json | jq -c '.AutoDeploymentsEnabled = true')
cli apprunner update-service --region us-west-2 --service-arn "$arn" --source-configuration "$own" >/dev/null
eventually 10 test "$(cli apprunner describe-service --region us-west-2 --service-arn "$arn" --query Service.Status --output text)" || true
cli apprunner describe-service --region us-west-2 --service-arn "$arn" --query Service.Status --output text >/dev/null
cli apprunner describe-service --region us-west-2 --service-arn "$arn" --query Service.Status --output text >/dev/null
count=$(service '.operations | length')
script deploy-apprunner.sh -r us-west-2
went "automatic deployments: an update"
expect "the push begins none of its own" "$(service "[.operations[].Type][: -$count] | reverse | join(\" \")")" "UPDATE_SERVICE START_DEPLOYMENT"

# --- what is deployed, but does not work ---------------------------------------------------------------------------

READY=2 script deploy-apprunner.sh -r us-west-2 --skip-build -e DYNAMODB_API_KEYS_TABLE=not-there
refused "not ready" 'deployed, but https://.*/ready does not answer 200: '
expect_match "not ready: the way back" "$(cat "$T/err")" 'the image before: aws ecr put-image .*sha256:.*--skip-build'
script deploy-apprunner.sh -r us-west-2 --skip-build --unset DYNAMODB_API_KEYS_TABLE --key sk-wrong
refused "a wrong key" 'deployed, but the smoke test failed'
script deploy-apprunner.sh -r us-west-2 --skip-build --no-check
went "--no-check"
expect_no_match "--no-check does not ask" "$(cat "$T/err")" asking
curl -fsS "$FRONT/_fail" >/dev/null
script deploy-apprunner.sh -r us-west-2 --skip-build
refused "a deployment that is rolled back" 'ended as ROLLBACK_SUCCEEDED, the older version goes on serving.*aws logs tail'

# --- status, deletion ----------------------------------------------------------------------------------------------

script apprunner-status.sh -r us-west-2
went "status"
expect_match "status" "$(cat "$T/out")" '^Status: +RUNNING$'
expect_match "status: healthy" "$(cat "$T/out")" '^Health: +healthy$'
script delete-service.sh -r us-west-2
refused "delete without --yes" 'say --yes'
script delete-service.sh -r us-west-2 --yes
went "delete"
expect_match "delete: what is left is named" "$(cat "$T/err")" 'log group /aws/apprunner/llm-api-converter/.*application .--logs'
expect_match "delete: roles are left" "$(cat "$T/err")" 'IAM roles llm-api-converter-\* .--roles'
expect "delete: it is gone" "$(service .Status)" DELETED
script delete-service.sh -r us-west-2 --yes --repository --roles --logs
went "delete again, the rest"
expect "delete: no role" "$(cli iam list-roles --query 'Roles[].RoleName' --output text)" ''
expect "delete: no log group" "$(cli logs describe-log-groups --region us-west-2 --query 'logGroups[].logGroupName' --output text)" ''
expect "delete: no repository" "$(cli ecr describe-repositories --region us-west-2 --query 'repositories[].repositoryName' --output text)" ''
expect_match "delete: never the keys" "$(cli dynamodb list-tables --region us-west-2 --output text)" anthropic-proxy-api-keys
script deploy-apprunner.sh --create -r us-west-2 --table-prefix team-a --no-check
went "--table-prefix"
expect_match "--table-prefix: the settings" "$(variables)" 'DYNAMODB_TABLE_PREFIX=team-a '
expect_match "--table-prefix: the policy" "$(policy policy | jq -c .)" 'table/team-a-\*'
expect "the audit has nothing" "$(audit)" ''
bed_stop
finish
