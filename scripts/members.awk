# members.awk - how many members a struct or union has, for make lint. Reads C without comments, each line as
# "FILE:LINE: TEXT" (lint.sh's bare), and prints a line for each that has more than most.
# usage: awk -v most=25 -f scripts/members.awk        most=0 prints them all: "FILE:LINE: struct NAME has N members"
#
# Counted is what a reader of one level has to hold in mind: each declarator, `int a, b[2];` is two. A struct within a
# struct that has a name is one member outside and is counted for itself; what stands in one without a name (C11) is
# counted outside, where its members are called. What a macro makes out of the rows of a table (`CONFIG_TABLE(MEMBER)`
# without a semicolon) is not counted: the table is the shape that is read, and what stands beside it by hand is counted.

# Of the braces around here: kind ("struct" or "union", "" for any other), title, where, members so far, open parens, and
# of the declaration that is being read whether it has begun and its commas.
function open(struct_or_union) {
    depth++
    kind[depth] = struct_or_union
    title[depth] = name
    where[depth] = file ":" line
    members[depth] = parens[depth] = commas[depth] = begun[depth] = 0
}

function shut(    n) {
    if (depth == 0)
        return
    n = members[depth]
    if (kind[depth] != "" && n > most)
        print where[depth] ": " kind[depth] " " (title[depth] == "" ? "without a name" : title[depth]) " has " n " members" (most ? ", more than " most : "")
    nested = kind[depth] == "" ? 0 : n # of the one that has just ended
    after = kind[depth] != ""
    depth--
}

# `;` of a member: its declarators; or, right behind a brace, the members of a struct without a name.
function member() {
    if (begun[depth])
        members[depth] += after ? nested : 1 + commas[depth]
    commas[depth] = begun[depth] = 0
}

{
    file = $1
    sub(/:[0-9]+:$/, "", file)
    line = $1
    sub(/:$/, "", line)
    sub(/^.*:/, "", line)
    text = $0
    sub(/^[^ ]+ /, "", text)
}

file != before { # a new file begins outside of everything
    before = file
    depth = after = defining = 0
    word = name = ""
}

defining || text ~ /^[ \t]*#/ {
    defining = text ~ /\\$/
    next
}

{
    gsub(/"([^"\\]|\\.)*"/, "\"\"", text)
    gsub(/'([^'\\]|\\.)+'/, "0", text)
    gsub(/__attribute__ *\(\([^)]*(\([^)]*\))?[^)]*\)\)|_Alignas *\([^)]*(\([^)]*\))?[^)]*\)/, "", text)
    while (match(text, /[A-Za-z_0-9]+|[^A-Za-z_0-9 \t]/)) {
        token = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (token == "{") {
            if (depth)
                begun[depth] = 1
            open(word)
        } else if (token == "}")
            shut()
        else if (depth && token == ";" && !parens[depth])
            member()
        else if (depth && token == "," && !parens[depth])
            commas[depth]++
        else if (depth)
            begun[depth] = 1
        if (token == "(" || token == "[")
            parens[depth]++
        else if (token == ")" || token == "]")
            parens[depth]--
        # "struct", or "struct" and a name: what is before a brace of members
        if (token == "struct" || token == "union") {
            word = token
            name = ""
        } else if (word != "" && name == "" && token ~ /^[A-Za-z_]/)
            name = token
        else
            word = name = ""
        if (token != "}")
            after = 0
    }
}
