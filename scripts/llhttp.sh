#!/usr/bin/env bash
# Unpacks llhttp's C sources from Debian 12's package node-llhttp into DIR/src and DIR/include, without
# installing Node (the package depends on it). Debian 13 and later have libllhttp-dev: not needed there.
# An installed node-llhttp is used as it is. usage: scripts/llhttp.sh DIR
set -euo pipefail
dir=${1:?usage: scripts/llhttp.sh DIR}
root=
if [ ! -e /usr/share/llhttp/llhttp.c ]; then
    command -v apt-get >/dev/null || {
        echo "llhttp: neither libllhttp (pkg-config) nor apt-get is here; install llhttp >= 8.1 with its .pc file" >&2
        exit 1
    }
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    download() { (cd "$root" && apt-get download -qq node-llhttp 2>"$root/log"); }
    download || { sleep "${RETRY_SECONDS:-3}" && download; } || { # a mirror that did not answer is asked once more
        echo "llhttp: 'apt-get download node-llhttp' failed; run scripts/install-deps.sh (it updates the package lists)" >&2
        cat "$root/log" >&2
        exit 1
    }
    dpkg-deb -x "$root"/node-llhttp_*.deb "$root"
fi
mkdir -p "$dir/src" "$dir/include"
cp "$root"/usr/share/llhttp/*.c "$dir/src/"
cp "$root"/usr/share/include/llhttp/llhttp.h "$dir/include/" 2>/dev/null || cp "$root"/usr/include/llhttp/llhttp.h "$dir/include/"
touch "$dir/.ready"
