#!/usr/bin/env bash
# make dist-sign: signs the list of checksums, and with it all that it names. The key comes from outside the tree;
# minisign asks for its password, or reads it from standard input.
# usage: docker/release/sign.sh DIR KEY-FILE
set -euo pipefail
dir=${1:?usage: docker/release/sign.sh DIR KEY-FILE}
key=${2:-}
die() {
    echo "dist-sign: $*" >&2
    exit 1
}
command -v minisign >/dev/null || die "minisign is missing: apt-get install minisign"
[ -n "$key" ] || die "which key? SIGN_KEY=FILE (minisign -G -s FILE -p FILE.pub makes one)"
[ -f "$key" ] || die "$key is not there"
case $(realpath "$key") in "$(realpath "$(dirname "$0")/../..")"/*) die "$key lies in the source tree: a secret key does not belong there" ;; esac
(cd "$dir" && sha256sum --check --quiet SHA256SUMS) || die "a file in $dir is not the one that SHA256SUMS names: make dist again"
version=$(find "$dir" -name 'llm-api-converter-*.tar.gz' -printf '%f\n' | sed -E 's/llm-api-converter-(.*)\.tar\.gz/\1/')
minisign -S -s "$key" -m "$dir/SHA256SUMS" -t "llm-api-converter $version"
