#!/bin/sh
# Fuzz targets: `replay` runs what is kept through each target once, with what
# make has built for SAN=address,undefined; a number fuzzes for so many seconds
# each with libFuzzer (clang).
# FUZZ_JOBS at a time (2). FUZZ_SEED repeats what libFuzzer draws; else each run
# draws anew.
# usage: tests/run_fuzz.sh replay|SECONDS TARGET...
mode=$1
shift
cd "$(dirname "$0")/.." || exit 1
jobs=${FUZZ_JOBS:-2}
include="-I. -D_GNU_SOURCE -std=gnu11 -g -O1"
libs="-lcurl -lleveldb -lcjson -lssl -lcrypto -lz -lzstd -lpcre2-8 -lseccomp -lpthread -lm"
# What is undefined ends a run. Not so NULL + 0, at which clang's check of
# pointers stops: a view of nothing is that.
if [ "$mode" = replay ]; then
    cc=gcc san="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
    driver=tests/fuzz/replay.c folder=build-fuzz/replay
    lib=build-address,undefined/libaigw.a
else
    cc=${CLANG:-clang} driver='' folder=build-fuzz/$(basename "${CLANG:-clang}")
    lib=$folder/lib.a
    san="-fsanitize=fuzzer,address,undefined -fno-sanitize=pointer-overflow \
        -fno-sanitize-recover=undefined"
    parts=$(echo "$san" | sed 's/=fuzzer,/=fuzzer-no-link,/')
fi

one() { # TARGET: builds and runs it; what it says goes to its log
    extra=
    [ "$mode" = replay ] || # its library has all
        extra=$(sed -n 's/^ \* extra sources: //p' "tests/fuzz/$1.c")
    binary=$folder/$1 name=${1#fuzz_}
    $cc $include $san -o "$binary" "tests/fuzz/$1.c" $driver $extra \
        $lib $libs || return 1
    kept=$(ls -d tests/fuzz/corpus/"$name" tests/fuzz/corpus/"$1" \
        tests/fuzz/regression/"$name" 2>/dev/null)
    if [ "$mode" = replay ]; then
        "$binary" $kept
    else
        mkdir -p build-fuzz/corpus/"$name"
        # A slow input is one that a machine at work is slow with, too.
        "$binary" -max_total_time="$mode" -timeout=60 -rss_limit_mb=2048 \
            ${FUZZ_SEED:+-seed="$FUZZ_SEED"} -artifact_prefix=build-fuzz/ \
            build-fuzz/corpus/"$name" $kept
    fi
}
build_parts() {
    # A header that changed makes all objects old.
    [ ! -f $folder/lib.a ] || [ -z "$(find common shm worker accountant -name \
        '*.h' -newer $folder/lib.a)" ] || rm -rf "$folder"
    objects=
    for source in common/*.c common/net/*.c shm/*.c worker/dialect/*.c \
        accountant/*.c accountant/ledger/*.c accountant/admin/*.c \
        accountant/admin/dialect/*.c; do
        object=$folder/${source%.c}.o
        objects="$objects $object"
        [ "$object" -nt "$source" ] || echo "part $object $source"
    done >"$folder.todo"
    xargs -r -n 3 -P "$jobs" tests/run_fuzz.sh "$mode" <"$folder.todo" || {
        echo "FAILED: fuzz: the sources do not build"
        echo "0 passed, $# failed"
        return 1
    }
    rm -f $folder/lib.a && ar rcs $folder/lib.a $objects || return 1
}
case $1 in
part)
    mkdir -p "$(dirname "$2")"
    exec $cc $include $parts -c -o "$2" "$3"
    ;;
one)
    one "$2" >build-fuzz/"$2.log" 2>&1 && exit 0
    echo "--- $2"
    tail -n 40 build-fuzz/"$2.log"
    echo "FAILED: $2"
    exit 0
    ;;
esac

[ "$mode" = replay ] || command -v "$cc" >/dev/null || {
    echo "skipped: fuzzing needs clang"
    echo "0 passed, 0 failed, $# skipped"
    exit 0
}
mkdir -p "$folder"
[ "$mode" = replay ] || build_parts "$@" || exit 1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
printf 'one %s\n' "$@" | xargs -n 2 -P "$jobs" tests/run_fuzz.sh "$mode" | tee "$out"
failed=$(grep -c '^FAILED' "$out")
echo "$(($# - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
