# shellcheck shell=bash
# userland.sh - what a Mac has besides its bash, for the scripts that run there: those commands and no other, and of the ones
# whose GNU form does more, a shell that refuses what BSD's does not know. awk is the one of macOS (Debian's original-awk) where
# it is installed. The guides' own tools (jq, git, curl) are there. Sourced by bed.sh.

# userland DIRECTORY: makes it
userland() {
    local name pattern
    mkdir -p "$1"
    for name in basename bash cat chmod cmp cp curl cut dd diff dirname env expr false git head id jq kill ln ls mkdir mv od openssl perl ps rm rmdir seq sh \
        sleep tail tee tr true tty uname uniq wc which yes; do
        ln -s "$(type -P "$name")" "$1/$name"
    done
    ln -s "$(type -P original-awk || type -P awk)" "$1/awk"
    # command, then what it does not take, as a pattern of `case`
    while read -r name pattern; do
        cat >"$1/$name" <<END
#!/bin/sh
for word in "\$@"; do
    case \$word in $pattern)
        echo "$name: illegal option -- \$word (a Mac's has it not)" >&2
        exit 64
        ;;
    esac
done
exec $(type -P "$name") "\$@"
END
        chmod +x "$1/$name"
    done <<'ROWS'
base64 -w*|--wrap*
date -d*|--*|-I*|*%N*
grep -P|-[a-zA-Z]P|-[a-zA-Z][a-zA-Z]P
find -printf|-regextype|-readable|-executable
mktemp -p*|--*|-u
readlink -e|-m|--*
sed -i|-r|-z|-s|--*|*'\+'*|*'\?'*|*'\|'*
sort --*|-V
stat -c*|--*|-L
touch --*|-d
xargs -r|-d*|--*
ROWS
}
