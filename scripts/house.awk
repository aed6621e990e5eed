# house.awk - what make lint proves about rooms, wings and nouns from the #include lines of the files it is given.
# usage: awk -f scripts/house.awk -v check=order|circles|nouns|readmes scripts/wings FILE...
#
# A noun is X.c, X.h and X_private.h. A .c without a header of its own belongs to the noun whose header it includes
# first, if that is of its own wing: it is a part of it under another name.

function folder(path) {
    return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : "."
}

function stem(path) {
    sub(/\.[ch]$/, "", path)
    sub(/_private$/, "", path)
    return path
}

# ---- the table: scripts/wings -------------------------------------------------------------------------------------

FNR == NR {
    if (/^#/ || NF == 0)
        next
    for (i = 2; i <= NF; i++) {
        level++
        many = split($i, beside, "|")
        for (k = 1; k <= many; k++) {
            name = beside[k] == "." ? $1 : $1 "/" beside[k]
            rank[name] = level
            wing[++wings] = name
        }
    }
    next
}

# ---- the files ----------------------------------------------------------------------------------------------------

FILENAME ~ /README\.md$/ {
    read_me(folder(FILENAME), $0)
    next
}

FNR == 1 {
    file[++files] = FILENAME
    exists[FILENAME] = 1
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    from[++includes] = FILENAME
    to[includes] = quoted[2]
    at[includes] = FILENAME ":" FNR
    if (!(FILENAME in first))
        first[FILENAME] = quoted[2]
}

# ---- order ----------------------------------------------------------------------------------------------------------

function check_order(    i, own, other) {
    for (i = 1; i <= files; i++)
        if (!(folder(file[i]) in rank))
            print file[i] ": " folder(file[i]) " is no wing (scripts/wings has them all)"
    for (i = 1; i <= includes; i++) {
        own = folder(from[i])
        other = folder(to[i])
        if (!(other in rank))
            print at[i] ": \"" to[i] "\" is in no wing (include from the root)"
        else if (own in rank && (rank[other] > rank[own] || (rank[other] == rank[own] && other != own)))
            print at[i] ": " own " must not include " to[i] " (order: scripts/wings)"
    }
}

# ---- circles (Tarjan's strongly connected components over nouns) ------------------------------------------------------

function noun(path,    own, base) {
    base = stem(path)
    if (path ~ /\.c$/ && !((base ".h") in exists) && !((base "_private.h") in exists) && (path in first)) {
        own = first[path]
        if (folder(own) == folder(path))
            return stem(own)
    }
    return base
}

function visit(v,    i, w, size) {
    seen[v] = low[v] = ++clock
    stack[++depth] = v
    on[v] = 1
    for (i = 1; i <= degree[v]; i++) {
        w = edge[v, i]
        if (!(w in seen)) {
            visit(w)
            if (low[w] < low[v])
                low[v] = low[w]
        } else if (on[w] && seen[w] < low[v])
            low[v] = seen[w]
    }
    if (low[v] != seen[v])
        return
    size = 0
    do {
        w = stack[depth--]
        on[w] = 0
        circle[w] = v
        size++
    } while (w != v)
    if (size > 1)
        tell(v, size)
}

# One line a circle: its shortest way round through v.
function tell(v, size,    queue, before, head, tail, i, u, w, way) {
    queue[tail = 1] = v
    for (head = 1; head <= tail; head++) {
        u = queue[head]
        for (i = 1; i <= degree[u]; i++) {
            w = edge[u, i]
            if (w == v) {
                way = v
                for (w = u; w != v; w = before[w])
                    way = w " -> " way
                print where[v, edge_to(v, before, u)] ": circle of " size " nouns: " v " -> " way
                return
            }
            if (circle[w] == v && !(w in before)) {
                before[w] = u
                queue[++tail] = w
            }
        }
    }
}

# The noun behind v on the way that ends at u.
function edge_to(v, before, u) {
    while (before[u] != v)
        u = before[u]
    return u
}

function check_circles(    i, a, b) {
    for (i = 1; i <= includes; i++) {
        a = noun(from[i])
        b = noun(to[i])
        if (a == b || (a, b) in where)
            continue
        where[a, b] = at[i]
        edge[a, ++degree[a]] = b
    }
    for (i = 1; i <= files; i++)
        if (!(noun(file[i]) in seen))
            visit(noun(file[i]))
}

# ---- nouns ------------------------------------------------------------------------------------------------------------

function check_nouns(    i, own) {
    for (i = 1; i <= files; i++) {
        own = folder(file[i])
        if (!((own, stem(file[i])) in counted)) {
            counted[own, stem(file[i])] = 1
            if (++count[own] == 17)
                crowded[++crowds] = own
        }
    }
    for (i = 1; i <= crowds; i++)
        print crowded[i] ": warning: wing of " count[crowded[i]] " nouns, more than 16"
}

# ---- readmes: a wing's README names each of its nouns in a list, and no file that is not there ---------------------------

function read_me(own, text,    n, part, i) {
    if (++lines[own] == 1 && text != "# " own)
        print own "/README.md:1: the first line is not \"# " own "\""
    if (lines[own] == 41)
        print own "/README.md: more than one screen (40 lines)"
    n = split(text, part, "`")
    for (i = 2; i <= n; i += 2)
        if (part[i] ~ /^[a-z0-9_\/]+\.[ch]$/)
            claim(own, lines[own], part[i] ~ /\// ? part[i] : own "/" part[i])
    if (text ~ /^- `/)
        listed[own, part[2]] = lines[own]
}

function claim(own, line, path) {
    claimed[++claims] = path
    claim_at[claims] = own "/README.md:" line
}

function check_readmes(    i, own, key, base) {
    for (i = 1; i <= files; i++) {
        own = folder(file[i])
        base = stem(substr(file[i], length(own) + 2))
        nouns[own, base] = 1
        if (own in lines && !((own, base) in listed) && !((own, base) in told)) {
            told[own, base] = 1
            print own "/README.md: has no line for `" base "`"
        }
    }
    for (key in listed) {
        split(key, part, SUBSEP)
        if (!(key in nouns))
            print part[1] "/README.md:" listed[key] ": `" part[2] "` is no noun of this wing"
    }
    for (i = 1; i <= claims; i++)
        if (!(claimed[i] in exists))
            print claim_at[i] ": " claimed[i] " does not exist"
    for (i = 1; i <= wings; i++)
        if (wing[i] ~ /\// && !(wing[i] in lines))
            print wing[i] "/README.md: is missing"
}

END {
    if (check == "readmes")
        check_readmes()
    else if (check == "order")
        check_order()
    else if (check == "circles")
        check_circles()
    else if (check == "nouns")
        check_nouns()
}
