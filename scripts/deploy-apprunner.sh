#!/usr/bin/env bash
# Deploys to AWS App Runner. See --help and docker/DEPLOYMENT.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lib-deploy.sh
. "$ROOT/scripts/lib-deploy.sh"
NAME=deploy-apprunner

HELP='usage: scripts/deploy-apprunner.sh [options]
Builds the image, pushes it to ECR, makes the IAM roles, deploys to App Runner, asks /ready and prints the URL.
Without --create the service must exist: it gets the new image; of the rest only what the options say is changed.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          of service, ECR repository and roles; default: llm-api-converter
  -p, --platform P         amd64 (default); App Runner runs nothing else
      --create             make the service if it is not there
  -e, --env NAME=VALUE     a setting of the gateway; may be repeated
      --secret NAME=ARN    a setting out of Secrets Manager or the Parameter Store; may be repeated
      --unset NAME         take a setting or secret away; may be repeated
      --min N, --max N     instances; default: 1 and 1. Limits count by instance: with more a key may reach N times its own
      --table-prefix P     the tables are P-api-keys and so on: as setup-tables --prefix P made them
      --marketplace        the instance may enable models at their first call (AWS Marketplace)
      --reset-policy       put our policy in the place of one that was changed
      --log-days N         keep logs so long; default: 30, where nobody has set it
      --skip-build         deploy the image that is in ECR already
  -k, --key KEY            also ask a model with this API key; "-": read it from standard input
      --no-check           do not ask the deployed gateway
      --account ID         stop if the credentials belong to another account
      --timeout MINUTES    for the deployment to finish; default: 20
      --dry-run            look, but only print what would be changed
  -h, --help               this text'

# App Runner ends every request, streams included, at 120 s. The gateway ends it a little earlier itself, with an error
# event, so that the client learns why.
defaults=(STORAGE_BACKEND=dynamodb REQUIRE_API_KEY=true LOG_LEVEL=info MAX_REQUEST_SECONDS=115)
platform=amd64 create='' skip_build='' expected='' minutes=20 min='' max='' marketplace='' reset='' days='' key='' no_check=''

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -r | --region) need_value "$@" && REGION=$2 && shift ;;
        -n | --name) need_value "$@" && SERVICE=$2 && shift ;;
        -p | --platform) need_value "$@" && platform=$2 && shift ;;
        -e | --env) need_value "$@" && add_setting "$2" && shift ;;
        --secret) need_value "$@" && add_secret "$2" && shift ;;
        --table-prefix) need_value "$@" && add_table_prefix "$2" && shift ;;
        --unset) need_value "$@" && add_unset "$2" && shift ;;
        --min) need_value "$@" && check_number "$1" "$2" && min=$2 && shift ;;
        --max) need_value "$@" && check_number "$1" "$2" && max=$2 && shift ;;
        --log-days) need_value "$@" && check_number "$1" "$2" && days=$2 && shift ;;
        --account) need_value "$@" && expected=$2 && shift ;;
        --timeout) need_value "$@" && check_number "$1" "$2" && minutes=$2 && shift ;;
        -k | --key) need_value "$@" && key=$2 && shift ;;
        --marketplace) marketplace=yes ;;
        --reset-policy) reset=yes ;;
        --no-check) no_check=yes ;;
        --create) create=yes ;;
        --skip-build) skip_build=yes ;;
        --dry-run) DRY_RUN=yes ;;
        -h | --help) echo "$HELP" && exit ;;
        *) usage_error "unknown option $1" ;;
        esac
        shift
    done
    check_region
    check_service
    case $platform in
    amd64) ;;
    arm64) usage_error "-p arm64: App Runner runs x86_64 only; for Graviton use scripts/deploy-ecs-express.sh --create -p arm64 -r $REGION" ;;
    *) usage_error "-p $platform: amd64 is needed" ;;
    esac
    case $REGION in us-gov-*) usage_error "-r $REGION: App Runner is not offered in GovCloud; use scripts/deploy-ecs-express.sh" ;; esac
    [ "$key" != - ] || read -r key || usage_error "--key is -, but nothing stands on standard input"
}

# --- what is there --------------------------------------------------------------------------------------------

find_service() {
    aws_ask apprunner list-services --region "$REGION" \
        --query "ServiceSummaryList[?ServiceName=='$SERVICE' && Status!='DELETED'].ServiceArn" --output text
}

describe() { # ARN QUERY [FORMAT]
    aws_ask apprunner describe-service --region "$REGION" --service-arn "$1" --query "$2" --output "${3:-text}"
}

# 0 when nothing is going on, 1 while it is, 2 with a message when it cannot go on
is_settled() { # ARN
    local status
    status=$(describe "$1" Service.Status) || return 2
    case $status in
    RUNNING) ;;
    OPERATION_IN_PROGRESS) return 1 ;;
    CREATE_FAILED)
        say "$NAME: the service could not be created (CREATE_FAILED); its reason: aws logs tail /aws/apprunner/$SERVICE/${1##*/}/service --region $REGION. Then scripts/delete-service.sh -n $SERVICE -r $REGION and --create again"
        return 2
        ;;
    PAUSED)
        say "$NAME: the service is paused: aws apprunner resume-service --service-arn $1 --region $REGION"
        return 2
        ;;
    *)
        say "$NAME: the service is $status; nothing can be deployed to it"
        return 2
        ;;
    esac
}

# A failed update is rolled back, and the service is RUNNING again: only the operation tells.
check_operation() { # ARN
    local status
    [ -z "$DRY_RUN" ] || return 0
    status=$(aws_ask apprunner list-operations --region "$REGION" --service-arn "$1" --max-results 1 \
        --query 'OperationSummaryList[0].Status' --output text)
    [ "$status" = SUCCEEDED ] ||
        die "the deployment ended as $status, the older version goes on serving; its reason: aws logs tail /aws/apprunner/$SERVICE/${1##*/}/application --region $REGION"
}

finish_operation() { # ARN
    wait_until "$minutes" "RUNNING" is_settled "$1"
    check_operation "$1"
}

# --- what is sent ---------------------------------------------------------------------------------------------

# Without automatic deployments: App Runner's default is one at every push, which would meet the one that we start.
new_configuration() {
    jq -n --arg role "arn:$PARTITION:iam::$ACCOUNT:role/$SERVICE-apprunner-role" --arg image "$(registry)/$SERVICE:latest" '{
        AuthenticationConfiguration: {AccessRoleArn: $role},
        AutoDeploymentsEnabled: false,
        ImageRepository: {ImageIdentifier: $image, ImageRepositoryType: "ECR", ImageConfiguration: {Port: "8000"}}}'
}

# changed_configuration CONFIGURATION: with what the options say. update-service replaces the whole: what somebody set in
# the console (variables, secrets, start command) must survive, so the service's own is taken and changed.
changed_configuration() {
    jq --argjson changes "$(changes "AWS_REGION=$REGION" ${defaults[@]+"${defaults[@]}"})" "$CHANGED"'
        .AutoDeploymentsEnabled = false
        | .ImageRepository.ImageConfiguration |= (
            ({env: (.RuntimeEnvironmentVariables // {}), secrets: (.RuntimeEnvironmentSecrets // {})} | changed($changes)) as $now
            | .RuntimeEnvironmentVariables = $now.env
            | if $now.secrets == {} then del(.RuntimeEnvironmentSecrets) else .RuntimeEnvironmentSecrets = $now.secrets end)' <<<"$1"
}

make_roles() { # CONFIGURATION
    step "IAM roles $SERVICE-apprunner-role and $SERVICE-instance-role"
    make_role "$SERVICE-apprunner-role" apprunner-access-trust.json "App Runner pulls the image of $SERVICE from ECR"
    attach_policy "$SERVICE-apprunner-role" AWSAppRunnerServicePolicyForECRAccess
    make_role "$SERVICE-instance-role" apprunner-instance-trust.json "$SERVICE calls Bedrock and DynamoDB"
    own_policy "$SERVICE-instance-role" \
        "$(jq .ImageRepository.ImageConfiguration.RuntimeEnvironmentVariables <<<"$1" | table_prefix)" "$reset"
    [ -z "$marketplace" ] || marketplace_policy "$SERVICE-instance-role"
    lanes_policy "$SERVICE-instance-role" "$(jq -r '.ImageRepository.ImageConfiguration.RuntimeEnvironmentVariables.BEDROCK_LANES // ""' <<<"$1")"
    secrets_policy "$SERVICE-instance-role" "$(jq -c '[.ImageRepository.ImageConfiguration.RuntimeEnvironmentSecrets // {} | .[]]' <<<"$1")"
    wait_for_roles
}

# scaling MIN MAX: the ARN of a configuration of these numbers. They are shared, cost nothing, and are never changed.
scaling() {
    local name=llm-api-min$1-max$2 arn
    [ "$1" -le "$2" ] || usage_error "--min $1 is above --max $2"
    arn=$(aws_ask apprunner list-auto-scaling-configurations --region "$REGION" --auto-scaling-configuration-name "$name" --latest-only \
        --query 'AutoScalingConfigurationSummaryList[0].AutoScalingConfigurationArn' --output text)
    if [ -z "$arn" ]; then
        arn=$(aws_do apprunner create-auto-scaling-configuration --region "$REGION" --auto-scaling-configuration-name "$name" \
            --min-size "$1" --max-size "$2" --query AutoScalingConfiguration.AutoScalingConfigurationArn --output text)
    fi
    printf '%s\n' "${arn:-SCALING-CONFIGURATION-ARN}" # --dry-run has made none
}

# changed_scaling ARN: nothing when the options say nothing
changed_scaling() {
    local present sizes
    [ -n "$min$max" ] || return 0
    present=$(describe "$1" Service.AutoScalingConfigurationSummary.AutoScalingConfigurationArn)
    sizes=$(aws_ask apprunner describe-auto-scaling-configuration --region "$REGION" --auto-scaling-configuration-arn "$present" \
        --query 'AutoScalingConfiguration.[MinSize,MaxSize]' --output text)
    scaling "${min:-${sizes%%[[:space:]]*}}" "${max:-${sizes##*[[:space:]]}}"
}

create_service() { # CONFIGURATION
    local arn
    arn=$(scaling "${min:-1}" "${max:-${min:-1}}")
    step "create service $SERVICE"
    aws_do apprunner create-service --region "$REGION" --service-name "$SERVICE" --source-configuration "$1" \
        --instance-configuration "{
    \"Cpu\": \"1 vCPU\",
    \"Memory\": \"2 GB\",
    \"InstanceRoleArn\": \"arn:$PARTITION:iam::$ACCOUNT:role/$SERVICE-instance-role\"
  }" \
        --auto-scaling-configuration-arn "$arn" \
        --health-check-configuration '{
    "Protocol": "HTTP",
    "Path": "/health",
    "Interval": 10,
    "Timeout": 5,
    "HealthyThreshold": 1,
    "UnhealthyThreshold": 3
  }' --query Service.ServiceArn --output text
}

update_service() { # ARN CONFIGURATION SCALING-ARN
    local call=(apprunner update-service --region "$REGION" --service-arn "$1" --source-configuration "$2")
    [ -z "$3" ] || call+=(--auto-scaling-configuration-arn "$3")
    step "settings of $SERVICE"
    aws_do ${call[@]+"${call[@]}"} --query OperationId --output text >&2
    finish_operation "$1"
}

start_deployment() { # ARN
    step "deploy the image to $SERVICE"
    aws_do apprunner start-deployment --region "$REGION" --service-arn "$1" --query OperationId --output text >&2
    finish_operation "$1"
}

# --- in order -------------------------------------------------------------------------------------------------

# The service is there: its image and what the options say.
update() {
    local own changed settled=0 scaling_arn
    [ -z "$create" ] || say "service $SERVICE is there already: it is updated"
    is_settled "$arn" || settled=$?
    [ "$settled" -ne 2 ] || exit 1
    [ "$settled" -eq 0 ] || wait_until "$minutes" "the operation before" is_settled "$arn"
    own=$(describe "$arn" Service.SourceConfiguration json)
    if [ "$(jq '.AutoDeploymentsEnabled != false' <<<"$own")" = true ]; then
        # Before the push, which else begins a deployment of its own.
        own=$(jq '.AutoDeploymentsEnabled = false' <<<"$own")
        say "automatic deployments are turned off: this script deploys what it has pushed"
        update_service "$arn" "$own" ''
    fi
    provide_image "$skip_build" "$platform"
    changed=$(changed_configuration "$own")
    make_roles "$changed"
    scaling_arn=$(changed_scaling "$arn")
    if [ -n "$scaling_arn" ] || [ "$(jq -S . <<<"$changed")" != "$(jq -S . <<<"$own")" ]; then
        update_service "$arn" "$changed" "$scaling_arn"
    fi
    start_deployment "$arn"
}

create() {
    local configuration
    provide_image "$skip_build" "$platform"
    configuration=$(changed_configuration "$(new_configuration)")
    make_roles "$configuration"
    arn=$(create_service "$configuration")
    [ -n "$DRY_RUN" ] || finish_operation "$arn"
}

# Which way there is depends on what was there before.
ways_back() {
    local repository="--repository-name $SERVICE --region $REGION"
    WAYS=("the program's own words: aws logs tail /aws/apprunner/$SERVICE/${arn##*/}/application --region $REGION")
    if [ -n "$IMAGE_BEFORE" ] && [ -z "$made" ]; then
        WAYS+=("the image before: aws ecr put-image $repository --image-tag latest --image-manifest \"\$(aws ecr batch-get-image $repository --image-ids imageDigest=$IMAGE_BEFORE --query 'images[0].imageManifest' --output text)\" && scripts/deploy-apprunner.sh -n $SERVICE -r $REGION --skip-build")
    else
        WAYS+=("away with it: scripts/delete-service.sh -n $SERVICE -r $REGION")
    fi
}

read_options "$@"
need_deploy_tools "$skip_build" "$no_check"
who_am_i "$expected"
arn=$(find_service)
made=
if [ -z "$arn" ] && [ -z "$create" ]; then
    die "no service $SERVICE in $REGION of account $ACCOUNT: add --create, or say -n or -r. Nothing was changed"
fi
if [ -n "$arn" ]; then
    update
else
    made=yes
    create
fi
[ -z "$DRY_RUN" ] || exit 0
keep_logs "/aws/apprunner/$SERVICE/${arn##*/}/application" "$days"
keep_logs "/aws/apprunner/$SERVICE/${arn##*/}/service" "$days"
url=https://$(describe "$arn" Service.ServiceUrl)
ways_back
[ -n "$no_check" ] || check_deployment "$url" "$key" ${WAYS[@]+"${WAYS[@]}"}
echo "$url"
