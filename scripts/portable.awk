# portable.awk - what bash 3.2 takes otherwise than we do and no line alone shows. It reads $(...), <(...) and >(...) to the first
# ) that no ( and no quote accounts for: the patterns of a case without their ( end them, and so do odd quotes in a here-document.
# And it leaves the quotes in what "${name/pattern/"this"}" puts there. A line a finding: "LINE: text   (why)".
# usage: awk -f scripts/portable.awk FILE
#
# The file is walked a character at a time over a stack of what is open: kind[depth] is one of
#   "" the file, $ a substitution, ( a subshell or an array, " quotes, { a ${...}, } one within quotes, + arithmetic
# and cases[depth] is how many case...esac are open in it, part[depth] in which part of ${name/.../...} we are. What stands in `...` is not looked into.

function push(k) { kind[++depth] = k; cases[depth] = 0; if (k == "$") inside++ }
function pop() { if (kind[depth] == "$") inside--; if (depth) depth-- }
function finding(number, line, why) {
    if (!told[number]++) printf "%d: %s   (%s)\n", number, line, why
}

function odd(text, mark) { return gsub(mark, "", text) % 2 }

# The delimiter of a << at text[i], whose - and quotes are left out.
function here(text, word) {
    sub(/^-?[ \t]*/, "", text)
    match(text, /^[^ \t;&|<>()]+/)
    word = substr(text, 1, RLENGTH)
    gsub(/["'\\]/, "", word)
    return word
}

BEGIN { depth = waiting = first = inside = 0; kind[0] = ""; single = "\047" }

waiting {
    text = $0
    sub(/^\t+/, "", text)
    if (text == delimiter[first]) {
        if (strange[first] && (odd(body, single) || odd(body, "\"") || odd(body, "`")))
            finding(from[first], opened[first], "bash 3.2 takes an odd quote in a here-document inside $(...) for the begin of a string")
        body = ""
        first++
        waiting--
    } else
        body = body $0 "\n"
    next
}

{
    line = $0
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        rest = substr(line, i)
        k = kind[depth]
        if (quoted) { # '...', over any number of lines
            if (c == single) quoted = 0
            else if (ansi && c == "\\") i++
            continue
        }
        if (k == "}" && part[depth] && c == "/") part[depth] = 2
        if (k == "}" && part[depth] == 2 && (c == "\"" || c == single || c == "\\"))
            finding(FNR, line, "up to bash 4.2 the quotes stay in what \"${name/.../...}\" puts there: put it into a variable")
        if (c == "\\") { i++; continue }
        if (c == "$" && rest ~ /^\$\(\(/) { push("+"); plus[depth] = 0; i += 2; continue }
        if (c == "$" && rest ~ /^\$\(/) { push("$"); i++; continue }
        if (c == "$" && rest ~ /^\$\{/) {
            push(k == "\"" || k == "}" ? "}" : "{")
            part[depth] = match(rest, /^\$\{[A-Za-z_0-9@*]+(\[[^]]*\])?\/[\/#%]?/) ? 1 : 0 # 1: its pattern, 2: what it puts there
            i += part[depth] ? RLENGTH - 1 : 1
            continue
        }
        if (k == "+") {
            if (c == "(") plus[depth]++
            else if (c == ")" && plus[depth]) plus[depth]--
            else if (c == ")") { pop(); i++ }
            continue
        }
        if (c == "\"") { if (k == "\"") pop(); else push("\""); continue }
        if (c == "}" && (k == "{" || k == "}")) { pop(); continue }
        if (k == "\"" || k == "}") continue
        if (c == single) { quoted = 1; ansi = i > 1 && substr(line, i - 1, 1) == "$"; continue }
        if (k == "{") continue
        # commands
        before = i == 1 ? " " : substr(line, i - 1, 1)
        if (c == "#" && before ~ /[ \t;&|()]/) break
        if (rest ~ /^[<>]\(/) { push("$"); i++; continue }
        if (rest ~ /^<<</) { i += 2; continue }
        if (rest ~ /^<</) {
            next_one = first + waiting++
            delimiter[next_one] = here(substr(rest, 3))
            strange[next_one] = inside
            from[next_one] = FNR
            opened[next_one] = line
            i++
            continue
        }
        if (rest ~ /^\(\(/) { push("+"); plus[depth] = 0; i++; continue }
        if (c == "(") { push("("); continue }
        if (c == ")") {
            if (!cases[depth]) pop()
            else if (inside) finding(FNR, line, "bash 3.2 ends $( at the first ): write (pattern)")
            continue
        }
        if (before ~ /[ \t;&|(){!`]/ && rest ~ /^case[ \t].*[ \t]in([ \t]|$)/) cases[depth]++
        if (before ~ /[ \t;&|(]/ && rest ~ /^esac([^A-Za-z_0-9]|$)/ && cases[depth]) cases[depth]--
    }
}
