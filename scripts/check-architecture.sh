#!/usr/bin/env bash
# Says whether a Linux program is of an architecture, by its ELF header: running it proves nothing, since a build machine
# with qemu runs both. usage: scripts/check-architecture.sh amd64|arm64 FILE      exit 0 when it is, else 1 and why
set -euo pipefail
arch=${1:?usage: scripts/check-architecture.sh amd64|arm64 FILE}
file=${2:?usage: scripts/check-architecture.sh amd64|arm64 FILE}

# e_machine of the ELF header: EM_X86_64 62, EM_AARCH64 183, little-endian
case $(od -An -tx1 -N4 "$file" | tr -d ' \n')$(od -An -tx1 -j18 -N2 "$file" | tr -d ' \n') in
7f454c463e00) is=amd64 ;;
7f454c46b700) is=arm64 ;;
*) is="no program for amd64 or arm64" ;;
esac
[ "$is" = "$arch" ] || {
    echo "check-architecture: $file is $is, and $arch is needed: make release PLATFORM=$arch" >&2
    exit 1
}
