#!/usr/bin/env bash
# What a release hands out: the bill of materials as SPDX's own library reads it, make dist from a clean clone, its
# refusals, the signature with a key from outside, and the labels that build-docker.sh gives.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
ARCH=$(dpkg --print-architecture)
VERSION=$(sed -n 's/^VERSION := //p' Makefile)
need_apt minisign
need_pip spdx_tools spdx-tools
need_pip packageurl packageurl-python

# --- bill of materials. Without a release build: what it would link, by the lock.
R=$T/release
mkdir -p "$R/$ARCH"
if [ -e "build/release/$ARCH/packages.tsv" ]; then
    cp "build/release/$ARCH/packages.tsv" "$R/$ARCH/"
else
    awk '/^[a-z0-9]+ / && !seen[$1]++ { print $1 "\t" $2 "\tMIT" }' docker/release.lock >"$R/$ARCH/packages.tsv"
fi
SBOM=$T/sbom.spdx.json
export SOURCE_DATE_EPOCH=1790000000
scripts/sbom.sh "$ARCH" "$R" "$PROGRAM" >"$SBOM" || fail "sbom.sh"
expect "the same twice" "$(scripts/sbom.sh "$ARCH" "$R" "$PROGRAM" | sha256sum)" "$(sha256sum <"$SBOM")"
expect "what is linked is listed, and no more" "$(jq -r '.packages[].name' "$SBOM" | sort | xargs)" \
    "$({ cut -f1 "$R/$ARCH/packages.tsv"; echo glibc; echo llm-api-converter; } | sort | xargs)"
expect "each is linked to the program, but for the one that made its filters" \
    "$(jq -r '[.relationships[] | select(.relationshipType == "STATIC_LINK")] | length' "$SBOM")" "$(($(jq '.packages | length' "$SBOM") - 2))"
expect "and that one is no part of it" "$(jq -r '.relationships[] | select(.spdxElementId == "SPDXRef-libseccomp") | [.relationshipType, .relatedSpdxElement] | join(" ")' "$SBOM")" \
    "BUILD_TOOL_OF SPDXRef-llm-api-converter"
expect "the program's checksum" "$(jq -r '.packages[0].checksums[0].checksumValue' "$SBOM")" "$(sha256sum "$PROGRAM" | cut -d' ' -f1)"
expect "versions as the databases of vulnerabilities have them" "$(jq -r '.packages[].versionInfo | select(test("^[0-9]+(\\.[0-9]+)+$") | not)' "$SBOM")" ""
expect "the time" "$(jq -r .creationInfo.created "$SBOM")" 2026-09-21T14:13:20Z
expect "each source's checksum is in the lock" "$(jq -r '.packages[1:][] | select(.name != "glibc") | .checksums[0].checksumValue' "$SBOM" | sort)" \
    "$(awk 'NR == FNR { own[$1]; next } $1 in own && $4 ~ /\.(dsc|deb)$/ { print $3 }' "$R/$ARCH/packages.tsv" docker/release.lock | sort)"
"$TOOLS/venv/bin/python" - "$SBOM" >"$T/spdx" 2>&1 <<'PY'
import sys
from packageurl import PackageURL
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
doc = parse_file(sys.argv[1])
for m in validate_full_spdx_document(doc):
    print("invalid:", m.validation_message)
for p in doc.packages:
    refs = {r.reference_type: r.locator for r in p.external_references}
    u = PackageURL.from_string(refs["purl"])
    cpe = refs.get("cpe23Type", "")
    if p.name != "llm-api-converter" and (len(cpe.split(":")) != 13 or cpe.split(":")[5] != p.version):
        print("cpe:", p.name, cpe)
    if u.type == "deb" and not u.version.startswith(p.version):
        print("purl:", p.name, u.version, p.version)
PY
expect "spdx-tools, purls, CPEs" "$(cat "$T/spdx")" ""

# --- make dist, from a clone as it is committed, with stand-ins for the two programs
git clone -q --no-hardlinks . "$T/clone" 2>"$T/err" || fail "clone: $(cat "$T/err")"
for f in docker/release Makefile scripts docker/kubernetes docker/deb docker/systemd; do cp -r "$f" "$T/clone/$(dirname "$f")/"; done
(cd "$T/clone" && git -c user.name=t -c user.email=t@t add -A && git -c user.name=t -c user.email=t@t commit -qm trial --allow-empty)
for arch in amd64 arm64; do
    mkdir -p "$T/clone/build/linux-$arch" "$T/clone/build/deb"
    cp "$PROGRAM" "$T/clone/build/linux-$arch/llm-api-converter"
    cp "$SBOM" "$T/clone/build/linux-$arch/"
    echo "deb of $arch" >"$T/clone/build/deb/llm-api-converter_${VERSION}_$arch.deb"
done
dist() { (cd "$T/clone" && docker/release/dist.sh build/dist amd64 arm64) >"$T/out" 2>"$T/err"; }
expect_true "make dist" dist
expect_match "without a tag it says so" "$(cat "$T/err")" "no tag v$VERSION: a trial"
D=$T/clone/build/dist
expect "what it hands out" "$(cd "$D" && find . -type f -printf '%P\n' | sort | xargs)" "CHANGELOG.md SHA256SUMS llm-api-converter-$VERSION-linux-amd64 llm-api-converter-$VERSION-linux-amd64.spdx.json \
llm-api-converter-$VERSION-linux-arm64 llm-api-converter-$VERSION-linux-arm64.spdx.json llm-api-converter-$VERSION.tar.gz llm-api-converter_${VERSION}_amd64.deb llm-api-converter_${VERSION}_arm64.deb"
expect_true "its checksums" bash -c "cd '$D' && sha256sum --check --quiet SHA256SUMS"
expect "all but the list itself" "$(wc -l <"$D/SHA256SUMS")" "$(($(find "$D" -type f | wc -l) - 1))"
first=$(sha256sum <"$D/SHA256SUMS")
dist
expect "the same bytes again" "$(sha256sum <"$D/SHA256SUMS")" "$first"
expect "the source builds: it has the Makefile of this version" "$(tar -xOzf "$D/llm-api-converter-$VERSION.tar.gz" "llm-api-converter-$VERSION/Makefile" | sed -n 's/^VERSION := //p')" "$VERSION"
refuses() { # WHAT COMMAND WORDS: after COMMAND in the clone
    (cd "$T/clone" && eval "$2") >/dev/null 2>&1
    dist
    expect_match "refused: $1" "$(cat "$T/err")" "$3"
    (cd "$T/clone" && git tag -d v9.9.9; git checkout -q .) >/dev/null 2>&1
}
refuses "changes that are not committed" 'echo x >>README.md' 'not committed'
refuses "another tag" 'git tag v9.9.9' 'the tag is v9.9.9'
commit="git -c user.name=t -c user.email=t@t commit -qam x"
refuses "a version without a heading" "sed -i 's/^VERSION := .*/VERSION := 9.9.9/' Makefile; $commit" 'no heading for 9.9.9'
refuses "a chart of another version" "printf '\n## 9.9.9\n' >>docker/release/CHANGELOG.md; $commit" 'chart is not 9.9.9'
(cd "$T/clone" && git reset -q --hard HEAD~2)
expect_true "and a good one again" dist

# --- signed, with a key from outside
sign() { (cd "$T/clone" && docker/release/sign.sh build/dist "$1") >"$T/out" 2>&1 </dev/null; }
expect_match "no key" "$(sign ''; cat "$T/out")" '^dist-sign: which key\?'
minisign -G -W -s "$T/secret.key" -p "$T/public.pub" >/dev/null 2>&1 || echo | minisign -G -s "$T/secret.key" -p "$T/public.pub" >/dev/null 2>&1
cp "$T/secret.key" "$T/clone/"
sign "$T/clone/secret.key"
expect_match "a key inside the tree is refused" "$(cat "$T/out")" 'lies in the source tree'
expect_true "signed" sign "$T/secret.key"
verify() { minisign -V -p "$T/public.pub" -m "$D/SHA256SUMS"; }
expect_match "and verified, with what it is" "$(verify 2>&1)" "Trusted comment: llm-api-converter $VERSION"
# One bit of one byte, in the middle of each thing that is handed out, of the list and of its signature: who downloads it, by
# the two commands of the recipe, is told; and the bit turned back, all is well again.
downloads() { (cd "$D" && minisign -Vq -p "$T/public.pub" -m SHA256SUMS && sha256sum --check --quiet --ignore-missing SHA256SUMS) >/dev/null 2>&1; }
expect "the recipe's two commands" "$(grep -cE '^(minisign -V -p llm-api-converter.pub -m SHA256SUMS|sha256sum --check --ignore-missing SHA256SUMS)$' docker/release/README.md)" 2
expect_true "who downloads it finds it good" downloads
turn() { # FILE: its middle byte, the lowest bit
    local at=$(($(wc -c <"$1") / 2)) byte
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
for file in "$D"/*; do
    turn "$file"
    expect_true "a changed bit of ${file##*/} is found" bash -c "! (D='$D' T='$T'; $(declare -f downloads); downloads)"
    turn "$file"
done
expect_true "and turned back all is good" downloads
minisign -G -W -f -s "$T/other.key" -p "$T/other.pub" >/dev/null 2>&1 || echo | minisign -G -f -s "$T/other.key" -p "$T/other.pub" >/dev/null 2>&1
expect_true "another key does not verify" bash -c "! minisign -Vq -p '$T/other.pub' -m '$D/SHA256SUMS'"
echo x >>"$D/CHANGELOG.md"
sign "$T/secret.key"
expect_match "what is not as listed is not signed" "$(cat "$T/out")" 'not the one that SHA256SUMS names'
expect_no_match "the key is in nothing that is handed out" "$(grep -rl "$(tail -n 1 "$T/secret.key")" "$D")" .

# --- images: labels and tags
mkdir "$T/bin"
printf '#!/bin/sh\necho "$@" >>"%s"\n' "$T/docker.calls" >"$T/bin/docker"
chmod +x "$T/bin/docker"
PATH=$T/bin:$PATH scripts/build-docker.sh -p amd64 >/dev/null 2>"$T/err" || fail "build-docker.sh: $(cat "$T/err")"
call=$(grep 'buildx build' "$T/docker.calls")
expect_match "the image is told version, revision and time" "$call" "--build-arg VERSION=$VERSION --build-arg REVISION=$(git rev-parse HEAD) --build-arg CREATED=2[0-9-]+T[0-9:]+Z --build-arg SOURCE=(unknown|https://[^@ ]*) --build-arg SOURCE_DATE_EPOCH=[0-9]+ "
expect_match "and tagged with the version" "$call" "-t llm-api-converter:$VERSION "
for file in docker/Dockerfile docker/Dockerfile.prebuilt; do
    for label in version revision created source; do
        expect_match "$file has the label $label" "$(cat $file)" "org.opencontainers.image.$label=\"\\\$${label^^}\""
    done
done
# --- the example policy
expect "policy: no resource is everything" "$(jq -r '.Statement[].Resource | if type == "array" then .[] else . end | select(. == "*")' docker/iam/gateway-policy-narrow.json)" ""
expect "policy: the actions of the wide one, and no other" "$(jq -r '[.Statement[].Action[]] | unique[]' docker/iam/gateway-policy-narrow.json)" \
    "$(jq -r '[.Statement[].Action[]] | unique[] | select(startswith("aws-marketplace") | not)' scripts/iam/gateway-policy.json)"
finish
