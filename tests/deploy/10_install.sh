#!/usr/bin/env bash
# make install: what is put where, the manual page, completion in real shells, and what systemd says of the unit.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
need_apt mandoc zsh man-db=man systemd=systemd-analyze

# --- files
D=$T/box
install_there() { DESTDIR=$D PROGRAM=$PROGRAM docker/systemd/install.sh "$@" >"$T/out" 2>&1; }
expect_true "make install" install_there
expect "files and modes" "$(cd "$D" && find . -type f -printf '%m %p\n' | sort -k2)" "640 ./etc/llm-api-converter/env
755 ./usr/local/bin/llm-api-converter
644 ./usr/local/lib/systemd/system/llm-api-converter.service
644 ./usr/local/lib/sysusers.d/llm-api-converter.conf
644 ./usr/local/share/bash-completion/completions/llm-api-converter
644 ./usr/local/share/doc/llm-api-converter/CHANGELOG.md
644 ./usr/local/share/doc/llm-api-converter/copyright
644 ./usr/local/share/man/man8/llm-api-converter.8
644 ./usr/local/share/zsh/site-functions/_llm-api-converter"
expect "no mark is left" "$(grep -rlE '@[A-Z]+@' "$D" --include='*.service' --include=env --include='*.conf')" ""
echo "PORT=9000" >>"$D/etc/llm-api-converter/env"
expect_true "make install, again" install_there
expect_true "settings stay" grep -qx PORT=9000 "$D/etc/llm-api-converter/env"
(cd "$T" && env -i PATH="$PATH" "$PROGRAM" check-config --env-file "$D/etc/llm-api-converter/env" --output json) >"$T/body" 2>"$T/err"
expect "the settings are good" "$(jq -r '.[] | select(.name == "STATE_DIR") | .value' "$T/body" 2>&1; cat "$T/err")" /var/lib/llm-api-converter

# --- the manual page
man=$D/usr/local/share/man/man8/llm-api-converter.8
expect "man has no warning" "$(man --warnings -l "$man" 2>&1 >/dev/null)" ""
expect "mandoc has no warning" "$(mandoc -Tlint -Wwarning "$man" 2>&1 | grep -v ': TH$')" ""
man -l "$man" 2>/dev/null | col -bx >"$T/man.txt"
run -- docs commands --output json
for command in $(jq -r '.[].name' "$T/out"); do
    expect_true "the page tells of $command" grep -qE "^   $command( |$)" "$T/man.txt"
done

# --- completion, asked of the shells
bash_offers() { # WORDS... : what bash offers for the last one
    bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _llm_api_converter; printf "%s\n" "${COMPREPLY[@]}"' - \
        "$D/usr/local/share/bash-completion/completions/llm-api-converter" "$@" | xargs
}
expect "bash: commands" "$(bash_offers llm-api-converter up)" update-key
expect "bash: options of a command" "$(bash_offers llm-api-converter usage --)" "--by --days --from --reprice --apply --audit --output --env-file --help"
expect "bash: of serve without its name" "$(bash_offers llm-api-converter --port 1 --log)" "--log-level --log-format"
expect "bash: words of an option" "$(bash_offers llm-api-converter usage -b '')" "key user model day"
expect "bash: the older spelling" "$(bash_offers llm-api-converter create_api_key --budget-mode '')" "soft reserve"
expect "bash: a value that is not known" "$(bash_offers llm-api-converter list-keys --output json --env-file /etc/host)" "$(compgen -f /etc/host | xargs)"
expect "bash: nothing for a number" "$(bash_offers llm-api-converter serve --port '')" ""
expect "bash: words of an argument" "$(bash_offers llm-api-converter docs s)" settings

# zsh has to draw its offers on a terminal of its own (zpty).
zsh_offers() { # TEXT: what the line is after a tab
    zsh -f -c '
        zmodload zsh/zpty
        zpty shell "zsh -f -i"
        say() { zpty -w shell "$1"; }
        say "PS1=; PROMPT=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; bindkey \"^I\" complete-word; unsetopt zle_bracketed_paste; echo re\"\"ady"
        zpty -m -r shell got "*ready*"
        zpty -w -n shell "$2"$'"'\t'"'
        sleep 1
        out=
        while zpty -t -r shell got; do out+=$got; done
        print -r -- "$out"
        zpty -d shell' - "$D/usr/local/share/zsh/site-functions" "$1" 2>&1 | tr -d '\r' | sed 's/\x1b\[[?0-9;]*[A-Za-z]//g; s/\x07//g'
}
expect_match "zsh: a command" "$(zsh_offers 'llm-api-converter upd')" 'update-key'
expect_match "zsh: options with their meaning" "$(zsh_offers 'llm-api-converter usage --da')" '--days'
expect_match "zsh: words of an option" "$(zsh_offers 'llm-api-converter usage --by mo')" '--by model'
expect_match "zsh: words of an argument" "$(zsh_offers 'llm-api-converter docs zsh')" 'zsh-completion'

# --- the unit, as systemd judges it
mkdir "$T/unit"
sed "s#/usr/local/bin/llm-api-converter#$PROGRAM#; s#^Documentation=.*##" "$D/usr/local/lib/systemd/system/llm-api-converter.service" >"$T/unit/llm-api-converter.service"
expect "systemd-analyze verify" "$(systemd-analyze verify --man=no "$T/unit/llm-api-converter.service" 2>&1)" ""
systemd-analyze security --offline=yes --no-pager "$T/unit/llm-api-converter.service" >"$T/security" 2>&1
level=$(sed -nE 's/.*exposure level for [^:]*: ([0-9.]+) .*/\1/p' "$T/security")
echo "  systemd-analyze security: exposure ${level:-unknown}"
expect_true "systemd-analyze security: exposure is 1.5 or less" awk -v l="$level" 'BEGIN { exit !(l != "" && l <= 1.5) }'
expect_true "and it passes a threshold" systemd-analyze security --offline=yes --no-pager --threshold=15 "$T/unit/llm-api-converter.service"
# What the program asks of the kernel to fence itself is not in the group that the unit allows.
for call in seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_create setrlimit; do
    expect_true "the unit allows $call" grep -qE "^SystemCallFilter=.* $call( |$)|^SystemCallFilter=$call " "$T/unit/llm-api-converter.service"
done
timeout=$(sed -n 's/^TimeoutStopSec=//p' "$T/unit/llm-api-converter.service")
run -- docs settings --output json
expect_true "systemd waits longer than the drain" test "$timeout" -gt "$(jq '[.[] | select(.name == "SHUTDOWN_TIMEOUT" or .name == "SHUTDOWN_DELAY") | .default | tonumber] | add' "$T/out")"

DESTDIR=$D docker/systemd/install.sh --remove >/dev/null
expect "make uninstall leaves the settings" "$(cd "$D" && find . -type f)" ./etc/llm-api-converter/env
finish
