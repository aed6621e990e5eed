#!/usr/bin/env bash
# Deploys to Amazon ECS Express Mode. See --help and docker/DEPLOYMENT.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lib-deploy.sh
. "$ROOT/scripts/lib-deploy.sh"
NAME=deploy-ecs-express

HELP='usage: scripts/deploy-ecs-express.sh [options]
Builds the image, pushes it to ECR, makes roles, log group and task definition, deploys to ECS Express Mode (Fargate
behind a load balancer with TLS), asks /ready and prints the URL. Without --create the service must exist: it gets the
new image; of the rest (settings, size, architecture, scaling, network) only what the options say is changed.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          of service, ECR repository, roles and log group; default: llm-api-converter
  -p, --platform P         amd64 or arm64 (Graviton); default: what the service has, else amd64
      --create             make the service if it is not there
  -e, --env NAME=VALUE     a setting of the gateway; may be repeated
      --secret NAME=ARN    a setting out of Secrets Manager or the Parameter Store; may be repeated
      --unset NAME         take a setting or secret away; may be repeated
      --cpu UNITS          Fargate CPU units, 1024 is one vCPU; default: what the service has, else 1024
      --memory MB          default: what the service has, else 2048
      --min N, --max N     tasks; default: what the service has, else 1 and 4. Limits count by task
      --subnets LIST       comma-separated; default: public ones of the default VPC. Private ones: an internal URL
      --security-groups L  comma-separated; only with --subnets
      --efs FS[/AP]        keep STATE_DIR (usage not stored yet) on this EFS file system, through that access point
      --cluster NAME       default: default
      --table-prefix P     the tables are P-api-keys and so on: as setup-tables --prefix P made them
      --marketplace        the tasks may enable models at their first call (AWS Marketplace)
      --reset-policy       put our policy in the place of one that was changed
      --log-days N         keep logs so long; default: 30, where nobody has set it
      --skip-build         deploy the image that is in ECR already
  -k, --key KEY            also ask a model with this API key; "-": read it from standard input
      --no-check           do not ask the deployed gateway (an internal URL cannot be asked from outside)
      --account ID         stop if the credentials belong to another account
      --timeout MINUTES    for the deployment to finish; default: 30
      --dry-run            look, but only print what would be changed
  -h, --help               this text'

# Fargate waits at most 120 s between SIGTERM and SIGKILL: 5 for the load balancer to learn of it, 105 for open streams.
stop_timeout=120
defaults=(STORAGE_BACKEND=dynamodb REQUIRE_API_KEY=true LOG_LEVEL=info SHUTDOWN_DELAY=5 SHUTDOWN_TIMEOUT=105)
platform='' create='' skip_build='' expected='' minutes=30 marketplace='' reset='' days='' key='' no_check=''
cpu='' memory='' min='' max='' subnets='' groups='' efs='' cluster=default

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
        --cpu) need_value "$@" && check_number "$1" "$2" && cpu=$2 && shift ;;
        --memory) need_value "$@" && check_number "$1" "$2" && memory=$2 && shift ;;
        --min) need_value "$@" && check_number "$1" "$2" && min=$2 && shift ;;
        --max) need_value "$@" && check_number "$1" "$2" && max=$2 && shift ;;
        --subnets) need_value "$@" && subnets=$2 && shift ;;
        --security-groups) need_value "$@" && groups=$2 && shift ;;
        --efs) need_value "$@" && efs=$2 && shift ;;
        --cluster) need_value "$@" && cluster=$2 && shift ;;
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
    check_options
}

check_options() {
    check_region
    check_service
    [ "${min:-1}" -le "${max:-${min:-1}}" ] || usage_error "--min $min is above --max $max"
    [ -z "$groups" ] || [ -n "$subnets" ] || usage_error "--security-groups needs --subnets"
    [[ $cluster =~ ^[A-Za-z0-9_-]{1,255}$ ]] || usage_error "--cluster $cluster: a name of letters, digits, _ and - is needed"
    case $platform in
    '' | amd64 | arm64) ;;
    *) usage_error "-p $platform: amd64 or arm64 is needed" ;;
    esac
    [ -z "$efs" ] || [[ $efs =~ ^fs-[0-9a-f]+(/fsap-[0-9a-f]+)?$ ]] || usage_error "--efs $efs: fs-..., or fs-.../fsap-... is needed"
    [ "$key" != - ] || read -r key || usage_error "--key is -, but nothing stands on standard input"
}

# --- what is there --------------------------------------------------------------------------------------------

# An older CLI has the command, but not this member: without asking it, the script would stop half-way.
check_cli() {
    local text
    text=$(aws ecs create-express-gateway-service --generate-cli-skeleton 2>/dev/null) || text=
    [[ $text == *taskDefinitionArn* ]] ||
        die "this AWS CLI cannot give ECS Express Mode a task definition: version 2.34 or newer is needed (aws --version). Nothing was changed"
}

find_service() {
    local text
    if text=$(aws ecs describe-services --region "$REGION" --cluster "$cluster" --services "$SERVICE" \
        --query "services[?status=='ACTIVE'].serviceArn" --output text 2>&1); then
        [ "$text" = None ] || printf '%s\n' "$text"
        return
    fi
    [[ $text == *ClusterNotFoundException* ]] || aws_failed "$text" aws ecs describe-services
}

describe() { # ARN QUERY FORMAT
    aws_ask ecs describe-express-gateway-service --region "$REGION" --service-arn "$1" --query "$2" --output "$3"
}

# The service is ACTIVE at once; the deployment tells. 0 done, 1 going on, 2 failed.
is_deployed() { # ARN
    local deployment status
    deployment=$(describe "$1" service.currentDeployment text) || return 2
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

make_roles() { # TASK-DEFINITION
    step "IAM roles $SERVICE-ecs-infrastructure-role, $SERVICE-ecs-execution-role and $SERVICE-ecs-task-role"
    make_role "$SERVICE-ecs-infrastructure-role" ecs-infrastructure-trust.json "ECS Express Mode runs the load balancer of $SERVICE"
    attach_policy "$SERVICE-ecs-infrastructure-role" AmazonECSInfrastructureRoleforExpressGatewayServices
    make_role "$SERVICE-ecs-execution-role" ecs-task-trust.json "ECS pulls the image of $SERVICE and writes its logs"
    attach_policy "$SERVICE-ecs-execution-role" AmazonECSTaskExecutionRolePolicy
    secrets_policy "$SERVICE-ecs-execution-role" "$(jq -c '[.containerDefinitions[0].secrets // [] | .[].valueFrom]' <<<"$1")"
    make_role "$SERVICE-ecs-task-role" ecs-task-trust.json "$SERVICE calls Bedrock and DynamoDB"
    own_policy "$SERVICE-ecs-task-role" \
        "$(jq '.containerDefinitions[0].environment | map({key: .name, value}) | from_entries' <<<"$1" | table_prefix)" "$reset"
    [ -z "$marketplace" ] || marketplace_policy "$SERVICE-ecs-task-role"
    lanes_policy "$SERVICE-ecs-task-role" "$(jq -r '[.containerDefinitions[0].environment[] | select(.name == "BEDROCK_LANES").value][0] // ""' <<<"$1")"
    case $efs in
    */*) aws_do iam put-role-policy --role-name "$SERVICE-ecs-task-role" --policy-name "$SERVICE-efs" --policy-document "$(jq -nc \
        --arg arn "arn:$PARTITION:elasticfilesystem:$REGION:$ACCOUNT:file-system/${efs%%/*}" '{
            Version: "2012-10-17", Statement: [{Effect: "Allow", Resource: $arn,
                Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]}]}')" ;;
    esac
    wait_for_roles
}

# Express Mode wants the container to be called Main, with a named port.
new_definition() {
    jq -n --arg family "$SERVICE" --arg roles "arn:$PARTITION:iam::$ACCOUNT:role/$SERVICE-ecs" --arg region "$REGION" --argjson stop "$stop_timeout" '{
        family: $family, requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", cpu: "1024", memory: "2048",
        runtimePlatform: {cpuArchitecture: "X86_64", operatingSystemFamily: "LINUX"},
        executionRoleArn: "\($roles)-execution-role", taskRoleArn: "\($roles)-task-role",
        containerDefinitions: [{
            name: "Main", essential: true,
            portMappings: [{name: "http", containerPort: 8000, protocol: "tcp", appProtocol: "http"}],
            stopTimeout: $stop,
            ulimits: [{name: "nofile", softLimit: 65536, hardLimit: 65536}],
            healthCheck: {command: ["CMD", "/app/llm-api-converter", "health"], interval: 10, timeout: 5, retries: 3, startPeriod: 5},
            logConfiguration: {logDriver: "awslogs", options: {
                "awslogs-group": "/ecs/\($family)", "awslogs-region": $region, "awslogs-stream-prefix": "main"}}}]}'
}

# The definition that the service runs, with what this CLI can register (it answers with more than it takes).
present_definition() { # TASK-DEFINITION-ARN
    local members
    members=$(aws ecs register-task-definition --generate-cli-skeleton | jq -c keys)
    aws_ask ecs describe-task-definition --region "$REGION" --task-definition "$1" --query taskDefinition --output json |
        jq --argjson members "$members" 'with_entries(select(.key as $k | $members | index($k)))'
}

# changed_definition DEFINITION: with the image and what the options say. What nobody has decided yet gets its default:
# a read-only root with one place to write, no capabilities.
changed_definition() {
    jq --arg image "$IMAGE" --arg cpu "$cpu" --arg memory "$memory" --arg platform "$platform" --arg efs "$efs" \
        --argjson changes "$(changes "AWS_REGION=$REGION" ${defaults[@]+"${defaults[@]}"})" "$CHANGED"'
        def object(value): map({key: .name, value: value}) | from_entries;
        def list(value): to_entries | map({name: .key} + value);
        if $cpu != "" then .cpu = $cpu else . end
        | if $memory != "" then .memory = $memory else . end
        | .runtimePlatform.cpuArchitecture = {"amd64": "X86_64", "arm64": "ARM64"}[$platform]
        | .containerDefinitions[0] |= (
            ({env: (.environment // [] | object(.value)), secrets: (.secrets // [] | object(.valueFrom))} | changed($changes)) as $now
            | .image = $image
            | .environment = ($now.env | list({value: .value}))
            | if $now.secrets == {} then del(.secrets) else .secrets = ($now.secrets | list({valueFrom: .value})) end
            | if has("readonlyRootFilesystem") then . else .readonlyRootFilesystem = true end
            | if .linuxParameters.capabilities then . else .linuxParameters.capabilities = {drop: ["ALL"]} end
            | if any(.mountPoints[]?; .containerPath == "/var/lib/llm-api-converter") then .
              else .mountPoints += [{sourceVolume: "state", containerPath: "/var/lib/llm-api-converter", readOnly: false}] end)
        | if any(.volumes[]?; .name == "state") then . else .volumes += [{name: "state"}] end
        | if $efs == "" then . else ($efs | split("/")) as $at
            | .volumes |= map(if .name == "state" then {name, efsVolumeConfiguration: ({fileSystemId: $at[0], transitEncryption: "ENABLED"}
                + if $at[1] then {authorizationConfig: {accessPointId: $at[1], iam: "ENABLED"}} else {} end)} else . end) end' <<<"$1"
}

register_task() { # DEFINITION
    aws_do ecs register-task-definition --region "$REGION" --cli-input-json "$1" --query taskDefinition.taskDefinitionArn --output text
}

# scaling PRESENT: JSON of what is sent; AWS's own answer for what nobody said
scaling() {
    local now
    now=$(jq -nc --argjson present "$1" --arg min "$min" --arg max "$max" '
        {minTaskCount: 1, maxTaskCount: 4, autoScalingMetric: "AVERAGE_CPU", autoScalingTargetValue: 60} + ($present // {})
        | if $min != "" then .minTaskCount = ($min | tonumber) else . end
        | if $max != "" then .maxTaskCount = ($max | tonumber) else . end
        | if $max == "" and .maxTaskCount < .minTaskCount then .maxTaskCount = .minTaskCount else . end')
    jq -e '.minTaskCount <= .maxTaskCount' <<<"$now" >/dev/null ||
        usage_error "--max $max is below the $(jq .minTaskCount <<<"$now") tasks that the service has at least: say --min, too"
    printf '%s\n' "$now"
}

# network PRESENT: JSON, or null for AWS's choice
network() {
    jq -nc --argjson present "$1" --arg subnets "$subnets" --arg groups "$groups" '
        if $subnets == "" then $present
        else {subnets: ($subnets | split(","))} + if $groups == "" then {} else {securityGroups: ($groups | split(","))} end end'
}

create_service() { # TASK-DEFINITION-ARN SCALING NETWORK
    local call=(ecs create-express-gateway-service --region "$REGION" --service-name "$SERVICE" --cluster "$cluster"
        --infrastructure-role-arn "arn:$PARTITION:iam::$ACCOUNT:role/$SERVICE-ecs-infrastructure-role" --task-definition-arn "$1"
        --health-check-path /health --scaling-target "$2")
    [ "$3" = null ] || call+=(--network-configuration "$3")
    step "create service $SERVICE in cluster $cluster"
    aws_do ecs create-cluster --region "$REGION" --cluster-name "$cluster" --query cluster.status --output text >&2
    aws_do ${call[@]+"${call[@]}"} --query service.serviceArn --output text
}

# What stays is said, too: whether AWS keeps what a call leaves out is not documented.
update_service() { # ARN TASK-DEFINITION-ARN SCALING NETWORK
    local call=(ecs update-express-gateway-service --region "$REGION" --service-arn "$1" --task-definition-arn "$2"
        --health-check-path "$health" --scaling-target "$3")
    [ "$4" = null ] || call+=(--network-configuration "$4")
    step "deploy to $SERVICE (a canary: 5 % of the requests for 3 minutes, then all)"
    aws_do ${call[@]+"${call[@]}"} --query service.serviceArn --output text >&2
}

# --- in order -------------------------------------------------------------------------------------------------

read_options "$@"
need_deploy_tools "$skip_build" "$no_check"
check_cli
who_am_i "$expected"
arn=$(find_service)
task_before='' own=''
scaling_before=null network_before=null health=/health
if [ -z "$arn" ]; then
    [ -n "$create" ] ||
        die "no service $SERVICE in cluster $cluster, $REGION, account $ACCOUNT: add --create, or say -n, -r or --cluster. Nothing was changed"
    own=$(new_definition)
    platform=${platform:-amd64}
else
    [ -z "$create" ] || say "service $SERVICE is there already: it is updated"
    present=$(describe "$arn" 'service.activeConfigurations[0]' json)
    task_before=$(jq -r .taskDefinitionArn <<<"$present")
    scaling_before=$(jq -c .scalingTarget <<<"$present")
    network_before=$(jq -c .networkConfiguration <<<"$present")
    health=$(jq -r '.healthCheckPath // "/health"' <<<"$present")
    own=$(present_definition "$task_before")
    platform=${platform:-$(jq -r 'if .runtimePlatform.cpuArchitecture == "ARM64" then "arm64" else "amd64" end' <<<"$own")}
fi
scaling_now=$(scaling "$scaling_before")
network_now=$(network "$network_before")
provide_image "$skip_build" "$platform"
definition=$(changed_definition "$own")
make_roles "$definition"
aws_make ResourceAlreadyExistsException logs create-log-group --region "$REGION" --log-group-name "/ecs/$SERVICE" || true
keep_logs "/ecs/$SERVICE" "$days"
task=$(register_task "$definition")
task=${task:-TASK-DEFINITION-ARN} # --dry-run has registered none
ways=("the program's own words: aws logs tail /ecs/$SERVICE --region $REGION")
if [ -n "$arn" ]; then
    update_service "$arn" "$task" "$scaling_now" "$network_now"
    ways+=("the version before: aws ecs update-express-gateway-service --region $REGION --service-arn $arn --task-definition-arn $task_before")
else
    arn=$(create_service "$task" "$scaling_now" "$network_now")
    ways+=("away with it: scripts/delete-service.sh --target ecs -n $SERVICE -r $REGION --cluster $cluster")
fi
[ -z "$DRY_RUN" ] || exit 0
wait_until "$minutes" "the deployment" is_deployed "$arn"
url=$(describe "$arn" 'service.activeConfigurations[0].ingressPaths[0].endpoint' text)
[[ $url == https://* ]] || url=https://$url
[ -n "$no_check" ] || check_deployment "$url" "$key" ${ways[@]+"${ways[@]}"}
echo "$url"
