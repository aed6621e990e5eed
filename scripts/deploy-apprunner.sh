#!/usr/bin/env bash
# Deploys to AWS App Runner. See --help and docker/DEPLOYMENT.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=deploy-apprunner

HELP='usage: scripts/deploy-apprunner.sh [options]
Builds the image, pushes it to ECR, makes the IAM roles and deploys to App Runner; prints the URL.
Without --create the service must exist: it gets the new image and the settings given by --env.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          of service, ECR repository and roles; default: llm-api-converter
  -p, --platform P         amd64 (default); App Runner runs nothing else
      --create             make the service if it is not there
  -e, --env NAME=VALUE     a setting of the gateway; may be repeated
      --skip-build         deploy the image that is in ECR already
      --account ID         stop if the credentials belong to another account
      --timeout MINUTES    for the deployment to finish; default: 20
      --dry-run            look, but only print what would be changed
  -h, --help               this text'

# App Runner ends every request, streams included, at 120 s. The gateway ends it a little earlier itself, with an error
# event, so that the client learns why.
defaults=(STORAGE_BACKEND=dynamodb REQUIRE_API_KEY=true LOG_LEVEL=info MAX_REQUEST_SECONDS=115)
platform=amd64 create='' skip_build='' expected='' minutes=20 settings=()

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -r | --region) need_value "$@" && REGION=$2 && shift ;;
        -n | --name) need_value "$@" && SERVICE=$2 && shift ;;
        -p | --platform) need_value "$@" && platform=$2 && shift ;;
        -e | --env) need_value "$@" && check_variable "$2" && settings+=("$2") && shift ;;
        --account) need_value "$@" && expected=$2 && shift ;;
        --timeout) need_value "$@" && minutes=$2 && shift ;;
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
    [[ $minutes =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout $minutes: minutes are needed"
    case $platform in
    amd64) ;;
    arm64) usage_error "-p arm64: App Runner runs x86_64 only; for Graviton use scripts/deploy-ecs-express.sh --create -p arm64 -r $REGION" ;;
    *) usage_error "-p $platform: amd64 is needed" ;;
    esac
}

# --- what is there --------------------------------------------------------------------------------------------

find_service() {
    aws_ask apprunner list-services --region "$REGION" \
        --query "ServiceSummaryList[?ServiceName=='$SERVICE'].ServiceArn" --output text
}

describe() { # ARN QUERY
    aws_ask apprunner describe-service --region "$REGION" --service-arn "$1" --query "$2" --output text
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

source_configuration() { # ACCOUNT NAME=VALUE...
    local id=$1 pair list=''
    shift
    for pair in "$@"; do
        list+="${list:+, }$(json_text "${pair%%=*}"): $(json_text "${pair#*=}")"
    done
    cat <<END
{
  "AuthenticationConfiguration": {
    "AccessRoleArn": "arn:aws:iam::$id:role/$SERVICE-apprunner-role"
  },
  "ImageRepository": {
    "ImageIdentifier": "$(registry "$id")/$SERVICE:latest",
    "ImageRepositoryType": "ECR",
    "ImageConfiguration": {
      "Port": "8000",
      "RuntimeEnvironmentVariables": {$list}
    }
  }
}
END
}

make_roles() {
    step "IAM roles $SERVICE-apprunner-role and $SERVICE-instance-role"
    make_role "$SERVICE-apprunner-role" apprunner-access-trust.json "App Runner pulls the image of $SERVICE from ECR"
    aws_do iam attach-role-policy --role-name "$SERVICE-apprunner-role" \
        --policy-arn arn:aws:iam::aws:policy/service-role/AWSAppRunnerServicePolicyForECRAccess
    make_role "$SERVICE-instance-role" apprunner-instance-trust.json "$SERVICE calls Bedrock and DynamoDB"
    aws_do iam put-role-policy --role-name "$SERVICE-instance-role" --policy-name "$SERVICE-policy" \
        --policy-document "file://$IAM/gateway-policy.json"
    wait_for_roles
}

create_service() { # ACCOUNT
    step "create service $SERVICE"
    aws_do apprunner create-service --region "$REGION" --service-name "$SERVICE" \
        --source-configuration "$(source_configuration "$1" "AWS_REGION=$REGION" "${defaults[@]}" "${settings[@]}")" \
        --instance-configuration "{
    \"Cpu\": \"1 vCPU\",
    \"Memory\": \"2 GB\",
    \"InstanceRoleArn\": \"arn:aws:iam::$1:role/$SERVICE-instance-role\"
  }" \
        --health-check-configuration '{
    "Protocol": "HTTP",
    "Path": "/health",
    "Interval": 10,
    "Timeout": 5,
    "HealthyThreshold": 1,
    "UnhealthyThreshold": 3
  }' --query Service.ServiceArn --output text
}

# update-service replaces the whole configuration: what somebody set in the console (variables, secrets, start command)
# must survive, so the service's own is taken and changed.
changed_configuration() { # ARN
    local own pair
    own=$(aws_ask apprunner describe-service --region "$REGION" --service-arn "$1" --query Service.SourceConfiguration --output json) || return
    for pair in MAX_REQUEST_SECONDS=115 "${settings[@]}"; do
        own=$(jq --arg name "${pair%%=*}" --arg value "${pair#*=}" \
            '.ImageRepository.ImageConfiguration.RuntimeEnvironmentVariables[$name] = $value' <<<"$own")
    done
    printf '%s\n' "$own"
}

update_settings() { # ARN
    local configuration
    configuration=$(changed_configuration "$1")
    step "settings of $SERVICE"
    aws_do apprunner update-service --region "$REGION" --service-arn "$1" --source-configuration "$configuration" \
        --query OperationId --output text >&2
    finish_operation "$1"
}

start_deployment() { # ARN
    step "deploy the image to $SERVICE"
    aws_do apprunner start-deployment --region "$REGION" --service-arn "$1" --query OperationId --output text >&2
    finish_operation "$1"
}

# --- in order -------------------------------------------------------------------------------------------------

read_options "$@"
need_aws
[ -n "$skip_build" ] || need_docker
[ ${#settings[@]} -eq 0 ] || need jq "apt-get install jq (--env changes the settings of the service with it)"
id=$(account "$expected")
arn=$(find_service)
if [ -z "$arn" ] && [ -z "$create" ]; then
    die "no service $SERVICE in $REGION of account $id: add --create, or say -n or -r. Nothing was changed"
fi
if [ -n "$arn" ]; then
    [ -z "$create" ] || say "service $SERVICE is there already: it is updated"
    finish_earlier=0
    is_settled "$arn" || finish_earlier=$?
    [ "$finish_earlier" -ne 2 ] || exit 1
fi
[ -n "$skip_build" ] || push_image "$id" "$platform"
make_roles
if [ -z "$arn" ]; then
    arn=$(create_service "$id")
    [ -z "$DRY_RUN" ] || exit 0
    finish_operation "$arn"
else
    wait_until "$minutes" "the operation before" is_settled "$arn"
    [ ${#settings[@]} -eq 0 ] || update_settings "$arn"
    start_deployment "$arn"
fi
url=https://$(describe "$arn" Service.ServiceUrl)
say "deployed; check it with scripts/smoke.sh $url YOUR-API-KEY"
echo "$url"
