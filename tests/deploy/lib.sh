# shellcheck shell=bash
# lib.sh - tests/system/lib.sh, and the tools that the deployment's tests need. They go below build/tools and stay
# there; nothing is installed on the machine but Debian packages, and those only by root:
#
#   . "$(dirname "$0")/lib.sh"
#   need_apt mandoc zsh        # or the test ends here, with one line
#   need_pip cfn-lint cfn-lint
# shellcheck source=tests/system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"
TOOLS=$ROOT/build/tools
mkdir -p "$TOOLS"

# The whole test, for want of something.
skip_all() {
    skip "$*"
    finish
}

# need_apt PACKAGE...: commands of Debian packages of the same name (PACKAGE=COMMAND where they differ)
need_apt() {
    local each missing=()
    for each in "$@"; do
        command -v "${each#*=}" >/dev/null || [ -x "/usr/sbin/${each#*=}" ] || missing+=("${each%=*}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    { [ "$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
        >"$T/apt.log" 2>&1 || skip_all "${missing[*]} cannot be installed: $(tail -n 1 "$T/apt.log")"
}

# unpacked PACKAGE FILE: a program of a Debian package that is not to be installed (it brings a service), in UNPACKED
unpacked() {
    UNPACKED=$TOOLS/$1/$2
    [ ! -x "$UNPACKED" ] || return 0
    mkdir -p "$TOOLS/$1"
    (cd "$TOOLS/$1" && { apt-get download "$1" || { apt-get update -qq && apt-get download "$1"; }; } && dpkg -x "$1"_*.deb . && rm "$1"_*.deb) >"$T/apt.log" 2>&1 ||
        skip_all "$1 cannot be had: $(tail -n 1 "$T/apt.log")"
}

# need_pip NAME PACKAGE...: NAME is a command or a module of them; in a Python environment of our own
need_pip() {
    local name=$1
    shift
    if [ -x "$TOOLS/venv/bin/$name" ] || "$TOOLS/venv/bin/python" -c "import $name" 2>/dev/null; then return; fi
    { { [ -d "$TOOLS/venv" ] || python3 -m venv "$TOOLS/venv"; } && "$TOOLS/venv/bin/pip" install -q "$@"; } >"$T/pip.log" 2>&1 ||
        skip_all "$* cannot be had: $(tail -n 1 "$T/pip.log")"
}
