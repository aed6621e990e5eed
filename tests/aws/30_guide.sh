#!/usr/bin/env bash
# docker/DEPLOYMENT.md walked from top to bottom, every bash block in its order, with a real AWS CLI: what a block says is
# done must then be so. Only brew, sudo, make and docker are played; make puts a program of the right architecture there,
# as a release does. GUIDE_LANGUAGE=zh-CN walks docker/DEPLOYMENT.zh-CN.md.
# MINIMAL=1: pasted into a minimal Debian 12 (minimal.sh), whose apt-get and make are real, and which has only what the
# guide says to install; the time of each block is printed. Needs root, mmdebstrap and Debian's mirror. WARM=1: the release's libraries are built before.
# shellcheck source=tests/aws/bed.sh
. "$(dirname "$0")/bed.sh"
case ${GUIDE_LANGUAGE:=en} in
en) GUIDE=docker/DEPLOYMENT.md ;;
*) GUIDE=docker/DEPLOYMENT.$GUIDE_LANGUAGE.md ;;
esac
INSIDE=() # what a pasted block is run by
took() { :; }
[ -z "${MINIMAL:-}" ] || . "$HERE/minimal.sh"
bed_start

# A checkout without anything built, and nothing but the guide's tools.
mkdir -p "$T/tree" "$T/blocks"
cp -r scripts docker Makefile "$T/tree/"
printf '#!/bin/sh\nexit 0\n' >"$T/bin/brew"
cp "$T/bin/brew" "$T/bin/sudo"
cat >"$T/bin/make" <<END
#!/usr/bin/env bash
# release PLATFORM=amd64|arm64
platform=\${2#PLATFORM=}
mkdir -p "build/linux-\$platform"
if [ "\$platform" = amd64 ]; then cp '$PROGRAM' build/linux-amd64/llm-api-converter; else
    printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0' >build/linux-arm64/llm-api-converter; fi
chmod +x "build/linux-\$platform/llm-api-converter"
END
chmod +x "$T"/bin/*
OPERATOR=() # the credentials are those of `aws configure`
URL=
KEY=
arn() { state '[.apprunner.services[] | select(.Status != "DELETED")][-1].ServiceArn'; }
app() { state "[.apprunner.services[] | select(.Status != \"DELETED\")][-1] | $1"; }
gone() { [ "$(arn)" = null ] || { cli apprunner list-services --region us-west-2 >/dev/null && false; }; }
settled() { [ "$(cli apprunner describe-service --region us-west-2 --service-arn "$(arn)" --query Service.Status --output text)" = RUNNING ]; }

awk -v dir="$T/blocks" '
    /^## / { section = $0 }
    /^```/ && inside { inside = 0; close(file); next }
    $0 == "```bash" { inside = 1; file = sprintf("%s/%02d", dir, ++n); print "#" section > file; next }
    inside { print > file }' "$GUIDE"

# inside COMMAND...: as an operator in the tree
inside() {
    (cd "$T/tree" && as_operator AWS_DEFAULT_REGION= ${INSIDE[@]+"${INSIDE[@]}"} "$@" >"$T/out" 2>"$T/err")
    CODE=$?
}

[ -z "${MINIMAL:-}" ] || minimal_debian

# walk FILE: the block, its placeholders filled, pasted into a shell
walk() {
    sed -e "s#<service-arn>#$(arn)#; s#<service-url>#${URL#https://}#; s#<service-id>#$(arn | sed 's,.*/,,')#; s#<stream-name>#s#; s#sk-your-api-key#$KEY#" "$1" >"$T/block"
    begin=$(now_ms)
    inside bash -euo pipefail "$T/block" <"${2:-/dev/null}"
    took $(($(now_ms) - begin)) "$(basename "$1") $(sed 1d "$1" | grep -vm1 '^#' | cut -c1-80)"
    went "block $(basename "$1") ($(sed -n 2,3p "$1" | tr '\n' ' ' | cut -c1-90))"
}

for file in "$T"/blocks/*; do
    text=$(cat "$file")
    section=$(head -1 "$file")
    case $section$text in
    *"aws configure"*)
        printf '%s\n' AKIAMOCKMOCKMOCKMOCK mock-secret-access-key '' '' >"$T/answers"
        walk "$file" "$T/answers"
        expect "aws configure: the credentials are there" "$(cli sts get-caller-identity --query Account --output text)" 123456789012
        ;;
    *setup-tables.sh*)
        walk "$file"
        expect_match "the tables are there" "$(cli dynamodb list-tables --output text | tr '\n\t' '  ')" 'anthropic-proxy-api-keys.*anthropic-proxy-usage'
        ;;
    *create-api-key.sh*)
        walk "$file"
        KEY=$(sed -n 's/^API Key: //p' "$T/out")
        expect_match "a key came out" "$KEY" '^sk-'
        ;;
    *"docker buildx build"*)
        walk "$file"
        expect_match "the image is of its architecture" "$(jq -r '.images["llm-api-converter:latest"].platforms[0]' "$T/docker/docker.json")" "$(sed -n 's,.*--platform \(linux/[a-z0-9]*\).*,\1,p' "$file")"
        ;;
    *"docker push"*)
        walk "$file"
        expect_match "the image is in ECR" "$(cli ecr describe-images --repository-name llm-api-converter --query 'imageDetails[].imageTags' --output text)" latest
        ;;
    *"aws apprunner create-service"*)
        # Or by hand: the roles are the script's, the service must not be there.
        by_script=$(app '{SourceConfiguration, InstanceConfiguration, HealthCheckConfiguration, scaling: .AutoScalingConfigurationSummary.AutoScalingConfigurationName} | tojson' | jq -S .)
        cli apprunner delete-service --service-arn "$(arn)" >/dev/null
        eventually 20 gone
        walk "$file"
        eventually 20 settled
        expect "by hand as by script" "$(app '{SourceConfiguration, InstanceConfiguration, HealthCheckConfiguration, scaling: .AutoScalingConfigurationSummary.AutoScalingConfigurationName} | tojson' | jq -S .)" "$by_script"
        ;;
    *"aws logs get-log-events"*)
        cli logs create-log-stream --log-group-name "/aws/apprunner/llm-api-converter/$(arn | sed 's,.*/,,')/application" --log-stream-name s
        walk "$file"
        eventually 20 gone
        # ... and try again
        inside scripts/deploy-apprunner.sh --create -r us-west-2 --skip-build </dev/null
        went "trying again"
        URL=$(tail -1 "$T/out")
        ;;
    "## ECS"* | *"deploy-ecs-express.sh --create -p arm64"*"delete-service.sh"*)
        walk "$file"
        expect "ECS: nothing of the service is left" "$(state '.ecs.services[-1].status.statusCode') $(cli iam list-roles --query 'Roles[].RoleName' --output text)" "INACTIVE "
        ;;
    *"compose"*) walk "$file" ;;
    *"delete-service.sh"*)
        walk "$file"
        expect "nothing is left of App Runner" "$(arn) $(cli ecr describe-repositories --query 'repositories[].repositoryName' --output text)$(cli logs describe-log-groups --log-group-name-prefix /aws/apprunner --query 'logGroups[].logGroupName' --output text)" "null "
        expect_match "but for the keys" "$(cli dynamodb list-tables --output text)" anthropic-proxy-api-keys
        ;;
    *"deploy-apprunner.sh"* | *"deploy-ecs-express.sh"*)
        walk "$file"
        [ "$(arn)" = null ] || URL=https://$(app .ServiceUrl)
        ;;
    *"aws apprunner start-deployment"* | *"aws apprunner delete-service"*)
        eventually 20 settled
        walk "$file"
        ;;
    *"curl -X POST"*)
        walk "$file"
        expect_match "the API answers" "$(cat "$T/out")" '"type":"message"'
        ;;
    *"list-services"*)
        walk "$file"
        expect "the URL" "https://$(cat "$T/out")" "$URL"
        ;;
    *"apprunner-status.sh"*)
        walk "$file"
        expect_match "status" "$(cat "$T/out")" 'Health: +healthy'
        ;;
    *"/ready"*)
        walk "$file"
        expect_match "ready" "$(cat "$T/out")" '"ready":true'
        ;;
    *) walk "$file" ;;
    esac
done
expect_true "the guide has its blocks" [ "$(find "$T/blocks" -type f | wc -l)" -ge 28 ]
expect "the audit has nothing" "$(audit)" ''
bed_stop
finish
