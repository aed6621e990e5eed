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
        ! type -P "$name" >/dev/null || ln -s "$(type -P "$name")" "$1/$name"
    done
    ln -s "$(type -P original-awk || type -P awk)" "$1/awk"
    # command, then what it does not take, as a pattern of `case`: a word, or ^ and all of them
    while read -r name pattern; do
        rm -f "${1:?}/$name" # a link would be written through
        cat >"$1/$name" <<END
#!/bin/sh
for word in "\$@" "^\$*"; do
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
base64 -*w*|--*
basename --*|-z
cat --*
chmod --*
cp --*|-*t*
cut --*
date -d*|--*|-I*|*%N*
dirname -*
du --*|-*b*
env ^--*
find ^-[a-z][a-z]*|-printf|-regextype|-readable|-executable
grep -P|-[a-zA-Z]P|-[a-zA-Z][a-zA-Z]P|--perl-regexp
head --*|^*'-n -'*|^*'-c -'*|-[nc]-*
ln --*|-*r*|-*t*
ls --*
mkdir --*
mktemp -p*|--*|-u
mv --*|-*t*
od --*
ps --*
readlink -*[efm]*|--*
rm --*
sed -*[irsz]*|--*|*'\+'*|*'\?'*|*'\|'*|*'\t'*|*'{p}'*|*s/*/*'\n'*
sort --*|-*V*
stat -*c*|--*|-L
tail --*
tee --*
touch --*|-*d*
tr --*
uniq --*
wc --*|-*L*
xargs -r|-d*|--*
ROWS
}
