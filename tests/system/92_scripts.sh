#!/usr/bin/env bash
# The deployment scripts against stub aws and docker programs (tests/system/stubs) that record every call and play
# already-exists, failure and slow paths; what a right run does is shown by tests/deploy with a real AWS CLI. smoke.sh and create-api-key.sh meet the real program.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

ARN=arn:aws:apprunner:us-west-2:123456789012:service/llm-api-converter/8fe1e10304f84fd2b0df550fe98a71fa
ECS_ARN=arn:aws:ecs:us-west-2:123456789012:service/default/llm-api-converter
HOST_NAME=123456789012.dkr.ecr.us-west-2.amazonaws.com
STUBS=$ROOT/tests/system/stubs
VERSION=$(sed -n "s/^VERSION := //p" "$ROOT/Makefile")

# answers KEY LINE...: what the stub says, call by call; the last line stays. KEY: service.operation[@query]
answers() {
    local key=$1
    shift
    printf '%s\n' "$@" >"$T/stub/$key"
}

fresh() {
    rm -rf "$T/stub"
    mkdir -p "$T/stub"
    : >"$T/stub/calls"
    answers sts.get-caller-identity '0 123456789012\tarn:aws:iam::123456789012:user/x'
    answers ecr.get-login-password '0 password'
    answers ecr.describe-images '0 sha256:0123456789abcdef'
    answers iam.get-role-policy '254 An error occurred (NoSuchEntity)'
    answers logs.describe-log-groups '0 None'
}

# script NAME ARGUMENTS...: output in $T/out and $T/err, code in CODE
script() {
    local name=$1
    shift
    env -i PATH="$STUBS:/usr/bin:/bin" HOME="$T" STUB="$T/stub" POLL_SECONDS=0 ROLE_SECONDS=0 "$ROOT/scripts/$name" "$@" \
        >"$T/out" 2>"$T/err" </dev/null
    CODE=$?
}

calls() { awk '{ print $1, $2, $3 }' "$T/stub/calls" | tr '\n' ';'; }
call_of() { grep -F -- "$1" "$T/stub/calls" | head -1; }
# What a run must not have done before it said no
expect_untouched() {
    expect_no_match "$1: nothing was made" "$(grep -v generate-cli-skeleton "$T/stub/calls")" 'create-|put-|attach-|update-|start-|delete-|push|register-|buildx build'
}

# refused NAME CODE REGEX ARGUMENTS...: one line on stderr, nothing done
refused() {
    local name=$1 code=$2 regex=$3
    shift 3
    script "$@"
    expect "$name: code" "$CODE" "$code"
    expect "$name: lines" "$(wc -l <"$T/err")" 1
    expect_match "$name" "$(cat "$T/err")" "$regex"
    expect_untouched "$name"
}

service_runs() {
    answers apprunner.list-services "0 $ARN"
    answers apprunner.describe-service@Service.Status "${@:-0 RUNNING}"
    answers apprunner.describe-service@Service.ServiceUrl '0 abc.us-west-2.awsapprunner.com'
    answers apprunner.list-operations '0 SUCCEEDED'
}

# --- all scripts: help, unknown flags, missing tools -----------------------------------------------------------

fresh
for name in deploy-apprunner deploy-ecs-express apprunner-status build-docker delete-service smoke; do
    script $name.sh --help
    expect "$name --help" "$CODE $(wc -c <"$T/err")" "0 0"
    expect_match "$name --help shows the usage" "$(cat "$T/out")" "^usage: scripts/$name.sh"
    expect_match "$name has --dry-run" "$(cat "$T/out")" '--dry-run'
    refused "$name: unknown flag" 2 'unknown option --frob' $name.sh --frob
done
mkdir "$T/few"
for tool in bash dirname basename mktemp cat tr sed grep env awk uname rm jq; do ln -sf "$(command -v $tool)" "$T/few/$tool"; done
env -i PATH="$T/few" "$ROOT/scripts/deploy-apprunner.sh" --create >"$T/out" 2>"$T/err"
expect "without aws: code" "$?" 1
expect_match "without aws" "$(cat "$T/err")" 'aws is missing: install'
ln -s "$STUBS/aws" "$T/few/aws"
env -i PATH="$T/few" STUB="$T/stub" "$ROOT/scripts/deploy-apprunner.sh" --create >"$T/out" 2>"$T/err"
expect_match "without docker" "$(cat "$T/err")" 'docker is missing: install'
expect_untouched "without docker"

# --- deploy-apprunner ------------------------------------------------------------------------------------------

refused "arm64" 2 'x86_64 only.*deploy-ecs-express.sh --create -p arm64 -r us-west-2' deploy-apprunner.sh --create -p arm64 -r us-west-2
refused "platform" 2 '-p riscv: amd64' deploy-apprunner.sh -p riscv
refused "region" 2 '-r mars: a region' deploy-apprunner.sh -r mars
refused "name" 2 '-n Name_' deploy-apprunner.sh -n Name_
refused "no value" 2 '--region needs a value' deploy-apprunner.sh --region
refused "env" 2 '--env 1=2' deploy-apprunner.sh --env 1=2
refused "wrong account" 1 'account 123456789012, but --account says 1' deploy-apprunner.sh --create --account 1
refused "no service" 1 'no service llm-api-converter in us-west-2.*--create' deploy-apprunner.sh -r us-west-2
answers sts.get-caller-identity '255 Unable to locate credentials. You can configure credentials by running "aws configure".'
refused "no credentials" 1 'get-caller-identity failed: Unable to locate credentials' deploy-apprunner.sh --create

fresh
answers apprunner.list-services '0 '
answers apprunner.create-service "0 $ARN"
answers apprunner.describe-service@Service.Status '0 OPERATION_IN_PROGRESS' '0 OPERATION_IN_PROGRESS' '0 RUNNING'
answers apprunner.describe-service@Service.ServiceUrl '0 abc.us-west-2.awsapprunner.com'
answers apprunner.list-operations '0 SUCCEEDED'
answers apprunner.list-auto-scaling-configurations '0 None'
answers apprunner.create-auto-scaling-configuration '0 arn:scaling'
script deploy-apprunner.sh --create -p amd64 -r us-west-2 --no-check -e 'ANTHROPIC_DEFAULT_MODEL=a "quoted" \name'
expect "create: code" "$CODE" 0
expect "create: only the URL on stdout" "$(cat "$T/out")" https://abc.us-west-2.awsapprunner.com
expect "create: calls" "$(calls)" "aws sts get-caller-identity;aws apprunner list-services;aws ecr describe-images;docker buildx version;docker buildx build;\
aws ecr create-repository;aws ecr get-login-password;docker login --username;docker tag llm-api-converter:latest;docker push $HOST_NAME/llm-api-converter:$VERSION;docker tag llm-api-converter:latest;docker push $HOST_NAME/llm-api-converter:latest;aws ecr describe-images;\
aws iam create-role;aws iam attach-role-policy;aws iam create-role;aws iam get-role-policy;aws iam put-role-policy;\
aws apprunner list-auto-scaling-configurations;aws apprunner create-auto-scaling-configuration;aws apprunner create-service;\
aws apprunner describe-service;aws apprunner describe-service;aws apprunner describe-service;aws apprunner list-operations;\
aws logs describe-log-groups;aws logs put-retention-policy;aws logs describe-log-groups;aws logs put-retention-policy;aws apprunner describe-service;"
expect "create: settings" "$(call_of create-service | sed 's/.*--source-configuration \({.*}\) --instance.*/\1/' | jq -c .ImageRepository.ImageConfiguration.RuntimeEnvironmentVariables)" \
    '{"AWS_REGION":"us-west-2","STORAGE_BACKEND":"dynamodb","REQUIRE_API_KEY":"true","LOG_LEVEL":"info","MAX_REQUEST_SECONDS":"115","ANTHROPIC_DEFAULT_MODEL":"a \"quoted\" \\name"}'
expect_match "create: size" "$(call_of create-service)" '"Cpu": "1 vCPU", "Memory": "2 GB"'
expect_match "create: platform" "$(call_of 'buildx build')" '--platform linux/amd64 -f docker/Dockerfile -t llm-api-converter:latest --load'
for file in apprunner-access-trust apprunner-instance-trust; do
    expect_true "$file.json is used and is JSON" jq -e .Version "$(grep -oE "[^ ]*/$file.json" "$T/stub/calls" | head -1 | sed 's/^file:..//')"
done

service_runs
answers apprunner.describe-service@Service.SourceConfiguration '0 {"AutoDeploymentsEnabled":false,"ImageRepository":{"ImageConfiguration":{"RuntimeEnvironmentVariables":{"AWS_REGION":"us-west-2","STORAGE_BACKEND":"dynamodb","REQUIRE_API_KEY":"true","LOG_LEVEL":"info","MAX_REQUEST_SECONDS":"115"}}}}'
answers iam.create-role '254 An error occurred (EntityAlreadyExists) when calling the CreateRole operation: exists'
answers ecr.create-repository '254 An error occurred (RepositoryAlreadyExistsException) when calling CreateRepository'
: >"$T/stub/calls"
script deploy-apprunner.sh --create -r us-west-2 --no-check
expect "run again: code" "$CODE" 0
expect_no_match "run again: no second service" "$(cat "$T/stub/calls")" 'create-service|update-service'
expect_match "run again: deploys" "$(call_of start-deployment)" "--service-arn $ARN"

: >"$T/stub/calls"
script deploy-apprunner.sh -r us-west-2 --skip-build --no-check
expect "image alone: code" "$CODE" 0
expect_no_match "image alone: no settings are sent" "$(cat "$T/stub/calls")" update-service
expect_no_match "--skip-build" "$(cat "$T/stub/calls")" docker

: >"$T/stub/calls"
: >"$T/stub/calls"
script deploy-apprunner.sh -r us-west-2 --dry-run
expect "dry run: code" "$CODE" 0
expect_untouched "dry run"
expect_match "dry run prints" "$(cat "$T/out")" '\+ aws apprunner start-deployment'

service_runs '0 CREATE_FAILED'
: >"$T/stub/calls"
refused "a failed service" 1 'CREATE_FAILED.*delete-service.sh -n llm-api-converter -r us-west-2' deploy-apprunner.sh -r us-west-2
service_runs '0 PAUSED'
refused "a paused service" 1 'resume-service' deploy-apprunner.sh -r us-west-2
service_runs
answers apprunner.list-operations '0 ROLLBACK_SUCCEEDED'
script deploy-apprunner.sh -r us-west-2 --skip-build
expect "rolled back: code" "$CODE" 1
expect_match "rolled back" "$(cat "$T/err")" 'ended as ROLLBACK_SUCCEEDED.*aws logs tail'
service_runs
: >"$T/stub/calls"
answers docker.push '1 denied: Your authorization token has expired'
script deploy-apprunner.sh -r us-west-2
expect "push fails: code" "$CODE" 1
expect_match "push fails: how to go on" "$(tail -1 "$T/err")" 'docker push .*run the same command again'
expect_no_match "push fails: nothing is deployed" "$(cat "$T/stub/calls")" start-deployment
fresh
answers apprunner.list-services '0 '
answers iam.put-role-policy '254 An error occurred (AccessDenied) when calling PutRolePolicy'
script deploy-apprunner.sh --create --skip-build
expect "IAM says no: code" "$CODE" 1
expect_match "IAM says no" "$(tail -1 "$T/err")" 'aws iam put-role-policy failed: .*AccessDenied.*same command again'

# --- deploy-ecs-express ----------------------------------------------------------------------------------------

express_runs() {
    fresh
    answers ecs.register-task-definition '0 arn:aws:ecs:us-west-2:123456789012:task-definition/llm-api-converter:1'
    answers ecs.create-express-gateway-service '0 {"taskDefinitionArn": ""}' "0 $ECS_ARN" # the first call asks the CLI what it knows
    answers ecs.describe-express-gateway-service@service.currentDeployment '0 None' '0 arn:deployment'
    answers ecs.describe-express-gateway-service@service.activeConfigurations0.ingressPaths0.endpoint '0 https://xx.ecs.us-west-2.on.aws'
    answers ecs.describe-service-deployments "${@:-0 SUCCESSFUL}"
}
express_runs '0 PENDING' '0 IN_PROGRESS' '0 SUCCESSFUL'
answers ecs.describe-services '254 An error occurred (ClusterNotFoundException) when calling DescribeServices'
script deploy-ecs-express.sh --create -p arm64 -r us-west-2 --no-check --subnets subnet-1,subnet-2 --security-groups sg-1
expect "express: code" "$CODE" 0
expect "express: only the URL on stdout" "$(cat "$T/out")" https://xx.ecs.us-west-2.on.aws
task=$(call_of register-task-definition)
task=$(sed 's/.*--cli-input-json \({.*}\) --query.*/\1/' <<<"$task")
expect "express: Graviton" "$(jq -r .runtimePlatform.cpuArchitecture <<<"$task")" ARM64
expect "express: container" "$(jq -c '.containerDefinitions[0] | [.name, .stopTimeout, .portMappings[0].containerPort, .healthCheck.command]' <<<"$task")" \
    '["Main",120,8000,["CMD","/app/llm-api-converter","health"]]'
expect_match "express: service" "$(grep -F 'create-express-gateway-service --region' "$T/stub/calls")" \
    '--infrastructure-role-arn arn:aws:iam::123456789012:role/llm-api-converter-ecs-infrastructure-role .*--health-check-path /health .*--network-configuration \{"subnets":\["subnet-1","subnet-2"\],"securityGroups":\["sg-1"\]\}'
expect_match "express: image for arm64" "$(call_of 'buildx build')" 'linux/arm64'

express_runs '0 ROLLBACK_SUCCESSFUL'
answers ecs.describe-services "0 $ECS_ARN"
answers ecs.describe-express-gateway-service@service.activeConfigurations0 '0 {"taskDefinitionArn":"arn:before","scalingTarget":{"minTaskCount":1,"maxTaskCount":2}}'
answers ecs.describe-task-definition '0 {"family":"x","containerDefinitions":[{"name":"Main"}]}'
answers ecs.register-task-definition '0 {"family":"","containerDefinitions":[]}' '0 arn:after'
script deploy-ecs-express.sh -r us-west-2 --skip-build
expect_match "express, update: what it has stays" "$(call_of update-express-gateway-service)" '"minTaskCount":1,"maxTaskCount":2'
expect "express, rolled back: code" "$CODE" 1
expect_match "express, rolled back" "$(tail -1 "$T/err")" 'ROLLBACK_SUCCESSFUL.*aws logs tail /ecs/llm-api-converter.*1 %'
fresh
answers ecs.create-express-gateway-service '0 {"primaryContainer": {}}'
refused "express: old CLI" 1 'version 2.34' deploy-ecs-express.sh --create
fresh
answers ecs.create-express-gateway-service '0 {"taskDefinitionArn": ""}'
refused "express: no service" 1 'no service llm-api-converter in cluster default.*--create' deploy-ecs-express.sh
refused "express: groups alone" 2 '--security-groups needs --subnets' deploy-ecs-express.sh --security-groups sg-1
refused "express: sizes" 2 '--min 5 is above --max 4' deploy-ecs-express.sh --min 5 --max 4

# --- the small ones --------------------------------------------------------------------------------------------

fresh
refused "status: not there" 1 'no service llm-api-converter in us-east-1' apprunner-status.sh
service_runs
answers apprunner.describe-service "0 RUNNING\tnowhere.invalid\t2026-01-01\t2026-01-02"
script apprunner-status.sh -r us-west-2
expect "status of a sick one: code" "$CODE" 1
expect_match "status: URL" "$(cat "$T/out")" '^URL: +https://nowhere.invalid$'
expect_match "status: health" "$(cat "$T/out")" '^Health: +does not answer'

refused "build: all without push" 2 '-p all needs --push' build-docker.sh -p all
refused "build: prebuilt for all" 2 '-i minimal' build-docker.sh -p all --push -i prebuilt
script build-docker.sh -p all --push -r registry.example/ -t 1.0
expect "build all: code" "$CODE" 0
expect_match "build all" "$(call_of 'buildx build')" '--platform linux/amd64,linux/arm64 -f docker/Dockerfile -t registry.example/llm-api-converter:1.0 --push \.$'
script build-docker.sh -i prebuilt -p arm64 --dry-run
expect_match "build prebuilt" "$(cat "$T/out")" '--build-arg BINARY_PATH=build/linux-arm64/llm-api-converter -f docker/Dockerfile.prebuilt'

fresh
service_runs
refused "delete without --yes" 1 'say --yes' delete-service.sh -r us-west-2
answers apprunner.list-services "0 $ARN" '0 '
answers iam.get-role-policy '0 {}'
script delete-service.sh -r us-west-2 --yes --repository --roles
expect "delete: code" "$CODE" 0
expect_match "delete: service" "$(call_of delete-service)" "--service-arn $ARN --region us-west-2"
expect_match "delete: repository" "$(call_of delete-repository)" '--repository-name llm-api-converter --region us-west-2 --force'
expect "delete: roles" "$(grep -c 'iam delete-role ' "$T/stub/calls")" 2
expect_no_match "delete: never the keys" "$(cat "$T/stub/calls")" dynamodb
answers apprunner.list-services '0 '
answers ecr.delete-repository '254 An error occurred (RepositoryNotFoundException)'
script delete-service.sh -r us-west-2 --yes --repository
expect "delete again: code" "$CODE" 0
: >"$T/stub/calls"
script delete-service.sh --target ecs --yes --dry-run --roles
expect_untouched "delete, dry run"
expect_match "delete, dry run" "$(cat "$T/out")" '\+ aws ecs delete-express-gateway-service .*service/default/llm-api-converter'

refused "release libraries" 1 'platform riscv: amd64 or arm64' release-libs.sh riscv "$T/libs"

# --- against the real program ----------------------------------------------------------------------------------

start_mock
start_server
environment
make_with_script() { (cd "$T" && env -i "${ENVIRONMENT_LIST[@]}" LLM_API_CONVERTER="${STUB_PROGRAM:-$PROGRAM}" "$@"); }
KEY=$(make_with_script "$ROOT/scripts/create-api-key.sh" -u alice -n 'with "quotes" and \' -l 50 -t flex -b 12.50 | sed -n 's/^API Key: //p')
expect_match "create-api-key.sh" "$KEY" '^sk-dev-'
make_with_script "$ROOT/scripts/create-api-key.sh" -h >"$T/out"
expect_match "create-api-key.sh -h" "$? $(cat "$T/out")" '^0 usage: llm-api-converter create-api-key'
printf '#!/bin/sh\necho "$STORAGE_BACKEND"\n' >"$T/show"
chmod +x "$T/show"
expect "a table means DynamoDB" "$(LLM_API_CONVERTER=$T/show "$ROOT/scripts/create-api-key.sh" -u a -n b -T t)" dynamodb
LLM_API_CONVERTER=/nowhere "$ROOT/scripts/create-api-key.sh" -u a -n b 2>"$T/err"
expect_match "create-api-key.sh without the program" "$? $(cat "$T/err")" '^1 create-api-key: LLM_API_CONVERTER=/nowhere is no program'

"$ROOT/scripts/smoke.sh" "$URL" - >"$T/out" 2>"$T/err" <<<"$KEY"
expect "smoke: code" "$?" 0
expect "smoke: all four" "$(grep -c '^ok ' "$T/out")" 4
"$ROOT/scripts/smoke.sh" "$URL" sk-wrong >"$T/out" 2>"$T/err"
expect "smoke with a wrong key: code" "$?" 1
expect "smoke with a wrong key" "$(grep -c '^FAILED .*401, wanted 200' "$T/out")" 2
# What AWS has ended must not be what a first deployment is judged by.
expect_no_match "smoke: the default model lives" "$("$ROOT/scripts/smoke.sh" --dry-run https://example.com x)" 'claude-[23]|claude-(sonnet|opus)-4-(0|1|2025)|claude-(sonnet|opus)-4"'
refused "smoke: URL" 2 'begins with http' smoke.sh example.com sk-x

# --- install-deps.sh: what a mirror does not give is asked for once more -----------------------------------------

mkdir -p "$T/deps/scripts" "$T/deps/bin"
cp "$ROOT/scripts/install-deps.sh" "$T/deps/scripts"
cat >"$T/deps/bin/apt-get" <<'END'
#!/bin/bash
echo "$1" >>"$CALLS"
# as apt-get: a mirror that is not there is a warning, if nobody wants more
[[ $* != update* || $* == *Error-Mode=any* ]] || exit 0
[ "$(grep -cx "$1" "$CALLS")" -gt 1 ] || exit 100
END
printf '#!/bin/bash\nexit 1\n' | tee "$T/deps/bin/pkg-config" >"$T/deps/bin/dpkg-query"
printf '#!/bin/bash\nexit 0\n' >"$T/deps/bin/apt-cache"
printf '#!/bin/bash\nexec "$@"\n' >"$T/deps/bin/sudo"
chmod 755 "$T/deps/bin"/*
env -i PATH="$T/deps/bin:/usr/bin:/bin" CALLS="$T/deps/calls" RETRY_SECONDS=0 "$T/deps/scripts/install-deps.sh" >"$T/out" 2>"$T/err" </dev/null
expect "install-deps.sh: code" "$?" 0
expect "install-deps.sh: the lists and the packages, twice each" "$(tr '\n' ' ' <"$T/deps/calls")" "update update install install "
finish
