#!/usr/bin/env bash
# make lint sees what it is there for: in a copy of the tree each rule is broken on purpose, one at a time.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

# A whole copy for the rules about includes and sizes; a small one, one wing, for those that compile or format.
mkdir -p "$T/whole/tests" "$T/small/server" "$T/small/tests"
cp -r server shm worker master scripts Makefile "$T/whole"
cp -r tests/unit "$T/whole/tests"
cp -r server/base "$T/small/server"
cp -r Makefile .clang-format "$T/small"
mkdir "$T/small/scripts" # without the others: shellcheck takes its time with each
cp scripts/lint.sh scripts/house.awk scripts/members.awk scripts/wings scripts/portable.{awk,tsv} "$T/small/scripts"

lint() { (cd "$T/$1" && shift && CC=${CC:-gcc} scripts/lint.sh "$@" 2>&1); }

# caught WHAT TREE CHECK FILE REGEX: FILE of the tree is broken; CHECK must name it. Mends it.
caught() {
    expect_match "$1 is caught" "$(lint "$2" "$3")" "^$4:.*$5"
    rm -rf "${T:?}/$2/$4"
    [ -e "$4" ] && cp "$4" "$T/$2/$4"
}

# add TREE FILE LINE...: in front of the file (made with its folder when there is none)
add() {
    local file=$T/$1/$2
    shift 2
    mkdir -p "$(dirname "$file")"
    { printf '%s\n' "$@"; [ -e "$file" ] && cat "$file"; } >"$T/added"
    mv "$T/added" "$file"
}

# --- rooms and wings ------------------------------------------------------------------------------------

includes() { # WHAT FILE HEADER REGEX
    add whole "$2" "#include \"$3\""
    caught "$1" whole order "$2" "$4"
}
includes "a room includes to its right" server/base/text.c shm/memory/segment.h 'server/base must not include shm/memory/segment.h'
includes "nothing includes master" worker/door/count.c master/cli/options.h 'worker/door must not include master'
includes "a wing includes to its right" server/base/buf.c server/net/loop.h 'server/base must not include server/net/loop.h'
includes "a header does" shm/store/keyset.h shm/refresher/absent.h 'shm/store must not include'
includes "wings side by side do" worker/splice/splice_fold.c worker/converse/converse.h 'worker/splice must not include worker/converse/'
includes "the other way round" worker/converse/converse.c worker/splice/splice_job.h 'worker/converse must not include worker/splice/'
includes "a wing includes what stands above all wings" master/cli/top.c master/main.h 'master/cli must not include master/main.h'
includes "an include not from the root" server/net/loop.c loop.h 'is in no wing'
includes "an include into a folder that is no wing" server/net/loop.c server/misc/loop.h 'is in no wing'
add whole server/misc/thing.c 'int thing;'
caught "a wing that is in no table" whole order server/misc/thing.c 'server/misc is no wing'

# --- private headers ------------------------------------------------------------------------------------

stranger() { # FILE HEADER
    add whole "$1" "#include \"$2\""
    caught "$1 includes $2, it" whole private_headers "$1" "$2 is private to"
}
stranger worker/exchange/convert.c worker/splice/splice_job.h
stranger server/net/loop.c server/net/fetch_private.h
stranger server/net/fetcher.c server/net/fetch_private.h
stranger tests/unit/server/net/test_loop.c server/net/fetch_private.h
add whole server/net/fetch_new.c '#include "server/net/fetch_private.h"'
expect_no_match "a part of the noun may" "$(lint whole private_headers)" fetch_new
rm "$T/whole/server/net/fetch_new.c"

# --- circles --------------------------------------------------------------------------------------------

# circle WHAT NOUNS: the files of $T/whole/server/base/ring_* have been made
circle() {
    expect_match "$1 is caught" "$(lint whole circles)" "^server/base/ring_.*circle of $2 nouns: server/base/ring_"
    rm "$T"/whole/server/base/ring_*
}
ring() { add whole "server/base/ring_$1" "#include \"server/base/ring_$2\""; }
ring a.h b.h && ring b.h a.h
circle "two headers that include each other" 2
ring a.c a.h && ring a.c b.h && ring a.h c.h && ring b.h a.h && ring c.h d.h
circle "a circle through a .c" 2
ring a.c a.h && ring a.h d.h && ring a.c b.h && ring b.h c.h && ring c.h d.h && ring c.h a.h && ring d.h e.h
circle "a circle of three" 3
ring a_private.h b.h && ring a.h c.h && ring b.h a.h
circle "a circle through a private header" 2
add whole server/base/ring_a.h '' && ring b.h a.h && ring c.c b.h && ring c.c a_private.h && ring a_private.h a.h
circle "a circle through a part that has no header of its own" 2
ring a.h b.h && ring b.h c.h && ring a.c a.h && ring a.c a_private.h && ring a.c c.h && ring a_private.h a.h && ring d.c a.h
expect_no_match "no circle, none told" "$(lint whole circles)" 'ring_'
rm "$T"/whole/server/base/ring_*

# --- a README a wing ------------------------------------------------------------------------------------

spoil() { # WHAT REGEX SED: of shm/store/README.md
    sed -i "$3" "$T/whole/shm/store/README.md"
    expect_match "$1 is caught" "$(lint whole readmes)" "^shm/store/README.md:.*$2"
    cp shm/store/README.md "$T/whole/shm/store/"
}
spoil "a README under another wing's name" 'the first line is not' '1s/store/memory/'
spoil "a noun that it does not list" 'has no line for `keyset`' '/^- `keyset`/d'
spoil "a noun that is not there" '`keynot` is no noun' 's/^- `keyset`/- `keynot`/'
spoil "a file that is not there" 'shm/store/keynot.h does not exist' 's/`keystore.h`/`keynot.h`/'
spoil "a file of another wing that is not there" 'shm/memory/no.c does not exist' '$a `shm/memory/no.c`'
spoil "more than a screen" 'more than one screen' "\$a $(printf 'line\\n%.0s' {1..40})"
rm "$T/whole/shm/store/README.md"
expect_match "no README is caught" "$(lint whole readmes)" '^shm/store/README.md:.*is missing'
cp shm/store/README.md "$T/whole/shm/store/"
mkdir "$T/whole/shm/misc" "$T/whole/tests/unit/worker/misc"
expect_match "a folder that is no wing is caught" "$(lint whole readmes)" '^shm/misc:.* is no wing'
expect_match "also in the tests" "$(lint whole readmes)" '^worker/misc:.* is no wing'
rmdir "$T/whole/shm/misc" "$T/whole/tests/unit/worker/misc"

# --- scripts that make runs ------------------------------------------------------------------------------

chmod -x "$T/whole/scripts/smoke.sh"
expect_match "a script that cannot be run is caught" "$(lint whole modes)" '^scripts/smoke.sh: begins with #! and is not executable'
chmod +x "$T/whole/scripts/smoke.sh" "$T/whole/scripts/lib.sh"
expect_match "a piece that can be run is caught" "$(lint whole modes)" '^scripts/lib.sh: is executable'
chmod -x "$T/whole/scripts/lib.sh"

cp -r .dockerignore docker "$T/whole/"
sed -i '/release.lock/d; s/^!master$/!mast/' "$T/whole/.dockerignore"
expect "files kept from the builder of an image are caught" "$(lint whole builder | sed -n 's/^\(docker[^:]*\):[0-9]*:/\1:/p')" \
    'docker/Dockerfile: .dockerignore keeps docker/release.lock from the builder
docker/Dockerfile: .dockerignore keeps master from the builder'
cp .dockerignore "$T/whole/"

# --- sizes ----------------------------------------------------------------------------------------------

for i in {1..20}; do
    add whole "server/json/noun$i.c" "int noun$i;"
    add whole "server/json/noun${i}_private.h" ''
done
expect_match "a wing of too many nouns is warned of" "$(lint whole nouns)" '^server/json: warning: wing of [0-9]+ nouns, more than 16'
own=$(($(lint whole nouns | sed -n 's/^server.json: warning: wing of \([0-9]*\) nouns.*/\1/p') - 20)) # before those
expect "its own are a few" "$((own > 2 && own < 12))" 1
rm "$T"/whole/server/json/noun*
for ((i = own; i < 17; i++)); do add whole "server/json/noun$i.c" "int noun$i;" && add whole "server/json/noun$i.h" ''; done
expect_match "17 are" "$(lint whole nouns)" '^server/json: warning: wing of 17 nouns'
rm "$T"/whole/server/json/noun*
for ((i = own; i < 16; i++)); do add whole "server/json/noun${i}.c" "int noun$i;" && add whole "server/json/noun$i.h" ''; done
expect_no_match "16 are not too many" "$(lint whole nouns)" 'server/json'
rm "$T"/whole/server/json/noun*
for room in server/json/long.c tests/unit/long.c; do
    seq 501 | sed 's/.*/int i&;/' >"$T/whole/$room"
    caught "a file of 501 lines" whole sizes "$room" '501 lines, more than 500'
    { echo 'void f(void)' && echo '{' && seq 61 | sed 's/.*/    f();/' && echo '}'; } >"$T/whole/$room"
    caught "a function of 61 lines" whole sizes "$room" 'function of 61 lines'
    { seq 436 | sed 's/.*/int i&;/' && echo 'void f(void)' && echo '{' && seq 60 | sed 's/.*/    f();/' && echo '}'; } >"$T/whole/$room"
    expect_no_match "500 lines and a function of 60" "$(lint whole sizes)" "^$room"
    rm "$T/whole/$room"
done

# --- members of a struct -----------------------------------------------------------------------------------

# shape COUNT LINE...: a struct of so many `int`s, and these lines
shape() {
    {
        echo 'struct shape {'
        [ "$1" -eq 0 ] || seq "$1" | sed 's/.*/    int i&;/'
        [ $# -eq 1 ] || printf '    %s\n' "${@:2}"
        echo '};'
    } >"$T/small/server/base/shape.h"
}
too_many() { caught "$1" small members server/base/shape.h "[0-9]: struct $2 has $3 members, more than 25"; }
few_enough() { expect_no_match "$1" "$(lint small members)" '^server/base/shape'; }
shape 26
too_many "a struct of 26 members" shape 26
shape 25
few_enough "25 are not too many"
shape 0 "int $(seq -f 'i%g' -s ', *' 26);"
too_many "26 in one declaration" shape 26
shape 20 'union {' 'int a, b;' 'struct { int c, d; };' 'struct { int e; } f;' 'int g;' '};'
too_many "what a struct without a name adds" shape 26
shape 3 'struct {' "$(seq -f 'int j%g;' 26)" '} within[2];'
too_many "26 within a struct" 'without a name' 26
shape 23 'struct {' "$(seq -f 'int j%g;' 25)" '} within;' 'enum { A, B, C } kind;'
few_enough "a struct within a struct is one member"
shape 23 'void (*call)(int a, struct b *b, int c[2][3]); /* int d; int e; */' '// int f; int g;' 'unsigned bits : 3;'
few_enough "parameters and comments are none"
shape 23 '#define MEMBER(name, type) \' '    type name;' 'TABLE(MEMBER)' '#undef MEMBER' 'int a, b;'
few_enough "rows of a table are none"
shape 23 'TABLE(MEMBER)' 'int a, b, c;'
too_many "what stands beside a table" shape 26
shape 25
printf '%s\n' 'static const struct shape s = {1, 2, 3};' 'void f(void) {' '"};struct x {"; g((struct { int a, b; }){1, 2}); ' \
    "'{'; struct y { $(seq -f 'int j%g;' 26) } y; }" >>"$T/small/server/base/shape.h"
too_many "one in a function, behind braces in texts," y 26

# --- the other rules ------------------------------------------------------------------------------------

add small server/base/text.c '#include <curl/curl.h>'
caught "a foreign header outside its file" small third_party server/base/text.c 'stays behind one file'
add small server/base/text.c '#include <stdio.h>'
caught "another header before its own" small own_header_first server/base/text.c 'the first include is not server/base/text.h'
add small server/base/needy.h 'struct needy { uint32_t n; };'
caught "a header that does not compile alone" small headers_alone server/base/needy.h 'does not compile alone'
add small server/base/text.c 'void bad(char *p) { strcpy(p, "x"); }'
caught "a banned call" small banned_calls server/base/text.c 'banned call'
add small server/base/text.c 'char *leak(void) { return malloc(3); }'
caught "malloc outside arena and buf" small banned_calls server/base/text.c 'banned call'
add small server/base/text.c '/* strcpy(a, b) in a comment */'
expect_no_match "a banned word in a comment is none" "$(lint small banned_calls)" '^server'
cp server/base/text.c "$T/small/server/base/"
add small server/base/text.c "/* TO""DO: more */"
caught "what is not finished" small unfinished server/base/text.c 'unfinished'
if command -v clang-format-14 >/dev/null; then
    add small server/base/text.c 'int  x ;'
    caught "what is not formatted" small format server/base/text.c 'not formatted'
fi
if command -v shellcheck >/dev/null; then
    add small scripts/bad.sh '#!/bin/bash' 'cd $1' 'rm -rf $1/*'
    caught "what shellcheck finds" small shells scripts/bad.sh 'warning: '
fi
mkdir "$T/bin"
ln -sf /usr/bin/* /bin/* "$T/bin/" 2>/dev/null
rm -f "$T"/bin/{clang-format*,shellcheck}
out=$(cd "$T/small" && PATH=$T/bin scripts/lint.sh format shells 2>&1)
expect "a check without its tool does not fail" $? 0
for tool in clang-format-14 shellcheck; do
    expect_match "it says that $tool is missing" "$out" "skipped: $tool is not installed"
done
lint whole no_such_check >/dev/null
expect "a check that does not exist" $? 2
add small server/base/text.c 'int x = 0; /* FIX''ME */'
lint small unfinished >/dev/null
expect "a finding fails" $? 1

# --- and the tree itself --------------------------------------------------------------------------------

out=$(scripts/lint.sh order circles nouns readmes sizes members 2>&1)
expect "this tree has no finding" "$?" 0
expect_match "this tree has no finding, it says" "$out" '^lint: 0 findings'
# --- bash 3.2 and BSD tools -------------------------------------------------------------------------------

# Each row of the table by its own sample, in a script that a Mac runs; not in a comment, not in one of the build machine.
awk -F'\t' '!/^#/ { print "# " $2; print $2 }' scripts/portable.tsv >"$T/small/scripts/deploy-x.sh"
lint small portable >"$T/found"
line=0
while IFS=$'\t' read -r _ sample why; do
    line=$((line + 2))
    expect_true "\"$sample\": \"$why\" is caught" grep -qF "scripts/deploy-x.sh:$line: $sample   ($why)" "$T/found"
    expect "\"$sample\" in a comment is not" "$(grep -c "^scripts/deploy-x.sh:$((line - 1)):" "$T/found")" 0
done < <(grep -v '^#' scripts/portable.tsv)
mv "$T/small/scripts/deploy-x.sh" "$T/small/scripts/docs.sh"
expect_no_match "nor where no Mac runs" "$(lint small portable)" '^scripts/docs.sh'
rm "$T/small/scripts/docs.sh"
# Other shapes of the same: a row must not be as narrow as its sample.
cat >"$T/small/scripts/deploy-x.sh" <<'END'
f ${list[@]}
for x in "${list[@]:1}"; do
x | mapfile -t y
(coproc cat)
echo "${@^^}" "${1,}"
echo "${!name,,}"
local -A map
readonly -A map
typeset -l x
cmd &>> file
printf -v list2[1] x
echo $((${list[-1]}))
[[ a && -v x ]]
[[ (-v x) ]]
if [ ! -v x ]; then
wait -p v -n
exec {fd}>&-
case x in a) b ;& c) d ;; esac
echo "${list[@]@Q}" "${@@Q}"
read -rN1 x
read -r -N 1 x
read -rt .5 x
printf -v t '%(%s)T' -1
echo {a..z..2}
echo "${x: -3:-1}"
echo "${!x@Q}"
mapfile<f
echo ${a[ -1 ]}
a[-1]=x
echo ${a[-1]}
printf '\u2'
read -p 'x? ' -t 0.5 x
read -t 0 x
read -rt0 x
read -ei text x
bash -O globstar -c x
shopt -s autocd
exec {fd[0]}>x
exec {fd}<file
source <(echo x)
echo ${x:0:-$n}
echo ${x:$i:-1}
echo ${x:i+1:-1}
[[ $x != *.+(c|h) ]]
[[ $x = ?(a)b ]]
x=${|echo a; }
END
lint small portable >"$T/found"
line=0
while IFS= read -r shape; do
    line=$((line + 1))
    expect_match "\"$shape\" is caught too" "$(grep -o "^scripts/deploy-x.sh:$line:" "$T/found")" .
done <"$T/small/scripts/deploy-x.sh"
# Tools: what lint knows that a Mac has not, the Mac that is played for the deployment tests has not either.
cat >"$T/small/scripts/deploy-x.sh" <<'END'
sed -i s/a/b/ x
sed -nr s/a/b/p x
sed -z s/a/b/ x
sed 's/a\+/b/' x
sed 's/a/b\n/' x
sed 's/a/\t/' x
sed -n '/a/{p}' x
grep -oP a x
grep --perl-regexp a x
date -Iseconds
date --utc
date -d yesterday
date +%s%N
readlink -e x
readlink -f x
cat x | tac
sha256sum <x
timeout -k 1 5 true
n=$(nproc)
awk 'BEGIN { match("a", /a/, m) }'
awk 'BEGIN { print strftime("%F") }'
stat -Lc %s x
base64 -w0 x
echo | xargs -r true
echo x | xargs -d, true
find . -printf x
find -name x
find . -regextype posix-extended
mktemp -p /tmp
mktemp -u
cut -d, --complement -f1 x
head -n -1 x
head -c -1 x
tail --lines=1 x
sort -rV x
sort --version-sort x
ln -sr x y
cp -t y x
cp --parents x y
ls --color
wc -L x
touch -d yesterday x
du -sb x
ps --no-headers
END
# shellcheck source=tests/aws/userland.sh
. tests/aws/userland.sh
userland "$T/mac"
mkdir "$T/work"
printf 'a\n' >"$T/work/x"
not_taken() { ! (cd "$T/work" && env -i PATH="$T/mac" "$T/mac/bash" -o pipefail -ec "$1" >"$T/out" 2>&1 </dev/null); }
rest="sed -E -e 's/a/b/' x | sort -n | tr a b && date -u +%F && find . -name x | xargs cat && head -n 1 x && cut -d, -f1 x && ls -l | wc -l && ln -s x y && rm -r y \"\$(mktemp -d)\""
expect_true "the played Mac takes the rest" eval '! not_taken "$rest"'
lint small portable >"$T/found"
line=0
while IFS= read -r shape; do
    line=$((line + 1))
    expect_match "\"$shape\" is caught" "$(grep -o "^scripts/deploy-x.sh:$line:" "$T/found")" .
    [[ $shape == awk* && ! -x /usr/bin/original-awk ]] ||
        expect_true "\"$shape\" is not taken by the played Mac" not_taken "$shape"
done <"$T/small/scripts/deploy-x.sh"
# What bash 3.2 has and a Mac's tools do must pass.
cat >"$T/small/scripts/deploy-x.sh" <<'END'
call ${list2[@]+"${list2[@]}"} ${#list[@]} "$@"
a && command -v x
read -r -t 1 x && y -i
read -r x <<<"$y"
echo "${x:-a:-b}" "${x: -3}" "${x:1:2}" {1..10} "${!x}"
[[ $x == *"$(y)" && $x =~ ^a+(b|c)$ && -n ${y:+x} ]]
y="${x//a/b}" z=${x//a/"b"}
aws logs tail /x --region y
sed -E -e 's/a\n/b/' x | find . -name x | sort -n | cp -R a b
. ./lib.sh
deploy --timeout 5 --sort x
END
expect "what a Mac has passes" "$(lint small portable | grep '^scripts/deploy-x.sh')" ''
# $(...) over several lines: the pattern of a case, and an odd quote in a here-document.
cat >"$T/small/scripts/deploy-x.sh" <<'END'
x=$(
    case $y in
    a | b) echo z ;; # 3
    esac
)
x="$(f "$(g)"; case $y in a) z ;; esac)" # 6
f <(case $y in a) z ;; esac) # 7
x=$(cat <<E # 8
don't
E
)
x=$( (case $y in a) z ;; esac) ) # 12
x=$(case $y in (a) z ;; (b | c) w ;; esac)
case $x in a) y=$(f) ;; *) z=$(g "a)b" 'case x in b)') ;; esac
((x = 1 << 2))
y="${x:-it's}"
cat <<-E
	don't $(case
	E
x=$(cat <<'E' && y
'a' "b"
E
)
f() { case $1 in a) x=$((1 << 2)) ;; esac; } # case x in a)
y="${x//a/"b"}" # 25
y="a${x[1]/#a/'b'}" # 26
y="${x//"a"/\"b}" # 27
y="${x//"a"/$b}" z=${x//a/"b"} w="${x:-"a/b"}"
END
expect "what bash 3.2 misreads" "$(lint small portable | sed -n 's/^scripts.deploy-x.sh:\([0-9]*\):.*/\1/p' | xargs)" '3 6 7 8 12 25 26 27'
rm "$T/small/scripts/deploy-x.sh"
expect_no_match "the scripts themselves pass" "$(scripts/lint.sh portable 2>&1)" '^scripts/.*:'

finish
