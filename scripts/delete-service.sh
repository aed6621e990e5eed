#!/usr/bin/env bash
# Deletes what the deployment scripts have made. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=delete-service

HELP='usage: scripts/delete-service.sh [options]
Deletes the service, waits until it is gone, and says what is left. The DynamoDB tables, and with them the API keys, are
never touched. An interrupted run is simply repeated.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          default: llm-api-converter
      --target T           apprunner (default) or ecs
      --cluster NAME       of ECS; default: default
      --repository         also the ECR repository with all its images
      --roles              also the IAM roles
      --logs               also the log groups
      --account ID         stop if the credentials belong to another account
      --timeout MINUTES    for the service to be gone; default: 30
  -y, --yes                do not ask
      --dry-run            look, but only print what would be deleted
  -h, --help               this text'

target=apprunner repository='' roles='' logs='' expected='' yes='' cluster=default minutes=30
while [ $# -gt 0 ]; do
    case $1 in
    -r | --region) need_value "$@" && REGION=$2 && shift ;;
    -n | --name) need_value "$@" && SERVICE=$2 && shift ;;
    --target) need_value "$@" && target=$2 && shift ;;
    --cluster) need_value "$@" && cluster=$2 && shift ;;
    --account) need_value "$@" && expected=$2 && shift ;;
    --timeout) need_value "$@" && check_number "$1" "$2" && minutes=$2 && shift ;;
    --repository) repository=yes ;;
    --roles) roles=yes ;;
    --logs) logs=yes ;;
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

confirm() {
    local answer=''
    [ -z "$yes$DRY_RUN" ] || return 0
    [ -t 0 ] || die "this is not a terminal: say --yes to delete $SERVICE in $REGION of account $ACCOUNT. Nothing was changed"
    read -r -p "Delete $target service $SERVICE${repository:+, its ECR repository}${roles:+, its IAM roles}${logs:+, its logs} in $REGION of account $ACCOUNT? [y/N] " answer
    [ "$answer" = y ] || die "nothing was changed"
}

# Deleting what is not there is no failure.
drop() { # GONE-ERROR WHAT COMMAND...
    local gone=$1 what=$2
    shift 2
    if aws_make "$gone" "$@"; then say "$what: deleted"; else say "$what: not there"; fi
}

left=() # what stays, a line each
stays() { left+=("$1"); }

# --- App Runner -----------------------------------------------------------------------------------------------

find_apprunner() {
    aws_ask apprunner list-services --region "$REGION" \
        --query "ServiceSummaryList[?ServiceName=='$SERVICE' && Status!='DELETED'].ServiceArn" --output text
}

is_gone_apprunner() {
    local arn
    arn=$(find_apprunner) || return 2
    [ -z "$arn" ]
}

drop_apprunner() {
    local arn
    arn=$(find_apprunner)
    if [ -z "$arn" ]; then
        say "service $SERVICE: not there"
    else
        # InvalidStateException: it is being deleted already
        drop 'ResourceNotFoundException|InvalidStateException' "service $SERVICE" apprunner delete-service --service-arn "$arn" --region "$REGION"
        wait_until "$minutes" "the end of the service" is_gone_apprunner
    fi
    drop_logs "/aws/apprunner/$SERVICE/"
    stays "automatic scaling configurations llm-api-min*-max*, shared by all services, which cost nothing"
}

# --- ECS ------------------------------------------------------------------------------------------------------

# ECS takes load balancer, target groups and security groups down after the call, with the infrastructure role: while it
# drains, the role has to stay.
is_gone_ecs() { # ARN
    local text
    text=$(aws ecs describe-express-gateway-service --region "$REGION" --service-arn "$1" --query service.status.statusCode --output text 2>&1) || {
        [[ $text =~ NotFoundException ]] && return
        say "$NAME: $text"
        return 2
    }
    [ "$text" = INACTIVE ]
}

drop_ecs() {
    local arn=arn:$PARTITION:ecs:$REGION:$ACCOUNT:service/$cluster/$SERVICE task
    drop 'NotFoundException|ServiceNotActiveException' "service $SERVICE" ecs delete-express-gateway-service --service-arn "$arn" --region "$REGION"
    wait_until "$minutes" "the end of the service" is_gone_ecs "$arn"
    # The prefix is of other families, too.
    for task in $(aws_ask ecs list-task-definitions --region "$REGION" --family-prefix "$SERVICE" --status ACTIVE \
        --query "taskDefinitionArns[?contains(@, ':task-definition/$SERVICE:')]" --output text); do
        drop 'ClientException' "task definition ${task##*/}" ecs deregister-task-definition --region "$REGION" --task-definition "$task"
    done
    drop_logs "/ecs/$SERVICE"
    [ "$cluster" = default ] || stays "cluster $cluster, which costs nothing: aws ecs delete-cluster --cluster $cluster --region $REGION"
}

# --- what both have -------------------------------------------------------------------------------------------

drop_logs() { # PREFIX
    local group
    for group in $(aws_ask logs describe-log-groups --region "$REGION" --log-group-name-prefix "$1" \
        --query "logGroups[?logGroupName=='$1' || starts_with(logGroupName, '/aws/apprunner/$SERVICE/')].logGroupName" --output text); do
        if [ -n "$logs" ]; then
            drop ResourceNotFoundException "log group $group" logs delete-log-group --region "$REGION" --log-group-name "$group"
        else
            stays "log group $group (--logs)"
        fi
    done
}

drop_role() { # ROLE MANAGED-POLICY|-: a role is deleted when nothing hangs on it any more
    local policy
    [ "$2" = - ] || drop NoSuchEntity "policy of $1" iam detach-role-policy --role-name "$1" \
        --policy-arn "arn:$PARTITION:iam::aws:policy/service-role/$2"
    for policy in policy marketplace lanes secrets efs; do
        aws iam get-role-policy --role-name "$1" --policy-name "$SERVICE-$policy" >/dev/null 2>&1 ||
            continue
        drop NoSuchEntity "policy $SERVICE-$policy of $1" iam delete-role-policy --role-name "$1" --policy-name "$SERVICE-$policy"
    done
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

who_am_i "$expected"
confirm
"drop_$target"
if [ -n "$repository" ]; then
    drop RepositoryNotFoundException "ECR repository $SERVICE" ecr delete-repository --repository-name "$SERVICE" --region "$REGION" --force
else
    stays "ECR repository $SERVICE, if it was made (--repository)"
fi
if [ -n "$roles" ]; then drop_roles; else stays "the IAM roles $SERVICE-* (--roles)"; fi
stays "the DynamoDB tables with keys and usage"
say "left:"
for line in ${left[@]+"${left[@]}"}; do say "  $line"; done
