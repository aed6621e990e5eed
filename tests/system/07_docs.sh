#!/usr/bin/env bash
# What the README says of settings, routes and targets is what the program and the Makefile have.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

expect "table of settings in README" "$(B=${BUILD#"$ROOT"/} scripts/docs.sh --check 2>&1)" ""
for target in $(grep -oE '`make [a-z]+' README.md | sed 's/`make //' | sort -u); do
    expect_true "make $target exists" grep -qE "^$target:" Makefile
done
for command in $(sed -n '/} commands\[\]/,/^};/s/^ *{"\([a-z-]*\)".*/\1/p' master/main.c); do
    expect_true "README names the subcommand $command" grep -qE "^\\|.*\`$command" README.md
done
for path in $(grep -oE '^ *\{"[^"]+"' worker/routes.c | sed 's/.*"\(.*\)"/\1/; s/{prefix}/\/v1/; s/\*.*//'); do
    expect_true "README names the route $path" grep -qF -- "$path" README.md
done
for file in $(grep -oE '\(?(docker|scripts|tests|server|shm|worker|master)/[A-Za-z0-9_./-]+' README.md | tr -d '(' | sort -u); do
    file=${file%.}
    expect_true "README names $file, which exists" test -e "$file" -o -e "$file.c"
done
finish
