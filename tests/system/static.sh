#!/usr/bin/env bash
# The system tests with the static program of `make release` beside this machine's own mocks; of the other architecture by
# qemu-user, in namespaces of its own: the kernel knows there, and only there, how to run it (binfmt_misc, Linux 6.7). Needs root
# and qemu-user-static for that. What qemu cannot bear stands in emulated.tsv and is left out, unless it is named.
# usage: tests/system/static.sh amd64|arm64 [NN_topic...]
set -euo pipefail
cd "$(dirname "$0")/../.."
arch=${1:?usage: tests/system/static.sh amd64|arm64 [NN_topic...]}
shift
own=$(dpkg --print-architecture)
kind=static
[ "$arch" = "$own" ] || kind=emulated
export B=build/$kind-$arch
mkdir -p "$B"
for tool in mock-bedrock mock-dynamo half-heads strict stuck-readers orders; do
    ln -sf "../$tool" "$B/$tool"
done
ln -f "build/linux-$arch/llm-api-converter" "$B/llm-api-converter"
[ $kind = emulated ] || exec tests/system/run.sh "$@"

case $arch in
arm64) machine='\xb7' qemu=/usr/bin/qemu-aarch64-static ;;
amd64) machine='\x3e' qemu=/usr/bin/qemu-x86_64-static ;;
esac
[ -x "$qemu" ] || {
    echo "static: there is no $qemu: apt-get install qemu-user-static"
    exit 1
}
if [ $# -eq 0 ]; then
    for file in tests/system/[0-9][0-9]_*.sh; do
        name=$(basename "$file" .sh)
        if grep -q "^$name"$'\t' tests/system/emulated.tsv; then
            echo "  left out $(grep "^$name"$'\t' tests/system/emulated.tsv | tr '\t' ' ')"
        else
            set -- "$@" "$name"
        fi
    done
fi

# F: the kernel opens qemu now, so that no mount and no user matters later; P: it keeps argv[0]
head=':other:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00'$machine'\x00'
mask=':\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
mapped=$(mktemp -u)
mkfifo "$mapped"
trap 'rm -f "$mapped"' EXIT
# shellcheck disable=SC2016 # is expanded inside
unshare --user --mount --net bash -c '
    read -r _ <"$1"
    ip link set lo up && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && printf %s "$2" >/proc/sys/fs/binfmt_misc/register || {
        echo "static: this kernel gives no binfmt_misc to a user namespace (Linux 6.7 does, to root)"
        exit 1
    }
    exec tests/system/run.sh "${@:3}"' _ "$mapped" "$head$mask:$qemu:FP" "$@" &
inside=$!
until [ "$(readlink "/proc/$inside/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
echo '0 0 4294967295' >"/proc/$inside/uid_map" # every user is who it is outside
echo '0 0 4294967295' >"/proc/$inside/gid_map"
echo go >"$mapped"
wait "$inside"
