#!/usr/bin/env bash
# The deployment guides cannot rot: every command block is run against stubs (tests/system/stubs), files, make targets,
# flags and variables that they name exist, what they do by hand is what the scripts do, and both languages have the same
# commands.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

STUBS=$ROOT/tests/system/stubs
ARN=arn:aws:apprunner:us-west-2:123456789012:service/llm-api-converter/8fe1e10304f84fd2b0df550fe98a71fa
GUIDES="docker/DEPLOYMENT.md docker/DEPLOYMENT.zh-CN.md"

# --- stubs of the programs that blocks call ---------------------------------------------------------------------

mkdir -p "$T/bin" "$T/stub"
ln -s "$STUBS/stub.sh" "$T/bin/sudo"
ln -s "$STUBS/stub.sh" "$T/bin/brew"
cat >"$T/bin/make" <<END
#!/usr/bin/env bash
for word in "\$@"; do
    [[ \$word == *=* ]] || grep -qE "^\$word:" '$ROOT/Makefile' || { echo "make: no target \$word" >&2; exit 1; }
done
END
# The real program only shows its --help: every subcommand and flag must be in it.
cat >"$T/bin/llm-api-converter" <<END
#!/usr/bin/env bash
help=\$('$PROGRAM' "\$1" --help) || exit 1
for word in "\${@:2}"; do
    [[ \$word != -* ]] || grep -qE -- "(^|[ ,])\$word([ ,]|\$)" <<<"\$help" || { echo "no \$word in \$1 --help" >&2; exit 1; }
done
END
cat >"$T/bin/curl" <<'END'
#!/usr/bin/env bash
code=200 out=/dev/stdout
[[ "$*" != */v1/messages* || "$*" == *x-api-key* || "$*" == *@/* ]] || code=401
for ((i = 1; i < $#; i++)); do
    [ "${!i}" != -o ] || { i=$((i + 1)); out=${!i}; }
done
echo '{"type":"message"} message_stop authentication_error' >"$out"
[[ "$*" != *http_code* ]] || printf %s "$code"
END
chmod +x "$T"/bin/*

answers() { printf '%s\n' "${@:2}" >"$T/stub/$1"; }
answers sts.get-caller-identity '0 123456789012\tarn:aws:iam::123456789012:user/x'
answers sts.get-caller-identity@Account '0 123456789012'
answers ecr.describe-images '0 sha256:0123456789abcdef'
answers logs.describe-log-groups '0 30'
answers apprunner.list-auto-scaling-configurations '0 arn:scaling'
answers apprunner.create-auto-scaling-configuration '0 arn:scaling'
answers ecs.create-express-gateway-service@skeleton '0 {"taskDefinitionArn": ""}'
answers ecs.create-express-gateway-service '0 arn:service'
answers ecs.register-task-definition@skeleton '0 {"family":"","containerDefinitions":[]}'
answers ecr.get-login-password '0 password'
answers apprunner.list-services "0 $ARN"
answers apprunner.create-service "0 $ARN"
answers apprunner.describe-service "0 RUNNING\tstub.example\t2026-01-01\t2026-01-02"
answers apprunner.describe-service@Service.Status '0 RUNNING'
answers apprunner.describe-service@Service.ServiceUrl '0 stub.example'
answers apprunner.list-operations '0 SUCCEEDED'
answers ecs.describe-services '0 arn:aws:ecs:us-west-2:123456789012:service/default/llm-api-converter'
answers apprunner.describe-service@Service.SourceConfiguration '0 {"AutoDeploymentsEnabled":false,"ImageRepository":{"ImageConfiguration":{}}}'
answers ecs.describe-express-gateway-service@service.activeConfigurations0 '0 {"taskDefinitionArn":"arn:task"}'
answers ecs.describe-express-gateway-service@service.status.statusCode '0 INACTIVE'
answers ecs.describe-task-definition '0 {"family":"x","containerDefinitions":[{"name":"Main"}]}'
answers ecs.register-task-definition '0 arn:task'
answers ecs.describe-express-gateway-service '0 arn:deployment'
answers ecs.describe-service-deployments '0 SUCCESSFUL'

run_block() { # FILE
    env -i PATH="$T/bin:$STUBS:/usr/bin:/bin" HOME="$T" STUB="$T/stub" POLL_SECONDS=0 ROLE_SECONDS=0 \
        LLM_API_CONVERTER=llm-api-converter bash -euo pipefail "$1" >"$T/out" 2>"$T/err" </dev/null
}

# --- the blocks -------------------------------------------------------------------------------------------------

# blocks GUIDE LANGUAGE DIRECTORY: its fenced blocks of that language, a file each
blocks() {
    mkdir -p "$3"
    awk -v language="$2" -v dir="$3" '
        /^```/ && inside { inside = 0; close(file); next }
        $0 == "```" language { inside = 1; file = sprintf("%s/%02d", dir, ++n); next }
        inside { print > file }' "$1"
}

for guide in $GUIDES; do
    dir=$T/$(basename "$guide")
    blocks "$guide" bash "$dir.bash"
    blocks "$guide" json "$dir.json"
    expect_true "$guide has its blocks" [ "$(find "$dir.bash" -type f | wc -l)" -ge 25 ]
    for file in "$dir.bash"/*; do
        where="$guide, bash block $(basename "$file")"
        expect_true "$where: syntax" bash -n "$file"
        [ "$guide" = docker/DEPLOYMENT.md ] || continue # the same commands: proved below
        sed -e "s#<service-arn>#$ARN#; s#<service-url>#stub.example#; s#<service-id>#8fe1#; s#<stream-name>#s#" \
            -e 's#build/llm-api-converter setup#llm-api-converter setup#' "$file" >"$T/block"
        # What is deleted is there once, and then no more.
        rm -f "$T/stub/apprunner.list-services.count"
        answers apprunner.list-services "0 $ARN"
        ! grep -q delete-service.sh "$T/block" || echo '0 ' >>"$T/stub/apprunner.list-services"
        expect_no_match "$where: unknown placeholder" "$(cat "$T/block")" '<[a-z-]+>'
        if run_block "$T/block"; then pass; else fail "$where: $(head -3 "$file"): $(tail -2 "$T/err")"; fi
        for name in $(grep -oE '(docker|scripts)/[A-Za-z0-9_./-]+' "$file"); do
            expect_true "$where: $name exists" test -e "$name"
        done
    done
    for name in $(grep -oE '`(docker|scripts)/[A-Za-z0-9_./-]+' "$guide" | tr -d '`' | sort -u); do
        expect_true "$guide: $name exists" test -e "$name"
    done
    "$PROGRAM" check-config --markdown >"$T/settings"
    for name in $(grep -oE '^\| `[A-Z_]+`' "$guide" | tr -d '|` '); do
        expect_true "$guide: setting $name exists" grep -qF "| \`$name\` |" "$T/settings"
    done
    for flag in $(grep -oE '`(-[a-z], )?--[a-z-]+`' "$guide" | tr -d '\`,' | tr ' ' '\n' | sort -u); do
        expect_true "$guide: $flag is a flag of a deployment script" grep -qE -- "(^|[ ,])$flag([ ,]|$)" \
            <(scripts/deploy-ecs-express.sh --help)
    done
    expect "$guide: trust policy" "$(jq -S . "$dir.json/01")" "$(jq -S . scripts/iam/apprunner-access-trust.json)"
    expect "$guide: policy" "$(jq -S . "$dir.json/02")" "$(jq -S . scripts/iam/gateway-policy.json)"
done

# --- by hand is as by script ------------------------------------------------------------------------------------

# Everything but what the script only needs to read the answer; it also pushes the version's own tag.
normal() { sed 's/ --query Service.ServiceArn --output text//; s/[[:space:]]//g'; }
calls_of() { grep -E "$1" "$T/stub/calls" | grep -vE ':[0-9]+\.[0-9]+\.[0-9]+$' | normal | LC_ALL=C sort; }
steps='ecr create-repository|ecr get-login|docker (login|tag|push)|apprunner create-service'

by_hand=$(grep -l 'apprunner create-service' "$T"/DEPLOYMENT.md.bash/* | head -1)
push=$(grep -l 'ecr create-repository' "$T"/DEPLOYMENT.md.bash/* | head -1)
: >"$T/stub/calls"
run_block "$push"
run_block "$by_hand"
calls_of "$steps" >"$T/by-hand"
: >"$T/stub/calls"
answers apprunner.list-services '0 '
echo './scripts/deploy-apprunner.sh --create -p amd64 -r us-west-2' >"$T/block"
run_block "$T/block"
calls_of "$steps" >"$T/by-script"
expect "steps by hand" "$(wc -l <"$T/by-hand")" 6
expect "by hand as by script" "$(cat "$T/by-hand")" "$(cat "$T/by-script")"

# --- pasted on a Mac --------------------------------------------------------------------------------------------

# zsh knows no comments at its prompt: what follows a # there are words of the command, and a line of its own is an unknown
# command, which does no harm unless zsh stumbles over its characters.
as_words() {
    awk '/^```/ { inside = !inside; pasted = $0 ~ /^```(bash)?$/; next }
        inside && pasted && (/[^ \t].*[ \t]#([ \t]|$)/ || /^[ \t]*#.*[\047"`()\[\]{}<>$&;|*?\\!~]/) { print FILENAME ": " $0 }' "$@"
}
printf '%s\n' '```' 'make run # builds' '```' '```bash' "# don't" '# fine' 'x=${y#z} curl a#b' '```' '```nginx' 'a; # b' '```' '# (head)' >"$T/words.md"
expect "what zsh takes for words" "$(as_words "$T/words.md" | sed 's/^[^:]*: //' | xargs -d '\n' printf '%s|')" "make run # builds|# don't|"
expect "nothing that is pasted has any" "$(as_words README*.md docker/*.md docker/*/README.md)" ''

# --- both languages ---------------------------------------------------------------------------------------------

shape() { awk '/^```/ { inside = !inside } !inside && /^#+ / { print $1 } !inside && /^\|/ { print "|" }' "$1"; }
code() { cat "$T/$(basename "$1").bash"/* | sed '/^#/d'; }
expect "same headings and table rows" "$(shape docker/DEPLOYMENT.zh-CN.md)" "$(shape docker/DEPLOYMENT.md)"
expect "same commands" "$(code docker/DEPLOYMENT.zh-CN.md)" "$(code docker/DEPLOYMENT.md)"
finish
