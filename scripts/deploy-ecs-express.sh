#!/usr/bin/env bash
# Deploys to Amazon ECS Express Mode. See --help and docker/DEPLOYMENT.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=deploy-ecs-express

HELP='usage: scripts/deploy-ecs-express.sh [options]
Builds the image, pushes it to ECR, makes roles, log group and task definition and deploys to ECS Express Mode (Fargate
behind a load balancer with TLS); prints the URL. Without --create the service must exist: it gets a new revision.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          of service, ECR repository, roles and log group; default: llm-api-converter
  -p, --platform P         amd64 (default) or arm64 (Graviton)
      --create             make the service if it is not there
  -e, --env NAME=VALUE     a setting of the gateway; may be repeated
      --cpu UNITS          Fargate CPU units, 1024 is one vCPU; default: 1024
      --memory MB          default: 2048
      --min N, --max N     tasks; default: 1 and 4
      --subnets LIST       comma-separated; default: public ones of the default VPC. Private ones: an internal URL
      --security-groups L  comma-separated; only with --subnets
      --cluster NAME       default: default
      --skip-build         deploy the image that is in ECR already
      --account ID         stop if the credentials belong to another account
      --timeout MINUTES    for the deployment to finish; default: 30
      --dry-run            look, but only print what would be changed
  -h, --help               this text'

# Fargate waits at most 120 s between SIGTERM and SIGKILL: 5 for the load balancer to learn of it, 105 for open streams.
stop_timeout=120
defaults=(STORAGE_BACKEND=dynamodb REQUIRE_API_KEY=true LOG_LEVEL=info SHUTDOWN_DELAY=5 SHUTDOWN_TIMEOUT=105)
platform=amd64 create='' skip_build='' expected='' minutes=30 settings=()
cpu=1024 memory=2048 min=1 max=4 subnets='' groups='' cluster=default

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -r | --region) need_value "$@" && REGION=$2 && shift ;;
        -n | --name) need_value "$@" && SERVICE=$2 && shift ;;
        -p | --platform) need_value "$@" && platform=$2 && shift ;;
        -e | --env) need_value "$@" && check_variable "$2" && settings+=("$2") && shift ;;
        --cpu) need_value "$@" && cpu=$2 && shift ;;
        --memory) need_value "$@" && memory=$2 && shift ;;
        --min) need_value "$@" && min=$2 && shift ;;
        --max) need_value "$@" && max=$2 && shift ;;
        --subnets) need_value "$@" && subnets=$2 && shift ;;
        --security-groups) need_value "$@" && groups=$2 && shift ;;
        --cluster) need_value "$@" && cluster=$2 && shift ;;
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
    check_options
}

check_number() { # OPTION VALUE
    [[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "$1 $2: a whole number above 0 is needed"
}

check_options() {
    check_region
    check_service
    check_number --timeout "$minutes"
    check_number --cpu "$cpu"
    check_number --memory "$memory"
    check_number --min "$min"
    check_number --max "$max"
    [ "$min" -le "$max" ] || usage_error "--min $min is above --max $max"
    [ -z "$groups" ] || [ -n "$subnets" ] || usage_error "--security-groups needs --subnets"
    [[ $cluster =~ ^[A-Za-z0-9_-]{1,255}$ ]] || usage_error "--cluster $cluster: a name of letters, digits, _ and - is needed"
    case $platform in
    amd64) architecture=X86_64 ;;
    arm64) architecture=ARM64 ;;
    *) usage_error "-p $platform: amd64 or arm64 is needed" ;;
    esac
}

# --- what is there --------------------------------------------------------------------------------------------

find_service() {
    local text
    if text=$(aws ecs describe-services --region "$REGION" --cluster "$cluster" --services "$SERVICE" \
        --query "services[?status=='ACTIVE'].serviceArn" --output text 2>&1); then
        [ "$text" = None ] || printf '%s\n' "$text"
        return
    fi
    [[ $text == *ClusterNotFoundException* ]] || aws_failed "$text" aws ecs describe-services
}

# The service is ACTIVE at once; the deployment tells. 0 done, 1 going on, 2 failed.
is_deployed() { # ARN
    local deployment status
    deployment=$(aws_ask ecs describe-express-gateway-service --region "$REGION" --service-arn "$1" \
        --query service.currentDeployment --output text) || return 2
    [ -n "$deployment" ] || return 1
    status=$(aws_ask ecs describe-service-deployments --region "$REGION" --service-deployment-arns "$deployment" \
        --query 'serviceDeployments[0].status' --output text) || return 2
    case $status in
    SUCCESSFUL) ;;
    STOPPED | ROLLBACK_SUCCESSFUL | ROLLBACK_FAILED)
        say "$NAME: the deployment ended as $status; what the tasks said: aws logs tail /ecs/$SERVICE --region $REGION. A canary is rolled back when more than 1 % of the answers are 4xx or 5xx (docker/DEPLOYMENT.md, ECS Express Mode)"
        return 2
        ;;
    *) return 1 ;;
    esac
}

# --- what is made ---------------------------------------------------------------------------------------------

make_roles() {
    local managed=arn:aws:iam::aws:policy/service-role
    step "IAM roles $SERVICE-ecs-infrastructure-role, $SERVICE-ecs-execution-role and $SERVICE-ecs-task-role"
    make_role "$SERVICE-ecs-infrastructure-role" ecs-infrastructure-trust.json "ECS Express Mode runs the load balancer of $SERVICE"
    aws_do iam attach-role-policy --role-name "$SERVICE-ecs-infrastructure-role" \
        --policy-arn "$managed/AmazonECSInfrastructureRoleforExpressGatewayServices"
    make_role "$SERVICE-ecs-execution-role" ecs-task-trust.json "ECS pulls the image of $SERVICE and writes its logs"
    aws_do iam attach-role-policy --role-name "$SERVICE-ecs-execution-role" --policy-arn "$managed/AmazonECSTaskExecutionRolePolicy"
    make_role "$SERVICE-ecs-task-role" ecs-task-trust.json "$SERVICE calls Bedrock and DynamoDB"
    aws_do iam put-role-policy --role-name "$SERVICE-ecs-task-role" --policy-name "$SERVICE-policy" \
        --policy-document "file://$IAM/gateway-policy.json"
    wait_for_roles
}

container() { # ACCOUNT: Express Mode wants it to be called Main, with a named port
    local pair list=''
    for pair in "AWS_REGION=$REGION" "${defaults[@]}" "${settings[@]}"; do
        list+="${list:+, }{\"name\": $(json_text "${pair%%=*}"), \"value\": $(json_text "${pair#*=}")}"
    done
    cat <<END
[{
  "name": "Main",
  "image": "$(registry "$1")/$SERVICE:latest",
  "essential": true,
  "portMappings": [{"name": "http", "containerPort": 8000, "protocol": "tcp", "appProtocol": "http"}],
  "environment": [$list],
  "stopTimeout": $stop_timeout,
  "ulimits": [{"name": "nofile", "softLimit": 65536, "hardLimit": 65536}],
  "healthCheck": {"command": ["CMD", "/app/llm-api-converter", "health"], "interval": 10, "timeout": 5, "retries": 3, "startPeriod": 5},
  "logConfiguration": {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/ecs/$SERVICE", "awslogs-region": "$REGION", "awslogs-stream-prefix": "main"}
  }
}]
END
}

register_task() { # ACCOUNT
    aws_do ecs register-task-definition --region "$REGION" --family "$SERVICE" --requires-compatibilities FARGATE \
        --network-mode awsvpc --cpu "$cpu" --memory "$memory" \
        --runtime-platform "cpuArchitecture=$architecture,operatingSystemFamily=LINUX" \
        --execution-role-arn "arn:aws:iam::$1:role/$SERVICE-ecs-execution-role" \
        --task-role-arn "arn:aws:iam::$1:role/$SERVICE-ecs-task-role" \
        --container-definitions "$(container "$1")" --query taskDefinition.taskDefinitionArn --output text
}

scaling() {
    printf '{"minTaskCount": %s, "maxTaskCount": %s, "autoScalingMetric": "AVERAGE_CPU", "autoScalingTargetValue": 60}' "$min" "$max"
}

json_list() { # a,b,c
    local item list=''
    for item in ${1//,/ }; do
        list+="${list:+, }$(json_text "$item")"
    done
    printf '[%s]' "$list"
}

network() {
    if [ -n "$subnets" ]; then
        printf -- '--network-configuration\n{"subnets": %s%s}\n' "$(json_list "$subnets")" \
            "${groups:+, \"securityGroups\": $(json_list "$groups")}"
    fi
}

create_service() { # ACCOUNT TASK-DEFINITION
    local more=()
    mapfile -t more < <(network)
    step "create service $SERVICE in cluster $cluster"
    aws_do ecs create-cluster --region "$REGION" --cluster-name "$cluster" --query cluster.status --output text >&2
    aws_do ecs create-express-gateway-service --region "$REGION" --service-name "$SERVICE" --cluster "$cluster" \
        --infrastructure-role-arn "arn:aws:iam::$1:role/$SERVICE-ecs-infrastructure-role" --task-definition-arn "$2" \
        --health-check-path /health --scaling-target "$(scaling)" "${more[@]}" --query service.serviceArn --output text
}

update_service() { # ARN TASK-DEFINITION
    local more=()
    mapfile -t more < <(network)
    step "deploy to $SERVICE (a canary: 5 % of the requests for 3 minutes, then all)"
    aws_do ecs update-express-gateway-service --region "$REGION" --service-arn "$1" --task-definition-arn "$2" \
        --health-check-path /health --scaling-target "$(scaling)" "${more[@]}" --query service.serviceArn --output text >&2
}

# --- in order -------------------------------------------------------------------------------------------------

read_options "$@"
need_aws
[ -n "$skip_build" ] || need_docker
aws ecs create-express-gateway-service --generate-cli-skeleton >/dev/null 2>&1 ||
    die "this AWS CLI does not know ECS Express Mode: version 2.34 or newer is needed (aws --version). Nothing was changed"
id=$(account "$expected")
arn=$(find_service)
if [ -z "$arn" ] && [ -z "$create" ]; then
    die "no service $SERVICE in cluster $cluster, $REGION, account $id: add --create, or say -n, -r or --cluster. Nothing was changed"
fi
[ -n "$skip_build" ] || push_image "$id" "$platform"
make_roles
aws_make ResourceAlreadyExistsException logs create-log-group --region "$REGION" --log-group-name "/ecs/$SERVICE" || true
task=$(register_task "$id")
task=${task:-TASK-DEFINITION-ARN} # --dry-run has registered none
if [ -n "$arn" ]; then
    update_service "$arn" "$task"
else
    arn=$(create_service "$id" "$task")
fi
[ -z "$DRY_RUN" ] || exit 0
wait_until "$minutes" "the deployment" is_deployed "$arn"
url=$(aws_ask ecs describe-express-gateway-service --region "$REGION" --service-arn "$arn" --output text \
    --query 'service.activeConfigurations[0].ingressPaths[0].endpoint')
[[ $url == https://* ]] || url=https://$url
say "deployed; check it with scripts/smoke.sh $url YOUR-API-KEY"
echo "$url"
