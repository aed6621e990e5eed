#!/usr/bin/env bash
# Deletes what the deployment scripts have made. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=delete-service

HELP='usage: scripts/delete-service.sh [options]
Deletes the service. The DynamoDB tables, and with them the API keys, are never touched.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          default: llm-api-converter
      --target T           apprunner (default) or ecs
      --cluster NAME       of ECS; default: default
      --repository         also the ECR repository with all its images
      --roles              also the IAM roles
      --account ID         stop if the credentials belong to another account
  -y, --yes                do not ask
      --dry-run            look, but only print what would be deleted
  -h, --help               this text'

target=apprunner repository='' roles='' expected='' yes='' cluster=default
while [ $# -gt 0 ]; do
    case $1 in
    -r | --region) need_value "$@" && REGION=$2 && shift ;;
    -n | --name) need_value "$@" && SERVICE=$2 && shift ;;
    --target) need_value "$@" && target=$2 && shift ;;
    --cluster) need_value "$@" && cluster=$2 && shift ;;
    --account) need_value "$@" && expected=$2 && shift ;;
    --repository) repository=yes ;;
    --roles) roles=yes ;;
    -y | --yes) yes=yes ;;
    --dry-run) DRY_RUN=yes ;;
    -h | --help) echo "$HELP" && exit ;;
    *) usage_error "unknown option $1" ;;
    esac
    shift
done
check_region
check_service
case $target in apprunner | ecs) ;; *) usage_error "--target $target: apprunner or ecs is needed" ;; esac
need_aws

confirm() { # ACCOUNT
    local answer=''
    [ -z "$yes$DRY_RUN" ] || return 0
    [ -t 0 ] || die "this is not a terminal: say --yes to delete $SERVICE in $REGION of account $1. Nothing was changed"
    read -r -p "Delete $target service $SERVICE${repository:+, its ECR repository}${roles:+, its IAM roles} in $REGION of account $1? [y/N] " answer
    [ "$answer" = y ] || die "nothing was changed"
}

# Deleting what is not there is no failure: an interrupted run is simply repeated.
drop() { # GONE-ERROR WHAT COMMAND...
    local gone=$1 what=$2
    shift 2
    if aws_make "$gone" "$@"; then say "$what: deleted"; else say "$what: not there"; fi
}

drop_apprunner() {
    local arn
    arn=$(aws_ask apprunner list-services --region "$REGION" \
        --query "ServiceSummaryList[?ServiceName=='$SERVICE'].ServiceArn" --output text)
    if [ -z "$arn" ]; then
        say "service $SERVICE: not there"
    else
        drop ResourceNotFoundException "service $SERVICE" apprunner delete-service --service-arn "$arn" --region "$REGION"
    fi
}

drop_ecs() { # ACCOUNT
    drop NotFoundException "service $SERVICE" ecs delete-express-gateway-service \
        --service-arn "arn:aws:ecs:$REGION:$1:service/$cluster/$SERVICE" --region "$REGION"
}

drop_role() { # ROLE MANAGED-POLICY|-: a role is deleted when nothing hangs on it any more
    if [ "$2" = - ]; then
        drop NoSuchEntity "policy of $1" iam delete-role-policy --role-name "$1" --policy-name "$SERVICE-policy"
    else
        drop NoSuchEntity "policy of $1" iam detach-role-policy --role-name "$1" --policy-arn "arn:aws:iam::aws:policy/service-role/$2"
    fi
    drop NoSuchEntity "role $1" iam delete-role --role-name "$1"
}

drop_roles() {
    if [ "$target" = apprunner ]; then
        drop_role "$SERVICE-apprunner-role" AWSAppRunnerServicePolicyForECRAccess
        drop_role "$SERVICE-instance-role" -
    else
        drop_role "$SERVICE-ecs-infrastructure-role" AmazonECSInfrastructureRoleforExpressGatewayServices
        drop_role "$SERVICE-ecs-execution-role" AmazonECSTaskExecutionRolePolicy
        drop_role "$SERVICE-ecs-task-role" -
    fi
}

id=$(account "$expected")
confirm "$id"
"drop_$target" "$id"
[ -z "$repository" ] || drop RepositoryNotFoundException "ECR repository $SERVICE" ecr delete-repository \
    --repository-name "$SERVICE" --region "$REGION" --force
[ -z "$roles" ] || drop_roles
