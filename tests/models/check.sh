#!/bin/sh
# Runs the models of the budget protocol and compares each verdict with the one
# expected: the protocol holds in all states, each seeded mistake is found.
# usage: tests/models/check.sh quick|full [MODEL]
#   quick  every model and mistake that is found soon, about a minute
#   full   larger bounds too, about ten minutes and up to 6 GiB of memory
# Skips with a message where spin or relacy (g++) is not installed.
here=$(cd "$(dirname "$0")" && pwd)

# one MODEL FLAGS HASH_BITS EXPECTED: prints a line that begins with ok or WRONG
one() {
    tmp=$(mktemp -d) || exit 1
    cd "$tmp" || exit 1
    bad=
    if [ "$1" = orders ]; then
        g++ -std=c++11 -w -fpermissive -O1 $2 "$here/orders.cpp" -o orders \
            >log 2>&1 || bad="does not compile"
        [ -n "$bad" ] || timeout 300 ./orders >log 2>&1
        case $(tail -n 1 log) in
        "ORDERS HOLD") verdict=holds ;;
        "ORDERS FAIL") verdict=fails ;;
        *) verdict=${bad:-incomplete} ;;
        esac
        detail=
    else
        spin -a $2 "$here/$1.pml" >log 2>&1 || bad="does not compile"
        opt=-O2
        [ "$3" -le 22 ] && opt=-O0 # found soon: compiling would be the work
        [ -n "$bad" ] || gcc $opt -DSAFETY -DNOFAIR -DMEMLIM=6000 -w -o pan \
            pan.c >>log 2>&1 || bad="does not compile"
        [ -n "$bad" ] || timeout 600 ./pan -m2000000 "-w$3" >log 2>&1
        errors=$(sed -n 's/.*errors: *\([0-9]*\).*/\1/p' log)
        detail=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' log |
            head -n 1)
        verdict=${bad:-incomplete}
        if [ "${errors:-0}" -gt 0 ]; then
            verdict=fails
        elif [ "$errors" = 0 ] && ! grep -q \
            'Search not completed\|max search depth\|resource' log; then
            verdict=holds
        fi
    fi
    cd / && rm -rf "$tmp"
    mark=WRONG
    [ "$verdict" = "$4" ] && mark=ok
    printf '%-5s %-6s %-44s %-10s %s\n' "$mark" "$1" "${2:--}" "$verdict" \
        "$detail"
}

if [ "$1" = one ]; then
    shift
    one "$@"
    exit 0
fi

set=${1:-quick} only=$2 skipped=0
command -v spin >/dev/null && command -v gcc >/dev/null || {
    echo "skipped: the models need spin and gcc"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
printf '#include <relacy/relacy.hpp>\n' |
    g++ -std=c++11 -w -fpermissive -E -x c++ - >/dev/null 2>&1 || {
    echo "skipped: orders.cpp needs g++ and relacy-dev"
    skipped=1
}

# set | model | flags | hash bits | expected
table() {
    cat <<'TABLE'
quick|roll||24|holds
quick|roll|-DSEG_FIRST|20|fails
quick|roll|-DPERIOD_FIRST|20|fails
quick|roll|-DNO_VECTOR|20|fails
quick|escrow|-DTRIES=1|22|holds
full|escrow||26|holds
quick|escrow|-DSHOW_FIRST|20|fails
quick|escrow|-DLEDGER_FIRST|20|fails
quick|escrow|-DNO_LOOK|20|fails
quick|escrow|-DBOOT_MOST|20|fails
quick|lease||24|holds
quick|lease|-DPROGRESS|24|holds
quick|lease|-DCONC|24|holds
quick|lease|-DGROW_SLOT_FIRST|20|fails
quick|lease|-DREAP_FREE_FIRST|20|fails
quick|lease|-DREAP_RES_FIRST|20|fails
quick|lease|-DONE_TARGET|20|fails
quick|lease|-DONE_ENTRY|20|fails
quick|lease|-DCONC -DLATE_COUNT|20|fails
quick|ring|-DKILLS=1 -DAKILLS=1|24|holds
quick|ring|-DHEAD_FIRST|20|fails
quick|ring|-DFREE_FIRST|20|fails
quick|ring|-DINDEX_ORDER|20|fails
quick|ring|-DRES_EACH|20|fails
quick|ring|-DRECORD_AFTER|20|fails
quick|ring|-DNO_RESERVE|20|fails
quick|ring|-DSMALL_RESERVE|20|fails
quick|ring|-DNO_END|20|fails
quick|ring|-DTAIL_FIRST|22|fails
quick|reuse||24|holds
quick|reuse|-DNO_RECHECK|20|fails
quick|reuse|-DORIGIN_EARLY|20|fails
quick|reuse|-DSKIP_DYING|20|fails
quick|seats|-DCHILDREN=3|24|holds
quick|seats|-DNO_CLAIM|22|fails
quick|seats|-DNO_GENERATION|22|fails
quick|seats|-DINHERIT_DYING|20|fails
quick|seats|-DFREE_EARLY|20|fails
quick|seats|-DWRONG_ORDER|20|fails
quick|seats|-DRES_LATE|20|fails
quick|orders||0|holds
full|roll|-DKILLS=3 -DROLLS=3 -DL0=2|26|holds
full|roll|-DW=3 -DTRIES=1 -DKILLS=1|26|holds
full|roll|-DOVER|25|holds
full|roll|-DOVER -DW=3 -DTRIES=1 -DROLLS=1 -DKILLS=1|26|holds
full|roll|-DBASE_LAST|25|holds
full|roll|-DBASE_LAST -DOVER -DW=3 -DTRIES=1 -DROLLS=1|24|fails
full|lease|-DKILLS=3 -DRKILLS=2|26|holds
full|lease|-DTRIES=2 -DKILLS=1|25|holds
full|ring||26|holds
full|ring|-DDAYDB|27|holds
full|ring|-DREL_TARGET|24|fails
full|ring|-DDAYDB -DPOS_FIRST|24|fails
full|ring|-DDAYDB -DDAY_SEQ|24|fails
full|reuse|-DKILLS=2 -DAKILLS=2|26|holds
full|reuse|-DEPOCH|24|holds
full|reuse|-DEPOCH -DSCAN_FIRST|22|fails
full|seats||26|holds
full|seats|-DKILLS=2 -DRKILLS=2 -DMKILLS=0|24|holds
full|seats|-DLIMIT=2 -DTRIES=2 -DCHILDREN=3 -DMKILLS=0|24|holds
full|seats|-DMKILLS=2 -DCHILDREN=3 -DRKILLS=0|26|holds
full|orders|-DMISTAKE=1|0|fails
full|orders|-DMISTAKE=2|0|fails
full|orders|-DMISTAKE=3|0|fails
full|orders|-DMISTAKE=4|0|fails
full|orders|-DMISTAKE=5|0|fails
full|orders|-DMISTAKE=6|0|holds
full|orders|-DMISTAKE=7|0|fails
full|orders|-DMISTAKE=8|0|fails
full|orders|-DMISTAKE=9|0|fails
full|orders|-DMISTAKE=10|0|fails
full|orders|-DMISTAKE=11|0|fails
full|orders|-DMISTAKE=12|0|fails
full|orders|-DMISTAKE=13|0|fails
full|orders|-DMISTAKE=14|0|fails
full|orders|-DMISTAKE=15|0|fails
full|orders|-DMISTAKE=16|0|fails
full|orders|-DMISTAKE=17|0|fails
full|orders|-DMISTAKE=18|0|fails
TABLE
}

lines=$(mktemp) || exit 1
trap 'rm -f "$lines"' EXIT
# Two at a time; full: one, for its memory.
jobs=2
[ "$set" = full ] && jobs=1
table | while IFS='|' read -r of model flags bits expected; do
    [ "$of" = quick ] || [ "$set" = full ] || continue
    [ -z "$only" ] || [ "$only" = "$model" ] || continue
    [ "$model" = orders ] && [ $skipped = 1 ] && continue
    printf '%s\0%s\0%s\0%s\0' "$model" "$flags" "$bits" "$expected"
done | xargs -0 -n 4 -P $jobs "$0" one | tee "$lines" | grep -v '^ok' ||
    [ "$set" = quick ]
[ "$set" = full ] && grep '^ok' "$lines"
passed=$(grep -c '^ok' "$lines")
failed=$(grep -vc '^ok' "$lines")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
