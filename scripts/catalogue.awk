# The table of models as C: shm/catalogue/models.tsv without its comments, for catalogue_builtin.h. What the program's
# own reader would refuse at start is refused here: a table that is not sorted, a row twice, cells beyond the columns,
# a prefix of a region, figures that are none. usage: awk -f scripts/catalogue.awk shm/catalogue/models.tsv
BEGIN { FS = "\t"; print "#include \"shm/catalogue/catalogue_builtin.h\"\nconst char catalogue_builtin[] =" }
function bad(column, what) { print FILENAME ":" NR ":" column " " what > "/dev/stderr"; failed = 1; exit 1 }
/^#/ || /^$/ { next }
/["\\\r]/ { bad(1, "a quotation mark, backslash or carriage return") }
!columns {
    columns = NF
    for (i = 1; i <= NF; i++) column[i] = $i
    if ($1 != "id") bad(1, "the first column is id")
}
columns && $1 != "id" {
    if (NF > columns) bad(NF, "more cells than columns")
    if ($1 "" <= last "" && last != "") bad(1, "not sorted, or twice: " $1)
    if ($1 ~ /^(us|eu|apac|global|jp|au|us-gov|in)\./) bad(1, "without the prefix of a region")
    for (i = 2; i <= NF; i++) {
        if (column[i] ~ /^(in|out|cache_.*|long_in|long_out)$/ && $i !~ /^(-|[0-9]+(\.[0-9]+)?)?$/)
            bad(i, column[i] ": dollars are needed")
        if (column[i] ~ /^(context|output|long_from)$/ && $i !~ /^(-|[0-9]+)?$/) bad(i, column[i] ": a whole number is needed")
    }
    last = $1 == "*" ? "" : $1
}
{
    line = $0
    sub(/\t+$/, "", line)
    gsub(/\t/, "\\t", line)
    print "    \"" line "\\n\""
}
END {
    if (failed) exit 1
    print "    \"\";\nconst size_t catalogue_builtin_size = sizeof catalogue_builtin - 1;"
    print "_Static_assert(sizeof catalogue_builtin <= 40 * 1024, \"the table of models is linked in packed form\");"
}
