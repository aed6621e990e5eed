# first.awk - scripts/first.txt as a linker script: what its lines name comes before all other code, so that a process that
# has begun and waits has few pages of the program in memory. GNU's linker and LLVM's. A name that is nowhere does no harm.
BEGIN {
    print "SECTIONS { .text.first : {"
}

/^#/ || NF == 0 {
    next
}

/\.o$/ {
    print "*libc.a:" $1 "(.text .text.*)"
    next
}

{
    print "*(.text." $1 " .text." $1 ".*)"
}

END {
    print "} } INSERT BEFORE .text;"
}
