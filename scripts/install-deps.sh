#!/usr/bin/env bash
# Installs the packages that are missing; does nothing, and needs no rights, when all are there.
# usage: scripts/install-deps.sh [--dev]     --dev: also what lint, clients, fuzz, cov and bench use
# Debian 12 and 13, Ubuntu. llhttp comes from libllhttp-dev (Debian 13) or through scripts/llhttp.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(gcc libc6-dev make pkg-config ca-certificates
       libcurl4-openssl-dev libssl-dev libmbedtls-dev libcjson-dev libnghttp2-dev libsqlite3-dev libseccomp-dev libcmocka-dev
       curl jq sqlite3)
dev=(clang libclang-rt-dev clang-format-14 shellcheck nginx-light wrk gcovr nodejs npm python3-venv openssl)

say() { echo "install-deps: $*" >&2; }

installed() {
    case $1 in
    # another flavour of the same thing will do
    gcc) command -v gcc >/dev/null && return ;;
    make | curl | jq | clang | shellcheck | wrk | gcovr | npm | openssl | sqlite3) command -v "$1" >/dev/null && return ;;
    nodejs) command -v node >/dev/null && return ;;
    nginx-light) { command -v nginx || test -x /usr/sbin/nginx; } >/dev/null && return ;;
    python3-venv) python3 -c 'import ensurepip' 2>/dev/null && return ;;
    pkg-config) command -v pkg-config >/dev/null && return ;;
    libcurl4-openssl-dev) pkg-config --exists libcurl 2>/dev/null && return ;;
    libssl-dev) pkg-config --exists libssl 2>/dev/null && return ;;
    libcjson-dev) pkg-config --exists libcjson 2>/dev/null && return ;;
    libnghttp2-dev) pkg-config --exists libnghttp2 2>/dev/null && return ;;
    libsqlite3-dev) pkg-config --exists sqlite3 2>/dev/null && return ;;
    libseccomp-dev) pkg-config --exists libseccomp 2>/dev/null && return ;;
    libclang-rt-dev) compgen -G "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a" >/dev/null && return ;;
    libcmocka-dev) pkg-config --exists cmocka 2>/dev/null && return ;;
    esac
    command -v dpkg-query >/dev/null && dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

known() { apt-cache show "$1" >/dev/null 2>&1; }

# llhttp: a .pc file, the sources of an installed node-llhttp, or what llhttp.sh has unpacked
have_llhttp() {
    pkg-config --exists libllhttp 2>/dev/null || [ -e /usr/share/llhttp/llhttp.c ] || [ -e build/llhttp/.ready ]
}

wanted=("${build[@]}")
[ "${1:-}" = --dev ] && wanted+=("${dev[@]}")
missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
# A new clone where everything is installed: unpacking llhttp needs no rights.
fetch_llhttp() { known node-llhttp && ! known libllhttp-dev && scripts/llhttp.sh build/llhttp 2>/dev/null; }
if [ ${#missing[@]} -eq 0 ] && { have_llhttp || fetch_llhttp; }; then
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    say "this machine has no apt-get; please install by hand: ${missing[*]} llhttp (>= 8.1, with libllhttp.pc)"
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        say "not root and no sudo; please run scripts/install-deps.sh as root (missing: ${missing[*]:-llhttp})"
        exit 1
    }
    as_root=(sudo)
fi

# twice COMMAND...: once more, some seconds later, when a mirror did not answer
twice() {
    "$@" && return
    say "once more: $*"
    sleep "${RETRY_SECONDS:-10}"
    "$@"
}

say "apt-get update"
# A mirror that did not answer is only a warning to apt-get, unless it is told otherwise; the second time it may be.
"${as_root[@]}" apt-get update -qq -o APT::Update::Error-Mode=any || {
    say "once more: apt-get update"
    sleep "${RETRY_SECONDS:-10}"
    "${as_root[@]}" apt-get update -qq
}
have_llhttp || ! known libllhttp-dev || missing+=(libllhttp-dev)
install=()
for package in "${missing[@]}"; do
    if known "$package"; then
        install+=("$package")
    else # clang-format-14 and the like are gone from newer releases; lint then skips that check
        say "no package $package here, going on without it"
    fi
done
if [ ${#install[@]} -gt 0 ]; then
    say "installing ${install[*]}"
    twice "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${install[@]}" >/dev/null
fi
