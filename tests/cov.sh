#!/usr/bin/env bash
# Lines and branches that the tests reach, by gcovr; DIR is the build of `make VARIANT=cov`.
# usage: tests/cov.sh DIR      COV_SYSTEM=no: unit tests only
# DIR/report.txt and DIR/report-branches.txt; fails when the unit tests miss a line of the files below.
set -euo pipefail
dir=${1:?usage: tests/cov.sh DIR}

# Where a line that no test reaches costs money, keys or usage rows. Lines only reached by a failing
# system call say so beside GCOVR_EXCL_LINE.
whole=(shm/memory/{bucket,directory,holds}.c shm/journal/{journal,journal_file,journal_seal}.c shm/refresher/budgets.c shm/store/keystore{,_usage}.c
       shm/dynamo/keystore_dynamo{,_budget,_call,_catalog,_edit,_row,_usage}.c
       shm/sqlite/keystore_sqlite{,_betas,_edit,_usage}.c)

report() { gcovr -r . --object-directory "$dir/obj" -f '(server|shm|worker|master)/' "$@"; }

# gcovr --csv: filename,line_total,line_covered,... Each file that is missing or not whole, a line.
not_whole() {
    report --csv | awk -F, -v files="${whole[*]}" '
        { total[$1] = $2; covered[$1] = $3 }
        END {
            n = split(files, file, " ")
            for (i = 1; i <= n; i++)
                if (!total[file[i]] || total[file[i]] != covered[file[i]])
                    printf "%s: %d of %d lines\n", file[i], covered[file[i]], total[file[i]]
        }'
}

find "$dir" -name '*.gcda' -delete
tests/unit/run.sh "$dir/unit"
missed=$(not_whole)
echo "unit tests alone: $(report | sed -n 's/^TOTAL *//p')"
[ "${COV_SYSTEM:-yes}" = no ] || B=$dir tests/system/run.sh
report --branches >"$dir/report-branches.txt"
report >"$dir/report.txt"
cat "$dir/report.txt"
if [ -n "$missed" ]; then
    printf 'cov: the unit tests must reach every line of these\n%s\n' "$missed" >&2
    exit 1
fi
echo "cov: every line of ${#whole[@]} files is reached by the unit tests"
