#!/bin/sh
# Runs the stress programs for so many seconds a mode and adds up their lines.
# usage: tests/run_stress.sh SECONDS PROGRAM...
seconds=$1
shift
wrap=$(mktemp -d) || exit 1
trap 'rm -rf "$wrap"' EXIT
programs=
for program in "$@"; do
    name=$wrap/$(basename "$program")
    printf '#!/bin/sh\nexec %s %s\n' "$program" "$seconds" >"$name"
    chmod +x "$name"
    programs="$programs $name"
done
exec "$(dirname "$0")/run_all.sh" $programs
