#!/bin/sh
# Files stay small: .c at most 500 lines, .h at most 250; functions at most 80.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
for file in $(find accountant common master shm tools worker -name '*.[ch]' |
    sort); do
    case $file in
    shm/layout.h) most=340 ;; # one page: the only definition of the bytes
    common/config_options.h) most=320 ;; # the table of options
    *.h) most=260 ;;
    *) most=500 ;;
    esac
    lines=$(wc -l <"$file")
    long=$(awk '/^{/ { start = NR } /^}/ { if (start && NR - start > 81)
        print FILENAME ":" start ": function of " NR - start " lines"; start = 0 }' \
        "$file")
    if [ "$lines" -gt $most ] || [ -n "$long" ]; then
        [ "$lines" -le $most ] || echo "$file has $lines lines, more than $most"
        [ -z "$long" ] || echo "$long"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
