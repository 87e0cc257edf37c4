#!/bin/sh
# Makes FOLDER/console_files.c, the console as a table of bytes: installs what
# package-lock.json names below FOLDER and bundles src/ by build.mjs.
#   yes   it must be there
#   auto  where Node.js, npm or their registry is missing it is left out, and why
#         is said
#   no    without; needs none of them
# usage: accountant/console/build.sh yes|auto|no FOLDER
mode=$1 folder=$2
source=$(dirname "$0")
node_least=18
mkdir -p "$folder" || exit 1

without() {
    cat >"$folder/console_files.c.tmp" <<TEXT
/* Made by accountant/console/build.sh: without the console. */
#include "accountant/console/console_files.h"

const struct console_file console_files[1];
const unsigned console_file_count;
TEXT
    mv "$folder/console_files.c.tmp" "$folder/console_files.c"
    exit
}
missing() {
    if [ "$mode" = yes ]; then
        echo "console: $1; \`make CONSOLE=no\` builds without the web console" >&2
        exit 1
    fi
    echo "console: left out: $1 (\`make CONSOLE=yes\` tries again)" >&2
    without
}

case $mode in
no) without ;;
yes | auto) ;;
*)
    echo "CONSOLE is yes, auto or no, not '$mode'" >&2
    exit 2
    ;;
esac
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
[ "${major:-0}" -ge "$node_least" ] ||
    missing "Node.js $node_least or later is not there (package nodejs)"
command -v npm >/dev/null || missing "npm is not there"
if ! cmp -s "$source/package-lock.json" "$folder/installed-lock.json"; then
    rm -f "$folder/installed-lock.json"
    cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" \
        "$folder" || exit 1
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || {
        tail -n 5 "$folder/npm.log" >&2
        missing "npm could not install its packages ($folder/npm.log)"
    }
    cp "$source/package-lock.json" "$folder/installed-lock.json" || exit 1
fi
exec node "$source/build.mjs" "$folder"
