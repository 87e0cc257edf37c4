#!/bin/sh
# What the compiler and linker were told to do is in the programs: position
# independent, nothing that is both written and run, all relocations read-only
# before main(), checked stacks and copies. Needs readelf (binutils).
# usage: tests/hardening.sh [PROGRAM...]
cd "$(dirname "$0")/.." || exit 1
build=${AIGW_BUILD:-build}
[ $# -gt 0 ] || set -- "$build/aigw" "$build/aigwctl" "$build/aigw-shmdump" \
    "$build/aigw-ledger"
passed=0 failed=0
want() { # what, text, pattern
    if echo "$2" | grep -qE -- "$3"; then
        passed=$((passed + 1))
    else
        echo "$program: not $1"
        failed=$((failed + 1))
    fi
}
never() { # what, text, pattern
    if [ -n "$2" ] && ! echo "$2" | grep -qE -- "$3"; then
        passed=$((passed + 1))
    else
        echo "$program: $1"
        failed=$((failed + 1))
    fi
}
for program; do
    head=$(readelf -hW "$program")
    segments=$(readelf -lW "$program")
    dynamic=$(readelf -dW "$program")
    symbols=$(readelf --dyn-syms -W "$program")
    want "position independent" "$head" 'Type: +DYN'
    want "marked PIE" "$dynamic" 'FLAGS_1.*PIE'
    want "bound at its start" "$dynamic" 'BIND_NOW|FLAGS_1.*NOW'
    want "with read-only relocations" "$segments" 'GNU_RELRO'
    want "with a stack that is not run" "$segments" 'GNU_STACK.* RW  '
    never "memory is written and run" "$segments" 'LOAD.* RWE '
    never "relocations in its text" "$dynamic" 'TEXTREL'
    never "a path of the builder in it" "$dynamic" 'RPATH|RUNPATH'
    want "checking its stack" "$symbols" '__stack_chk_fail'
    want "checking its copies" "$symbols" '__(mem|str|sn?|vsn?)[a-z]*_chk'
done
# Of the programs the linker takes the mark away, for Debian's crt1.o has none.
program=$build/obj/worker/worker.o
if [ -f "$program" ] && readelf -hW "$program" | grep -q X86-64; then
    want "with checked jumps" "$(readelf -nW "$program")" 'IBT, SHSTK'
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
