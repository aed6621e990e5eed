#!/usr/bin/env bash
# The commands of the deployment guide that build, push and deploy, in their order and for both architectures, with nothing
# of Docker played: images are built by buildah, pushed to Debian's docker-registry with ECR's password, recorded in moto's
# ECR, pulled by their digest, and run: amd64 by podman as App Runner would, arm64 under qemu as Graviton would.
# Needs root and the packages below; `make release` for both architectures comes first. Some 5 minutes after that.
# shellcheck source=tests/aws/bed.sh
. "$(dirname "$0")/bed.sh"
# shellcheck source=tests/image/storage.sh
. tests/image/storage.sh
missing=
for tool in buildah podman runc mmdebstrap qemu-aarch64-static docker-registry htpasswd; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ "$(id -u)" -eq 0 ] || missing="$missing root"
if [ -n "$missing" ]; then
    skip "missing:$missing (apt-get install buildah podman runc mmdebstrap qemu-user-static docker-registry apache2-utils)"
    finish
fi
for arch in amd64 arm64; do
    make release PLATFORM="$arch" >"$T/release.log" 2>&1 || {
        fail "make release PLATFORM=$arch: $(tail -n 3 "$T/release.log")"
        finish
    }
done
storage_begin "$ROOT/build/image"
base_image amd64 || {
    fail "the base image could not be made"
    finish
}

REGISTRY=127.0.0.1:$(free_port)
export REGISTRY REGISTRY_LOGIN=$T/docker/auth.json
DOCKER=docker_real.py
bed_start
MORE=(CONTAINERS_STORAGE_CONF="$CONTAINERS_STORAGE_CONF" CONTAINERS_CONF="$CONTAINERS_CONF" REGISTRY="$REGISTRY")
PASSWORD=$(cli ecr get-login-password --region us-west-2)
htpasswd -Bbn AWS "$PASSWORD" >"$T/htpasswd"
cat >"$T/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $T/registry}}
http: {addr: $REGISTRY}
auth: {htpasswd: {realm: ecr, path: $T/htpasswd}}
END
docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 &
REGISTRY_PID=$!
trap 'kill $REGISTRY_PID 2>/dev/null; bed_stop; cleanup' EXIT
expect_true "the registry asks for a password" eventually 10 sh -c '[ "$(curl -s -o /dev/null -w "%{http_code}" "http://$REGISTRY/v2/")" = 401 ]'

# paste WORDS...: what the guide's line says, as an operator in the tree
paste() {
    as_operator AWS_DEFAULT_REGION=us-west-2 bash -euo pipefail -c "$1" >"$T/out" 2>"$T/err" </dev/null
    CODE=$?
    went "${1:0:90}"
}
digest_in_ecr() { cli ecr describe-images --repository-name llm-api-converter --image-ids imageTag=latest --query 'imageDetails[0].imageDigest' --output text; }
digest_in_registry() {
    curl -fsS -u "AWS:$PASSWORD" -o /dev/null -D - -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
        "http://$REGISTRY/v2/llm-api-converter/manifests/latest" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'
}
PUSH='REGION=us-west-2
ACCOUNT_ID=$(aws sts get-caller-identity --query Account --output text)
ECR_REPO="${ACCOUNT_ID}.dkr.ecr.${REGION}.amazonaws.com/llm-api-converter"
aws ecr create-repository --repository-name llm-api-converter --region ${REGION} 2>/dev/null || true
aws ecr get-login-password --region ${REGION} | docker login --username AWS --password-stdin ${ACCOUNT_ID}.dkr.ecr.${REGION}.amazonaws.com
docker tag llm-api-converter:latest ${ECR_REPO}:latest
docker push ${ECR_REPO}:latest'

# --- amd64, the prebuilt image, App Runner ----------------------------------------------------------------------

paste 'docker buildx build --platform linux/amd64 --build-arg BINARY_PATH=build/linux-amd64/llm-api-converter -f docker/Dockerfile.prebuilt -t llm-api-converter:latest --load .'
mkdir "$T/tree" # beside which nothing is built: the tables and the key come out of the image
cp -r scripts docker Makefile "$T/tree/"
ROOT=$T/tree script setup-tables.sh -r us-west-2
went "setup-tables.sh out of the image"
ROOT=$T/tree script create-api-key.sh -u your-email@example.com -n "Production Key" -r us-west-2
KEY=$(sed -n 's/^API Key: //p' "$T/out")
expect_match "a key came out of the image" "$KEY" '^sk-'
paste "$PUSH"
expect "amd64: ECR and the registry have the same image" "$(digest_in_ecr)" "$(digest_in_registry)"
script deploy-apprunner.sh --create -p amd64 -r us-west-2 --skip-build --key "$KEY"
went "amd64: deployed, and a model answers"
URL=$(tail -1 "$T/out")
expect_match "the image's own program answers" "$(as_operator curl -fsS "$URL/version")" '"name": ?"llm-api-converter"'

# --- arm64, the image from source, ECS Express Mode -------------------------------------------------------------

# Docker runs an arm64 RUN line under qemu; here no machine does, and docker/Dockerfile needs none: it cross-compiles.
base_image arm64
script build-docker.sh -p arm64 -t latest
went "build-docker.sh -p arm64"
paste "$PUSH"
expect "arm64: ECR and the registry have the same image" "$(digest_in_ecr)" "$(digest_in_registry)"
script deploy-ecs-express.sh --create -p arm64 -r us-west-2 --skip-build --key "$KEY"
went "arm64: deployed, and a model answers"
expect "the audit has nothing" "$(audit)" ''
bed_stop
finish
