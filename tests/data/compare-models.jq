# Compares what is known of models from outside (models-runtime.tsv) with what the program has in force, by a reader of its own.
# usage: jq -nr -f compare-models.jq --rawfile rows FILE --rawfile more FILE --rawfile allowed FILE --slurpfile ours FILE
# ours: {"REGION": `models --output json --region REGION`, ...}. Prints a line a difference; the last line counts what was compared.
def table: split("\n") | map(select(. != "" and (startswith("#") | not)) | split("\t")) | .[0] as $head | .[1:]
    | map(. as $cells | [$head, $cells] | transpose | map({key: .[0], value: (.[1] // "")}) | from_entries);
def prefixes: ["us", "eu", "apac", "global", "jp", "au", "us-gov", "in", "ca", "uk", "mx"];
# "us.vendor.model" and "vendor.model [eu-west-2]": where, and which
def place: .id | ltrimstr("invoke/") | capture("^(?<full>[^ ]+)( \\[(?<region>[a-z0-9-]+)\\])?$")
    | (if .full | startswith("claude-") then .full = "anthropic." + .full else . end) | .full as $full | (prefixes | map(select(. as $p | $full | startswith($p + "."))) | .[0]) as $prefix
    | {base: (if $prefix then $full[($prefix | length) + 1:] else $full end), prefix: ($prefix // "bare"), region: (.region // "us-east-1")};
def close($a; $b): ($a - $b) | (if . < 0 then -. else . end) < 0.0000006; # whole millionths of a dollar
$ours[0] as $ours
| ($rows | table) as $rows
| ($allowed | table) as $allowed
| ($more | table) as $more
| ($rows | map(select(.in != "" and .out != ""))) as $text
# a bare id of Claude since 4.5: see README.md, rule 3
| ($text | map({key: .id, value: (.in | tonumber)}) | from_entries) as $in
| [ $text[] | . as $row | place as $at
    | ($at.base | startswith("anthropic.")) as $claude
    | ($claude and $at.prefix == "bare" and $in["global." + $at.base] == ($row.in | tonumber) and $in["us." + $at.base] != $in["global." + $at.base]) as $tenth
    | (if $tenth then 1.1 else 1 end) as $factor
    | ($ours[$at.region][$at.base]) as $our
    | if $our == null then {row: $row.id, base: $at.base, what: "row", theirs: "there", ours: "missing"} else
        (["context", "output"][] as $c | select($row[$c] != "") | {what: $c, theirs: ($row[$c] | tonumber), ours: $our[$c]}),
        ([["in", "input"], ["out", "output"], ["cache_read", "cache_read"], ["cache_write_5m", "cache_write_5m"], ["cache_write_1h", "cache_write_1h"]][] as $c
            | select($row[$c[0]] != "") | {what: ("$" + $c[0]), theirs: (($row[$c[0]] | tonumber) * $factor), ours: $our.prices[$at.prefix][$c[1]]})
        | . + {row: $row.id, base: $at.base} end ] as $places
# long prompts: of every row, so that one of ours that nobody told of is a difference, too
| ($more | map({key: .id, value: .}) | from_entries) as $long
| ($text | map(place.base) | unique) as $bases
| [ $bases[] as $base | $ours["us-east-1"][$base] as $our | select($our != null) | ($long[$base] // {}) as $their
    | (["long_from", "long_in", "long_out"][] as $c | {what: $c, theirs: ($their[$c] // "" | if . == "" then null else tonumber end), ours: $our[$c]}),
      ({what: "tier flex", theirs: 0.5, ours: $our.tier_factors.flex[0]}, {what: "tier priority", theirs: 1.75, ours: $our.tier_factors.priority[0]} | select($our.tiers == "")),
      ($their.tiers // "" | select(. != "") | split(",")[] | split("=") | .[0] as $tier | (.[1] | tonumber) as $factor
          | [$our.tier_factors[$tier][]][] | {what: ("tier " + $tier), theirs: $factor, ours: .})
    | . + {row: $base, base: $base} ] as $longs
| ($places + $longs) as $compared
| [ $compared[] | select(if .theirs == null or .ours == null or .ours == "missing" then .theirs != .ours else close(.theirs; .ours) | not end) ] as $different
| [ $different[] | . as $d | select(any($allowed[]; .id == $d.base and .what == $d.what and (.theirs | tonumber? // .) == $d.theirs and (.ours | tonumber? // .) == $d.ours) | not) ] as $unnamed
| [ $allowed[] | . as $a | select(any($different[]; .base == $a.id and .what == $a.what and .theirs == ($a.theirs | tonumber? // $a.theirs) and .ours == ($a.ours | tonumber? // $a.ours)) | not) ] as $stale
| ($unnamed[] | "\(.row)\t\(.what)\ttheirs \(.theirs)\tours \(.ours)"),
  ($stale[] | "\(.id)\t\(.what)\tis named, but no difference any more"),
  "\($text | length) rows, \($compared | length) figures, \($different | length) named differences, \($unnamed | length) others, \($stale | length) stale"
