# shellcheck shell=bash
# lib-deploy.sh - what both deployment scripts share: settings and secrets, images, roles, logs, the check at the end.
# Sourced after lib.sh. JSON is read and written by jq alone.

IAM=$ROOT/scripts/iam
# IAM needs about this long until a new role may be assumed everywhere.
ROLE_SECONDS=${ROLE_SECONDS:-10}
# How long a new name may need until it answers /ready.
READY_SECONDS=${READY_SECONDS:-180}
MADE_ROLE=
SETTINGS=() # NAME=VALUE, of --env
SECRETS=()  # NAME=ARN, of --secret
UNSET=()    # NAME, of --unset
IMAGE=      # what is deployed
IMAGE_BEFORE=

need_deploy_tools() { # SKIP-BUILD NO-CHECK
    need_aws
    [ -n "$1" ] || need_docker
    need jq "apt-get install jq, or brew install jq"
    [ -n "$2" ] || need curl "apt-get install curl"
}

# --- settings -------------------------------------------------------------------------------------------------

# A carriage return comes from a file written on Windows; no setting has one, and AWS would refuse it half-way.
add_setting() { # NAME=VALUE
    [[ $1 =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || usage_error "--env $1: NAME=VALUE is needed"
    [ "$(printf %s "$1" | tr -d '\001-\010\013-\037')" = "$1" ] ||
        usage_error "--env ${1%%=*}: the value holds a control character (a carriage return at the end of the line?)"
    SETTINGS+=("$1")
    case ${1%%=*} in
    *KEY | *SECRET* | *PASSWORD* | *TOKEN)
        HIDDEN+=("${1#*=}")
        say "$NAME: ${1%%=*} will be readable for everyone who may see the service in the console; --secret ${1%%=*}=ARN keeps it in Secrets Manager"
        ;;
    esac
}

add_secret() { # NAME=ARN
    [[ $1 =~ ^[A-Za-z_][A-Za-z0-9_]*=arn:[a-z-]+:(secretsmanager|ssm):[a-z0-9-]+:[0-9]{12}:.+$ ]] ||
        usage_error "--secret $1: NAME=ARN of a secret (Secrets Manager) or parameter (SSM) is needed"
    SECRETS+=("$1")
}

add_unset() { # NAME
    [[ $1 =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || usage_error "--unset $1: a name is needed"
    UNSET+=("$1")
}

add_table_prefix() { # PREFIX
    [[ $1 =~ ^[A-Za-z0-9_.-]{1,200}$ ]] || usage_error "--table-prefix $1: letters, digits, _, . and - are needed"
    SETTINGS+=("DYNAMODB_TABLE_PREFIX=$1")
}

# as_object NAME=VALUE...: {"NAME": "VALUE"}, each name once, the last value
as_object() { jq -nc '$ARGS.positional | map(index("=") as $i | {key: .[:$i], value: .[$i + 1:]}) | from_entries' --args "$@"; }

# changes DEFAULT...: what the options say, for jq: {set, secrets, unset, defaults}. A default stands back where the
# name has a value already.
changes() {
    jq -nc --argjson set "$(as_object ${SETTINGS[@]+"${SETTINGS[@]}"})" --argjson secrets "$(as_object ${SECRETS[@]+"${SECRETS[@]}"})" \
        --argjson defaults "$(as_object "$@")" '{$set, $secrets, $defaults, unset: $ARGS.positional}' --args ${UNSET[@]+"${UNSET[@]}"}
}

# In jq: {env: {}, secrets: {}} as they are | changed($changes). A name is a setting or a secret, never both.
# shellcheck disable=SC2016,SC2034
CHANGED='def without($names): with_entries(select(.key as $k | $names | index($k) | not));
    def changed($c): (.env + .secrets | keys) as $there
        | .env |= (without($c.unset + ($c.secrets | keys)) + ($c.defaults | without($there + $c.unset)) + $c.set)
        | .secrets |= (without($c.unset + ($c.set | keys)) + $c.secrets);'

# --- images ---------------------------------------------------------------------------------------------------

registry() { printf '%s.dkr.ecr.%s.amazonaws.com\n' "$ACCOUNT" "$REGION"; }

# The digest of SERVICE:latest; nothing when there is none.
image_digest() {
    local digest
    digest=$(aws ecr describe-images --region "$REGION" --repository-name "$SERVICE" --image-ids imageTag=latest \
        --query 'imageDetails[0].imageDigest' --output text 2>/dev/null) || digest=
    [[ $digest == sha256:* ]] && printf '%s\n' "$digest"
    return 0
}

login() { # REGISTRY
    local password
    if [ -n "$DRY_RUN" ]; then
        echo "+ aws ecr get-login-password --region $REGION | docker login --username AWS --password-stdin $1" >&3
        return
    fi
    password=$(aws_ask ecr get-login-password --region "$REGION")
    docker login --username AWS --password-stdin "$1" >/dev/null <<<"$password" ||
        die "docker login to $1 failed. To resume run the same command again"
}

# push_image PLATFORM: builds llm-api-converter and pushes it as SERVICE:VERSION and SERVICE:latest
push_image() {
    local target tag
    target=$(registry)
    step "image for linux/$1"
    run "$ROOT/scripts/build-docker.sh" -p "$1" -t latest
    step "push to $target/$SERVICE"
    aws_make RepositoryAlreadyExistsException ecr create-repository --repository-name "$SERVICE" --region "$REGION" \
        --image-scanning-configuration scanOnPush=true || true
    login "$target"
    for tag in "$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")" latest; do
        run docker tag llm-api-converter:latest "$target/$SERVICE:$tag"
        run docker push "$target/$SERVICE:$tag"
    done
}

# provide_image SKIP-BUILD PLATFORM: IMAGE is then in ECR. By digest: a task definition names for good what it ran.
# shellcheck disable=SC2034
provide_image() {
    local digest
    IMAGE_BEFORE=$(image_digest)
    if [ -z "$1" ]; then
        push_image "$2"
    elif [ -z "$IMAGE_BEFORE" ]; then
        die "no image $SERVICE:latest in ECR, $REGION: leave --skip-build out. Nothing was changed"
    fi
    digest=$(image_digest)
    IMAGE=$(registry)/$SERVICE${digest:+@$digest}
    [ -n "$digest" ] || IMAGE=$(registry)/$SERVICE:latest # --dry-run has pushed none
}

# --- roles ----------------------------------------------------------------------------------------------------

# make_role ROLE TRUST-FILE DESCRIPTION
make_role() {
    if aws_make EntityAlreadyExists iam create-role --role-name "$1" --description "$3" \
        --assume-role-policy-document "file://$IAM/$2"; then
        MADE_ROLE=yes
    fi
}

attach_policy() { # ROLE MANAGED-POLICY
    aws_do iam attach-role-policy --role-name "$1" --policy-arn "arn:$PARTITION:iam::aws:policy/service-role/$2"
}

# table_prefix: of the settings on stdin, {NAME: VALUE}
table_prefix() { jq -r '.DYNAMODB_TABLE_PREFIX // (.DYNAMODB_API_KEYS_TABLE // "anthropic-proxy-api-keys" | rtrimstr("-api-keys"))'; }

# own_policy ROLE TABLE-PREFIX RESET: the inline policy SERVICE-policy. Who narrowed it to some models keeps it.
own_policy() {
    local own present
    own=$(sed "s/\"arn:aws:/\"arn:$PARTITION:/; s/anthropic-proxy-/$2-/" "$IAM/gateway-policy.json")
    present=$(aws iam get-role-policy --role-name "$1" --policy-name "$SERVICE-policy" --query PolicyDocument --output json 2>/dev/null) || present=
    if [ -z "$present" ] || [ -n "$3" ]; then
        aws_do iam put-role-policy --role-name "$1" --policy-name "$SERVICE-policy" --policy-document "$own"
    elif [ "$(jq -S . <<<"$present")" != "$(jq -S . <<<"$own")" ]; then
        say "the policy $SERVICE-policy of $1 is not that of scripts/iam/gateway-policy.json: left as it is (--reset-policy puts ours)"
    fi
}

# The first call of a model enables it for the account, if the caller may: once by an administrator, or by this role.
marketplace_policy() { # ROLE
    aws_do iam put-role-policy --role-name "$1" --policy-name "$SERVICE-marketplace" \
        --policy-document "file://$IAM/marketplace-policy.json"
}

# secrets_policy ROLE ARNS: a JSON list; what may stand behind a secret's name (:json-key:stage:version) is not its ARN
secrets_policy() {
    [ "$2" != '[]' ] || return 0
    aws_do iam put-role-policy --role-name "$1" --policy-name "$SERVICE-secrets" --policy-document "$(jq -nc --argjson arns "$2" '{
        Version: "2012-10-17",
        Statement: [{Effect: "Allow", Action: ["secretsmanager:GetSecretValue", "ssm:GetParameters"],
            Resource: ($arns | map(if test(":secretsmanager:") then split(":")[:7] | join(":") else . end) | unique)}]}')"
}

# lanes_policy ROLE BEDROCK_LANES: the roles of other accounts that stand in it, REGION@ROLE-ARN, are assumed. What those
# allow and whom they trust is theirs to say.
lanes_policy() {
    local arns
    arns=$(jq -nc --arg lanes "$2" '$lanes | split(",") | map(capture("@(?<arn>arn:.+?) *(=https?://.*)?$").arn) | unique')
    [ "$arns" != '[]' ] || return 0
    aws_do iam put-role-policy --role-name "$1" --policy-name "$SERVICE-lanes" --policy-document "$(jq -nc --argjson arns "$arns" '{
        Version: "2012-10-17", Statement: [{Effect: "Allow", Action: ["sts:AssumeRole"], Resource: $arns}]}')"
    say "lanes: each of $arns must trust arn:$PARTITION:iam::$ACCOUNT:role/$1 and may call Bedrock (docker/iam/lane-*.json)"
}

wait_for_roles() {
    if [ -n "$MADE_ROLE" ] && [ -z "$DRY_RUN" ]; then
        sleep "$ROLE_SECONDS"
    fi
}

# --- logs -----------------------------------------------------------------------------------------------------

# keep_logs GROUP DAYS: CloudWatch keeps for ever what nobody limits. A limit that is there already stays, but for
# --log-days.
keep_logs() {
    local present
    present=$(aws logs describe-log-groups --region "$REGION" --log-group-name-prefix "$1" \
        --query "logGroups[?logGroupName=='$1'].retentionInDays" --output text 2>/dev/null) || present=
    if [ -n "$2" ] || [ "${present:-None}" = None ]; then
        aws_make ResourceNotFoundException logs put-retention-policy --region "$REGION" --log-group-name "$1" \
            --retention-in-days "${2:-30}" || true
    fi
}

# --- the check at the end -------------------------------------------------------------------------------------

# check_deployment URL KEY WAY-BACK...: AWS calls deployed what answers /health. Whether requests are answered tells
# /ready, and with a key the smoke test; if not, the ways back are said, a line each.
check_deployment() {
    local url=$1 key=$2 end=$((SECONDS + READY_SECONDS)) answer code line
    shift 2
    step "asking $url/ready"
    while :; do
        answer=$(curl -sS -w '\n%{http_code}' --max-time 10 "$url/ready" 2>&1) || true
        code=${answer##*$'\n'}
        [ "$code" != 200 ] || break
        if [ "$SECONDS" -ge "$end" ]; then
            say "$NAME: deployed, but $url/ready does not answer 200: $(tr '\n' ' ' <<<"$answer" | cut -c 1-600)"
            for line in "$@"; do say "  $line"; done
            exit 1
        fi
        sleep "$POLL_SECONDS"
    done
    if [ -z "$key" ]; then
        say "deployed, and ready; a request shows scripts/smoke.sh $url YOUR-API-KEY (or --key here)"
        return
    fi
    step "asking a model"
    if ! "$ROOT/scripts/smoke.sh" "$url" - <<<"$key" >&2; then
        say "$NAME: deployed, but the smoke test failed"
        for line in "$@"; do say "  $line"; done
        exit 1
    fi
    say "deployed, and a model answers"
}
