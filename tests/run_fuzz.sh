#!/bin/sh
# Fuzz targets: `replay` runs what is kept through each target once (gcc is
# enough); a number fuzzes for so many seconds each with libFuzzer (clang).
# usage: tests/run_fuzz.sh replay|SECONDS TARGET...
mode=$1
shift
cd "$(dirname "$0")/.." || exit 1
mkdir -p build-fuzz
passed=0 failed=0
include="-I. -D_GNU_SOURCE -std=gnu11 -g -O1"
libs="-lcurl -lleveldb -lcjson -lssl -lcrypto -lz -lzstd -lpthread -lm"
sources=$(ls common/*.c common/net/*.c shm/*.c worker/dialect/*.c \
    accountant/ledger/*.c 2>/dev/null)
if [ "$mode" = replay ]; then
    cc=gcc san=-fsanitize=address,undefined driver=tests/fuzz/replay.c
else
    cc=${CLANG:-clang} san=-fsanitize=fuzzer,address,undefined driver=
    command -v "$cc" >/dev/null || {
        echo "skipped: fuzzing needs clang"
        echo "0 passed, 0 failed, $# skipped"
        exit 0
    }
fi
tag=$(basename "$cc")
objects=
# A header that changed makes all objects old.
[ ! -f build-fuzz/$tag/lib.a ] ||
    [ -z "$(find common shm worker accountant -name '*.h' \
        -newer build-fuzz/$tag/lib.a)" ] || rm -rf "build-fuzz/$tag"
for source in $sources; do
    object=build-fuzz/$tag/${source%.c}.o
    objects="$objects $object"
    [ "$object" -nt "$source" ] && continue
    mkdir -p "$(dirname "$object")"
    flags=$san
    [ "$mode" = replay ] || flags=-fsanitize=fuzzer-no-link,address,undefined
    $cc $include $flags -c -o "$object" "$source" || exit 1
done
rm -f build-fuzz/$tag/lib.a && ar rcs build-fuzz/$tag/lib.a $objects
for target in "$@"; do
    extra=$(sed -n 's/^ \* extra sources: //p' "tests/fuzz/$target.c")
    binary=build-fuzz/$tag/$target
    $cc $include $san -o "$binary" "tests/fuzz/$target.c" $driver $extra \
        build-fuzz/$tag/lib.a $libs || {
        failed=$((failed + 1))
        continue
    }
    name=${target#fuzz_}
    kept=$(ls -d tests/fuzz/corpus/"$name" tests/fuzz/corpus/"$target" \
        tests/fuzz/regression/"$name" 2>/dev/null)
    if [ "$mode" = replay ]; then
        "$binary" $kept >build-fuzz/$target.log 2>&1
    else
        mkdir -p build-fuzz/corpus/"$name"
        "$binary" -max_total_time="$mode" -timeout=10 -rss_limit_mb=2048 \
            -artifact_prefix=build-fuzz/ build-fuzz/corpus/"$name" $kept \
            >build-fuzz/$target.log 2>&1
    fi
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "--- $target"
        tail -n 40 build-fuzz/$target.log
        echo "FAILED: $target"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
