# house.awk - what make lint proves about rooms, wings and nouns from the #include lines of the files it is given.
# usage: awk -f scripts/house.awk -v check=order|circles|nouns scripts/wings FILE...
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
        for (k = 1; k <= many; k++)
            rank[beside[k] == "." ? $1 : $1 "/" beside[k]] = level
    }
    next
}

# ---- the files ----------------------------------------------------------------------------------------------------

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

function check_nouns(    i, wing) {
    for (i = 1; i <= files; i++) {
        wing = folder(file[i])
        if (!((wing, stem(file[i])) in counted)) {
            counted[wing, stem(file[i])] = 1
            if (++count[wing] == 17)
                crowded[++crowds] = wing
        }
    }
    for (i = 1; i <= crowds; i++)
        print crowded[i] ": warning: wing of " count[crowded[i]] " nouns, more than 16"
}

END {
    if (check == "order")
        check_order()
    else if (check == "circles")
        check_circles()
    else if (check == "nouns")
        check_nouns()
}
