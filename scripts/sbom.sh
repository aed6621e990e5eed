#!/usr/bin/env bash
# Prints the bill of materials of the release binary (SPDX 2.3, JSON): ourselves, what is linked in, and libseccomp, which
# makes the filters of system calls while it is built; with the version, the purl, the CPE where the databases of
# vulnerabilities have one, and checksums: of the program, and of each source's .dsc (or .deb), which names all of its
# files by theirs (docker/release.lock).
# usage: scripts/sbom.sh amd64|arm64 DIR [PROGRAM]     (DIR: what scripts/release-libs.sh has made)
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:?usage: scripts/sbom.sh amd64|arm64 DIR [PROGRAM]}
dir=${2:?usage: scripts/sbom.sh amd64|arm64 DIR [PROGRAM]}
program=${3:-}
version=$(sed -n 's/^VERSION := //p' Makefile)
date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)}
libc=libc6-dev
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
    libc=libc6-dev-$arch-cross
fi

packages() {
    cat "$dir/$arch/packages.tsv"
    printf 'glibc\t%s\tLGPL-2.1-or-later\n' "$(dpkg-query -W -f='${Version}' "$libc" 2>/dev/null || echo unknown)"
}

digest=
[ -z "$program" ] || digest=$(sha256sum "$program" | cut -d' ' -f1)
packages | jq -Rn --arg version "$version" --arg arch "$arch" --arg digest "$digest" --argjson date "$date" \
    --rawfile lock docker/release.lock '
    # the upstream version in a Debian one: 1:8.14.1-2+deb13u5 -> 8.14.1, 0.6+dfsg.1-3 -> 0.6
    def upstream: sub("^[0-9]+:"; "") | sub("-[^-]*$"; "") | sub("[~+].*$"; "");
    # vendor:product, as the databases write them
    {curl: "haxx:libcurl", mbedtls: "arm:mbed_tls", bearssl: "bearssl:bearssl", cjson: "davegamble:cjson", nghttp2: "nghttp2:nghttp2", sqlite3: "sqlite:sqlite", libseccomp: "libseccomp_project:libseccomp",
     llhttp: "llhttp:llhttp", glibc: "gnu:glibc"} as $cpe
    | {llhttp: "node-undici"} as $source
    # the lock: name version sha256 place-in-the-pool
    | [$lock | split("\n")[] | select(test("^[a-z0-9]+ ")) | split(" ")] as $files
    | def checksum($name): first($files[] | select(.[0] == $name and (.[3] | test("\\.(dsc|deb)$")))) // null;
    def component($name; $v; $licence):
        checksum($name) as $file
        | (if $file then $file[1] else $v end) as $debian
        | {SPDXID: "SPDXRef-\($name)", name: $name, versionInfo: ($v | upstream), licenseDeclared: $licence, licenseConcluded: $licence,
           supplier: "Organization: Debian", copyrightText: "NOASSERTION", filesAnalyzed: false,
           downloadLocation: (if $file then "http://deb.debian.org/debian/pool/main/\($file[3])" else "NOASSERTION" end),
           externalRefs: [
               {referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
                referenceLocator: "pkg:deb/debian/\($source[$name] // $name)@\($debian | @uri)?arch=source"},
               {referenceCategory: "SECURITY", referenceType: "cpe23Type", referenceLocator: "cpe:2.3:a:\($cpe[$name]):\($v | upstream):*:*:*:*:*:*:*"}]}
        + if $file then {checksums: [{algorithm: "SHA256", checksumValue: $file[2]}]} else {} end;
    [inputs / "\t"] as $rows
    | {spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
       name: "llm-api-converter-\($version)-linux-\($arch)",
       documentNamespace: "https://spdx.org/spdxdocs/llm-api-converter-\($version)-linux-\($arch)-\($date)",
       creationInfo: {created: ($date | todate), creators: ["Tool: scripts/sbom.sh"]},
       packages: ([{SPDXID: "SPDXRef-llm-api-converter", name: "llm-api-converter", versionInfo: $version, licenseDeclared: "MIT", licenseConcluded: "MIT",
               supplier: "NOASSERTION", downloadLocation: "NOASSERTION", copyrightText: "NOASSERTION", filesAnalyzed: false, primaryPackagePurpose: "APPLICATION",
               externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: "pkg:generic/llm-api-converter@\($version)?arch=\($arch)&os=linux"}]}
               + if $digest == "" then {} else {checksums: [{algorithm: "SHA256", checksumValue: $digest}]} end]
           + ($rows | map(component(.[0]; .[1]; .[2])))),
       relationships: ([{spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-llm-api-converter"}]
           + ($rows | map(.[0] as $name
               | if $name == "libseccomp" then {spdxElementId: "SPDXRef-\($name)", relationshipType: "BUILD_TOOL_OF", relatedSpdxElement: "SPDXRef-llm-api-converter"}
                 else {spdxElementId: "SPDXRef-llm-api-converter", relationshipType: "STATIC_LINK", relatedSpdxElement: "SPDXRef-\($name)"} end)))}'
