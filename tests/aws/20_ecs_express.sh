#!/usr/bin/env bash
# deploy-ecs-express.sh and delete-service.sh --target ecs with a real AWS CLI: what was chosen at creation stays, the
# guard against an old CLI, the task definition, secrets, GovCloud, and a deletion that needs its roles to the end.
# shellcheck source=tests/aws/bed.sh
. "$(dirname "$0")/bed.sh"
bed_start

service() { state ".ecs.services[-1] | $1"; }
scaling() { service '.activeConfigurations[0].scalingTarget | "\(.minTaskCount) \(.maxTaskCount) \(.autoScalingMetric) \(.autoScalingTargetValue)"'; }
definition() { cli ecs describe-task-definition --task-definition llm-api-converter --query taskDefinition --output json | jq -r "$1"; }
main() { definition ".containerDefinitions[0] | $1"; }
variables() { main '.environment | map(.name + "=" + .value) | sort | join(" ")'; }

# --- an old CLI, before anything is made ---------------------------------------------------------------------------

mkdir "$T/old"
with_old_cli() {
    MORE=(PATH="$T/old:$T/bin:/usr/bin:/bin")
    script deploy-ecs-express.sh "$@"
    MORE=()
}
if [ -x /usr/bin/aws ] && [ "$CLI" = v1 ]; then # Debian's 2.9 has not even the command
    printf '#!/bin/sh\nexec /usr/bin/aws --endpoint-url %s "$@"\n' "$FRONT" >"$T/old/aws"
    chmod +x "$T/old/aws"
    with_old_cli --create -r us-west-2
    refused "a CLI without the command" 'cannot give ECS Express Mode a task definition: version 2.34 or newer is needed.*Nothing was changed'
    untouched "a CLI without the command" 0
fi
# The one that O7 was found with has the command, but not the member.
printf '#!/bin/sh\ncase "$*" in *generate-cli-skeleton*) %s "$@" | grep -v taskDefinitionArn ;; *) exec %s "$@" ;; esac\n' "$T/bin/aws" "$T/bin/aws" >"$T/old/aws"
chmod +x "$T/old/aws"
with_old_cli --create -r us-west-2
refused "a CLI without the member" 'version 2.34 or newer is needed.*Nothing was changed'
untouched "a CLI without the member" 0

# --- create ------------------------------------------------------------------------------------------------------------

script build-docker.sh -p arm64
as_operator DYNAMODB_ENDPOINT_URL="$MOTO" LLM_API_CONVERTER="$PROGRAM" scripts/setup-tables.sh -r us-west-2 >"$T/out" 2>"$T/err" || fail "setup-tables.sh: $(tail -1 "$T/err")"
KEY=$(as_operator DYNAMODB_ENDPOINT_URL="$MOTO" LLM_API_CONVERTER="$PROGRAM" scripts/create-api-key.sh -u a -n b -r us-west-2 | sed -n 's/^API Key: //p')
script deploy-ecs-express.sh --create -p arm64 -r us-west-2 --dry-run
went "dry run"
expect_match "dry run shows the task definition" "$(cat "$T/out")" 'register-task-definition .*ARM64'
script deploy-ecs-express.sh --create -p arm64 -r us-west-2 --max 2 --cpu 512 --memory 1024 -e ANTHROPIC_DEFAULT_MODEL=qwen.qwen3-coder-480b-a35b-v1:0 -e LOG_LEVEL=warn --key "$KEY"
went "create"
expect_match "create: the URL" "$(tail -1 "$T/out")" '^https://ll-.*\.ecs\.us-west-2\.on\.aws$'
expect "create: smoke test of four" "$(grep -c '^ok ' "$T/err")" 4
expect "create: architecture" "$(definition .runtimePlatform.cpuArchitecture)" ARM64
expect "create: size" "$(definition '.cpu + " " + .memory')" "512 1024"
expect "create: scaling" "$(scaling)" "1 2 AVERAGE_CPU 60"
expect "create: settings, each once" "$(variables)" \
    "ANTHROPIC_DEFAULT_MODEL=qwen.qwen3-coder-480b-a35b-v1:0 AWS_REGION=us-west-2 LOG_LEVEL=warn REQUIRE_API_KEY=true SHUTDOWN_DELAY=5 SHUTDOWN_TIMEOUT=105 STORAGE_BACKEND=dynamodb"
expect "create: container" "$(main '[.name, .stopTimeout, .portMappings[0].name, .portMappings[0].containerPort, .healthCheck.command[1]] | join(" ")')" \
    "Main 120 http 8000 /app/llm-api-converter"
expect "create: read-only, no capabilities, one place to write" "$(main '[.readonlyRootFilesystem, .linuxParameters.capabilities.drop[0], .mountPoints[0].containerPath] | map(tostring) | join(" ")')" \
    "true ALL /var/lib/llm-api-converter"
expect_match "create: the image by digest" "$(main .image)" '^123456789012\.dkr\.ecr\.us-west-2\.amazonaws\.com/llm-api-converter@sha256:[0-9a-f]{64}$'
expect "create: health check" "$(service '.activeConfigurations[0].healthCheckPath')" /health
expect "create: logs are kept for a month" "$(cli logs describe-log-groups --query 'logGroups[].[logGroupName,retentionInDays]' --output text)" "/ecs/llm-api-converter	30"
first=$(service '.activeConfigurations[0].taskDefinitionArn')

# --- the guide's update line: everything that was chosen stays ------------------------------------------------------------

script deploy-ecs-express.sh -r us-west-2
went "update"
expect "update: scaling" "$(scaling)" "1 2 AVERAGE_CPU 60"
expect "update: architecture" "$(definition .runtimePlatform.cpuArchitecture)" ARM64
expect "update: the image is built for it" "$(jq -r '.images["llm-api-converter:latest"].platforms[0]' "$T/docker/docker.json")" linux/arm64
expect "update: size" "$(definition '.cpu + " " + .memory')" "512 1024"
expect_match "update: settings" "$(variables)" 'ANTHROPIC_DEFAULT_MODEL=qwen.* LOG_LEVEL=warn '
expect "update: health check" "$(service '.activeConfigurations[0].healthCheckPath')" /health
expect_true "update: a revision of its own" [ "$(service '.activeConfigurations[0].taskDefinitionArn')" != "$first" ]
script deploy-ecs-express.sh -r us-west-2 --skip-build --min 2 --max 3 --memory 2048 -p amd64 -e LOG_LEVEL=info --unset ANTHROPIC_DEFAULT_MODEL \
    --subnets subnet-1,subnet-2 --security-groups sg-1
went "update of all that can be said"
expect "said: scaling" "$(scaling)" "2 3 AVERAGE_CPU 60"
expect "said: size and architecture" "$(definition '.cpu + " " + .memory + " " + .runtimePlatform.cpuArchitecture')" "512 2048 X86_64"
expect "said: settings" "$(variables)" "AWS_REGION=us-west-2 LOG_LEVEL=info REQUIRE_API_KEY=true SHUTDOWN_DELAY=5 SHUTDOWN_TIMEOUT=105 STORAGE_BACKEND=dynamodb"
script deploy-ecs-express.sh -r us-west-2 --skip-build --max 1
refused "--max below the present --min" '--max 1 is below the 2 tasks'
# What somebody changed in the console: a side-car, a setting, the metric.
own=$(definition . | jq -c 'del(.taskDefinitionArn, .revision, .status, .compatibilities, .requiresAttributes, .registeredAt, .registeredBy) | .containerDefinitions[0].environment += [{name: "MINE", value: "kept"}]
    | .containerDefinitions += [{name: "side", image: "public.ecr.aws/x/y", essential: false}] | .containerDefinitions[0].readonlyRootFilesystem = false')
own=$(cli ecs register-task-definition --cli-input-json "$own" --query taskDefinition.taskDefinitionArn --output text)
cli ecs update-express-gateway-service --service-arn "$(service .serviceArn)" --task-definition-arn "$own" --health-check-path /health \
    --scaling-target minTaskCount=2,maxTaskCount=3,autoScalingMetric=AVERAGE_MEMORY,autoScalingTargetValue=70 --network-configuration subnets=subnet-1,subnet-2 >/dev/null
script deploy-ecs-express.sh -r us-west-2 --skip-build --max 5
went "update after the console"
expect "the console's scaling stays" "$(scaling)" "2 5 AVERAGE_MEMORY 70"
expect "the console's network stays" "$(service '.activeConfigurations[0].networkConfiguration.subnets | join(",")')" subnet-1,subnet-2
expect_match "the console's setting stays" "$(variables)" 'MINE=kept'
expect "the console's side-car stays" "$(definition '.containerDefinitions[1].name')" side
expect "the console's decision about the root stays" "$(main .readonlyRootFilesystem)" false

# --- secrets, EFS -----------------------------------------------------------------------------------------------------

secret=$(cli secretsmanager create-secret --name master --secret-string sk-from-secrets-manager --query ARN --output text)
script deploy-ecs-express.sh -r us-west-2 --skip-build --secret "MASTER_API_KEY=$secret" --efs fs-0123456789abcdef0/fsap-0123456789abcdef0 --key sk-from-secrets-manager
went "a secret, EFS, and the secret opens"
expect "the secret is named" "$(main '.secrets[0] | .name + " " + .valueFrom')" "MASTER_API_KEY $secret"
expect_no_match "the secret is not copied" "$(definition .)" sk-from-secrets-manager
expect "the execution role may read it" "$(cli iam get-role-policy --role-name llm-api-converter-ecs-execution-role --policy-name llm-api-converter-secrets --query PolicyDocument.Statement[0].Resource --output text)" "$secret"
expect "EFS holds the state" "$(definition '.volumes[] | select(.name == "state").efsVolumeConfiguration | .fileSystemId + " " + .transitEncryption + " " + .authorizationConfig.accessPointId')" \
    "fs-0123456789abcdef0 ENABLED fsap-0123456789abcdef0"
script deploy-ecs-express.sh -r us-west-2 --skip-build -e MASTER_API_KEY=sk-in-clear
went "a setting takes the secret's place"
expect "a name is one of both" "$(main '(.secrets // []) | length')" 0

# --- lanes --------------------------------------------------------------------------------------------------------------------

lanes="us-west-2,us-east-1@arn:aws:iam::210987654321:role/team/gateway=https://vpce.example"
script deploy-ecs-express.sh -r us-west-2 --skip-build -e "BEDROCK_LANES=$lanes"
went "lanes"
expect_match "lanes: the setting" "$(variables)" "BEDROCK_LANES=$lanes"
expect "lanes: the role of the other account may be assumed" "$(cli iam get-role-policy --role-name llm-api-converter-ecs-task-role --policy-name llm-api-converter-lanes --query 'PolicyDocument.Statement[0].Resource' --output text)" \
    arn:aws:iam::210987654321:role/team/gateway
script deploy-ecs-express.sh -r us-west-2 --skip-build --unset BEDROCK_LANES
went "without lanes again"

# --- what does not work, and the way back --------------------------------------------------------------------------------

before=$(service '.activeConfigurations[0].taskDefinitionArn')
READY=2 script deploy-ecs-express.sh -r us-west-2 --skip-build -e DYNAMODB_API_KEYS_TABLE=not-there
refused "not ready" 'deployed, but https://.*/ready does not answer 200'
expect_match "not ready: the way back" "$(cat "$T/err")" "the version before: aws ecs update-express-gateway-service .*--task-definition-arn $before"
# The way that it says, as it says it.
sed -n 's/^  the version before: //p' "$T/err" >"$T/back"
as_operator sh "$T/back" >/dev/null 2>"$T/err" || fail "the way back does not run: $(tail -1 "$T/err")"
expect "the way back leads back" "$(service '.activeConfigurations[0].taskDefinitionArn')" "$before"
curl -fsS "$FRONT/_fail" >/dev/null
script deploy-ecs-express.sh -r us-west-2 --skip-build
refused "a canary that is rolled back" 'ended as ROLLBACK_SUCCESSFUL.*aws logs tail /ecs/llm-api-converter'

# --- deletion ----------------------------------------------------------------------------------------------------------------

script delete-service.sh --target ecs -r us-west-2 --roles --yes
went "delete with roles"
expect "the roles went last: the load balancer is gone" "$(audit)" ''
expect "the service is INACTIVE" "$(service .status.statusCode)" INACTIVE
expect "no role is left" "$(cli iam list-roles --query 'Roles[].RoleName' --output text)" ''
expect "no task definition is left" "$(cli ecs list-task-definitions --status ACTIVE --query taskDefinitionArns --output text)" ''
expect_match "the log group is named" "$(cat "$T/err")" 'log group /ecs/llm-api-converter .--logs'
expect_match "the repository is named" "$(cat "$T/err")" 'ECR repository llm-api-converter.*--repository'
script delete-service.sh --target ecs -r us-west-2 --roles --logs --repository --yes
went "delete again"
expect "no log group is left" "$(cli logs describe-log-groups --query 'logGroups[].logGroupName' --output text)" ''

# --- GovCloud ------------------------------------------------------------------------------------------------------------------

as_operator DYNAMODB_ENDPOINT_URL="$MOTO" LLM_API_CONVERTER="$PROGRAM" scripts/setup-tables.sh -r us-gov-west-1 >/dev/null 2>&1
script deploy-ecs-express.sh --create -r us-gov-west-1 --no-check
went "GovCloud"
expect_match "GovCloud: the roles" "$(cat "$T/aws.calls")" 'attach-role-policy .*arn:aws-us-gov:iam::aws:policy/service-role/AmazonECSInfrastructureRole'
expect_no_match "GovCloud: no name of the other partition" "$(cli ecs describe-task-definition --region us-gov-west-1 --task-definition llm-api-converter --output json | jq '.taskDefinition | .executionRoleArn, .taskRoleArn')" 'arn:aws:'
expect "GovCloud: the policy" "$(cli iam get-role-policy --region us-gov-west-1 --role-name llm-api-converter-ecs-task-role --policy-name llm-api-converter-policy --query 'PolicyDocument.Statement[2].Resource' --output text)" \
    'arn:aws-us-gov:dynamodb:*:*:table/anthropic-proxy-*'
script delete-service.sh --target ecs -r us-gov-west-1 --roles --yes
went "GovCloud: delete"
expect "the audit has nothing" "$(audit)" ''
bed_stop
finish
