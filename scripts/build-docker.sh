#!/usr/bin/env bash
# Builds the image, with docker buildx. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=build-docker

HELP='usage: scripts/build-docker.sh [options]
Builds the image llm-api-converter from source (docker/Dockerfile), for any platform on any host.

  -t, --tag TAG            default: latest, and the version
  -p, --platform P         amd64, arm64 or all; default: this machine. all needs --push
  -i, --image KIND         minimal (the program and nothing else, default) or
                           prebuilt (debian:bookworm-slim around what make release has built)
  -r, --registry HOST      name in front of the image: 123456789012.dkr.ecr.us-west-2.amazonaws.com
      --push               push instead of loading it into the local Docker
      --no-cache           build every layer again
      --dry-run            print the commands
  -h, --help               this text'

tag=latest platform='' image=minimal registry='' push='' no_cache=''
while [ $# -gt 0 ]; do
    case $1 in
    -t | --tag) need_value "$@" && tag=$2 && shift ;;
    -p | --platform) need_value "$@" && platform=$2 && shift ;;
    -i | --image) need_value "$@" && image=$2 && shift ;;
    -r | --registry) need_value "$@" && registry=${2%/}/ && shift ;;
    --push) push=yes ;;
    --no-cache) no_cache=yes ;;
    --dry-run) DRY_RUN=yes ;;
    -h | --help) echo "$HELP" && exit ;;
    *) usage_error "unknown option $1" ;;
    esac
    shift
done
if [ -z "$platform" ]; then
    case $(uname -m) in
    x86_64 | amd64) platform=amd64 ;;
    aarch64 | arm64) platform=arm64 ;;
    *) usage_error "this machine is $(uname -m): say -p amd64 or -p arm64" ;;
    esac
fi
case $platform in
amd64 | arm64) platforms=linux/$platform ;;
all) platforms=linux/amd64,linux/arm64 ;;
*) usage_error "-p $platform: amd64, arm64 or all is needed" ;;
esac
case $image in minimal | prebuilt) ;; *) usage_error "-i $image: minimal or prebuilt is needed" ;; esac
[ "$platform" != all ] || [ -n "$push" ] || usage_error "-p all needs --push: the local Docker holds one platform at a time"
[ "$platform" != all ] || [ "$image" = minimal ] || usage_error "-p all needs -i minimal: a prebuilt image has one binary"

need docker "install Docker with buildx (Docker Desktop on macOS)"
[ -n "$DRY_RUN" ] || docker buildx version >/dev/null 2>&1 || die "docker has no buildx: install the package docker-buildx-plugin"
cd "$ROOT"

# What the image says of itself. A git that is not there, or of another tree, knows no revision.
version=$(sed -n 's/^VERSION := //p' Makefile)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
stamp=$(git log -1 --format=%ct 2>/dev/null || date +%s)
created=$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || date -u +%Y-%m-%dT%H:%M:%SZ)
source=$(git config --get remote.origin.url 2>/dev/null || true)
case $source in https://*@*) source=unknown ;; https://*) ;; *) source=unknown ;; esac # no token, no path of this machine
command=(docker buildx build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created"
    --build-arg "SOURCE=$source" --build-arg "SOURCE_DATE_EPOCH=$stamp")
[ "$tag" != latest ] || command+=(-t "${registry}llm-api-converter:$version")
command+=(--platform "$platforms")
if [ "$image" = prebuilt ]; then
    binary=build/linux-$platform/llm-api-converter
    [ -n "$DRY_RUN" ] || [ -x "$binary" ] || die "$binary is missing: run make release PLATFORM=$platform (Debian or Ubuntu), or build with -i minimal"
    [ -n "$DRY_RUN" ] || scripts/check-architecture.sh "$platform" "$binary" || exit 1
    command+=(--build-arg "BINARY_PATH=$binary" -f docker/Dockerfile.prebuilt)
else
    command+=(-f docker/Dockerfile)
fi
[ -z "$no_cache" ] || command+=(--no-cache)
command+=(-t "${registry}llm-api-converter:$tag")
if [ -n "$push" ]; then command+=(--push); else command+=(--load); fi
run ${command[@]+"${command[@]}"} .
