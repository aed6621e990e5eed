# shellcheck shell=bash disable=SC2034
# minimal.sh - a minimal Debian 12 for 30_guide.sh to paste the guide into: a chroot whose mounts are each block's own. The
# network and the test's folder are this machine's; aws and docker are bed.sh's, and run outside.
ROOM=$T/minimal
command -v mmdebstrap >/dev/null && [ "$(id -u)" = 0 ] || {
    skip "a minimal Debian needs root and mmdebstrap"
    finish
}
# What the played docker runs has none of its libraries in there: a static one.
make -s release PLATFORM=amd64 >"$T/release.log" 2>&1 || {
    fail "make release: $(tail -n 3 "$T/release.log")"
    finish
}
PROGRAM=$ROOT/build/linux-amd64/llm-api-converter

took() { printf '  %5d.%d s  %s\n' $(($1 / 1000)) $(($1 % 1000 / 100)) "$2"; }

# enter ROOM SHARED-FOLDER COMMAND...: this process becomes COMMAND in there
enter() {
    mount --make-rprivate /
    mount --rbind / "$1/host"
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount --bind "$2" "$1$2"
    exec chroot "$1" /bin/sh -c 'cd "$0/tree" && exec "$@"' "${@:2}"
}

# After 30_guide.sh has put its own commands into bin: those that are played go into a folder of the room's own.
minimal_debian() {
    local name begin base=$ROOT/build/tools/minbase.tar # that of tests/deploy/70_bare.sh
    begin=$(now_ms)
    mkdir -p "${base%/*}"
    [ -s "$base" ] || mmdebstrap --quiet --variant=minbase bookworm "$base" >"$T/room.log" 2>&1 || {
        fail "no Debian can be made: $(tail -n 1 "$T/room.log")"
        finish
    }
    mkdir "$ROOM"
    tar -xf "$base" -C "$ROOM"
    took $(($(now_ms) - begin)) "a minimal Debian 12 ($(stat -c %s "$base") bytes of files)"
    mkdir -p "$ROOM/host" "$ROOM$T" "$T/tmp" "$T/room"
    cp /etc/resolv.conf "$ROOM/etc/"
    rm -rf "$T/tree"
    mkdir "$T/tree"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$T/tree"
    # WARM=1: the libraries of the release are there as from a build before
    [ -z "${WARM:-}" ] || { mkdir -p "$T/tree/build" && cp -a build/release "$T/tree/build/" && touch "$T"/tree/build/release/*/packages.tsv; }
    for name in aws docker; do
        printf '#!/bin/sh\nexec chroot /host /bin/sh -c '"'"'cd "$0" && exec "$@"'"'"' "$PWD" %s "$@"\n' "$T/bin/$name" >"$T/room/$name"
    done
    cp "$T/bin/brew" "$T/room/"
    # a person who says yes to apt-get's question
    printf '#!/bin/sh\nyes | DEBIAN_FRONTEND=noninteractive "$@"\n' >"$T/room/sudo"
    chmod +x "$T"/room/*
    INSIDE=(PATH="$T/room:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" TMPDIR="$T/tmp"
        unshare --mount --pid --fork --kill-child bash -euc "$(declare -f enter); enter \"\$@\"" - "$ROOM" "$T")
    begin=$(now_ms)
    inside sh -c 'apt-get update && apt-get install -y --no-install-recommends jq curl' </dev/null
    took $(($(now_ms) - begin)) "apt-get update, install jq curl: the tools of the first section"
    went "the tools of the first section"
}
