#!/usr/bin/env bash
# Prints the bill of materials of the release binary (SPDX 2.3, JSON): ourselves and what is linked in.
# usage: scripts/sbom.sh amd64|arm64 DIR     (DIR: what scripts/release-libs.sh has made)
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:?usage: scripts/sbom.sh amd64|arm64 DIR}
dir=${2:?usage: scripts/sbom.sh amd64|arm64 DIR}
version=$(sed -n 's/^VERSION := //p' Makefile)
libc=libc6-dev
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
    libc=libc6-dev-$arch-cross
fi

packages() {
    cat "$dir/$arch/packages.tsv"
    printf 'glibc\t%s\tLGPL-2.1-or-later\n' "$(dpkg-query -W -f='${Version}' "$libc" 2>/dev/null || echo unknown)"
}

packages | jq -Rn --arg version "$version" --arg arch "$arch" --argjson date "${SOURCE_DATE_EPOCH:-0}" '
    [inputs / "\t"] as $rows
    | {spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
       name: "llm-api-converter-\($version)-linux-\($arch)",
       documentNamespace: "https://spdx.org/spdxdocs/llm-api-converter-\($version)-linux-\($arch)",
       creationInfo: {created: ($date | todate), creators: ["Tool: scripts/sbom.sh"]},
       packages: ([["llm-api-converter", $version, "MIT"]] + $rows | map({
           SPDXID: "SPDXRef-\(.[0])", name: .[0], versionInfo: .[1], licenseDeclared: .[2],
           licenseConcluded: .[2], downloadLocation: "NOASSERTION", copyrightText: "NOASSERTION", filesAnalyzed: false})),
       relationships: ([{spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-llm-api-converter"}]
           + ($rows | map({spdxElementId: "SPDXRef-llm-api-converter", relationshipType: "STATIC_LINK", relatedSpdxElement: "SPDXRef-\(.[0])"})))}'
