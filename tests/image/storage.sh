# shellcheck shell=bash disable=SC2034
# storage.sh - images without a daemon: a storage of its own for buildah and podman below WORK (a folder that the sourcing
# test names), and Debian's base image made here. Needs root. Sourced.

need() { # TOOL PACKAGE
    command -v "$1" >/dev/null || {
        echo "$NAME needs $1: apt-get install $2"
        exit 1
    }
}

storage_begin() { # WORK
    mkdir -p "$1"
    cat >"$1/storage.conf" <<CONF
[storage]
driver = "vfs"
runroot = "$1/run"
graphroot = "$1/storage"
CONF
    printf '[containers]\ndefault_ulimits = []\n' >"$1/containers.conf"
    export CONTAINERS_STORAGE_CONF=$1/storage.conf CONTAINERS_CONF=$1/containers.conf
    STORAGE=$1
}

pod() { podman --runtime runc --cgroup-manager cgroupfs "$@"; }

# base_image [ARCHITECTURE]: debian:bookworm-slim, of this machine's files. This buildah looks for a base image of the
# target's architecture, whatever FROM --platform says; Docker takes the build machine's. So the same files go by that
# name: the stage runs on this machine either way, and cross-compiles.
base_image() {
    if [ -z "${1:-}" ] && pod image exists docker.io/library/debian:bookworm-slim; then return; fi
    [ -s "$STORAGE/base.tar" ] || mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' bookworm "$STORAGE/base.tar" || return
    pod import --quiet ${1:+--arch "$1"} "$STORAGE/base.tar" docker.io/library/debian:bookworm-slim >/dev/null
}
