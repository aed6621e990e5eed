#!/usr/bin/env bash
# make install: puts the program, manual page, completions, unit and settings below DESTDIR.
# usage: PROGRAM=FILE [DOCS=FILE] [DESTDIR=] [prefix=/usr/local] [sysconfdir=/etc] [localstatedir=/var]
#        [zshdir=...] docker/systemd/install.sh [--remove]
# DOCS: the program that prints manual page and completions where PROGRAM is of another architecture.
# Settings that are there already stay as they are. --remove takes away what it put there, but settings and state.
set -euo pipefail
cd "$(dirname "$0")/../.."
to=${DESTDIR:-}
prefix=${prefix:-/usr/local}
conf=${sysconfdir:-/etc}/llm-api-converter
state=${localstatedir:-/var}/lib/llm-api-converter
zsh=${zshdir:-$prefix/share/zsh/site-functions}
name=llm-api-converter
# systemd and sysusers look in these only
lib=$prefix/lib
bin=$prefix/bin/$name
man=$prefix/share/man/man8/$name.8
doc=$prefix/share/doc/$name
bash=$prefix/share/bash-completion/completions/$name
files=("$bin" "$man" "$bash" "$zsh/_$name" "$lib/systemd/system/$name.service" "$lib/sysusers.d/$name.conf"
    "$doc/copyright" "$doc/CHANGELOG.md")

if [ "${1:-}" = --remove ]; then
    for file in "${files[@]}"; do rm -f "$to$file"; done
    rmdir "$to$doc" 2>/dev/null || true
    echo "removed; $to$conf and $to$state stay"
    exit
fi

# put MODE FILE: standard input becomes that file, with the paths written in
put() {
    install -d "$to${2%/*}"
    sed "s#@BIN@#${bin%/*}#g; s#@CONF@#$conf#g; s#@STATE@#$state#g" >"$to$2.new"
    chmod "$1" "$to$2.new"
    mv "$to$2.new" "$to$2"
}
install -d "$to${bin%/*}"
install -m 755 "${PROGRAM:?PROGRAM=FILE is needed}" "$to$bin"
docs=${DOCS:-$PROGRAM}
"$docs" docs man | put 644 "$man"
"$docs" docs bash-completion | put 644 "$bash"
"$docs" docs zsh-completion | put 644 "$zsh/_$name"
put 644 "$lib/systemd/system/$name.service" <docker/systemd/$name.service
put 644 "$lib/sysusers.d/$name.conf" <docker/systemd/sysusers.conf
put 644 "$doc/copyright" <LICENSE
put 644 "$doc/CHANGELOG.md" <docker/release/CHANGELOG.md
[ -e "$to$conf/env" ] || put 640 "$conf/env" <docker/systemd/env
if [ -z "$to" ]; then
    echo "next: systemd-sysusers && chgrp $name $conf/env && systemctl daemon-reload && systemctl enable --now $name"
fi
