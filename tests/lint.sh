#!/bin/sh
# Layout, static analysis, man pages, shell and Python syntax. A tool that is
# not installed is skipped with a message.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0
step() { # name, tool, command...
    name=$1 tool=$2
    shift 2
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $name needs $tool"
        skipped=$((skipped + 1))
    elif out=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        echo "--- $name"
        echo "$out" | head -n 60
        echo "FAILED: lint: $name"
        failed=$((failed + 1))
    fi
}
sources=$(git ls-files '*.c' '*.h')
step "clang-format" clang-format clang-format --dry-run -Werror $sources
step "cppcheck" cppcheck cppcheck -q -j 2 --error-exitcode=1 --inline-suppr -I. \
    --enable=warning,portability --suppress=missingIncludeSystem \
    --suppress=normalCheckLevelMaxBranches --std=c11 -D_GNU_SOURCE \
    common shm worker accountant master tools
# At most 2.0 of 10 (Debian's nginx.service: 9.6).
step "aigw.service" systemd-analyze systemd-analyze security --offline=true \
    --no-pager --threshold=20 tools/package/aigw.service
step "man pages" mandoc mandoc -Tlint -Wwarning $(git ls-files '*.[158]') \
    "${AIGW_BUILD:-build}/aigw.ini.5"
step "hardening" readelf tests/hardening.sh
step ".ci/run" bash bash -n .ci/run
scripts="$(git ls-files '*.sh') tools/package/debian/aigw.postinst"
scripts="$scripts tools/package/debian/aigw.postrm"
for script in $scripts tools/package/completion/aigw.bash; do
    case $(head -n 1 "$script") in
    '#!/bin/sh') step "$script" sh sh -n "$script" ;;
    *) step "$script" bash bash -n "$script" ;;
    esac
done
# Lists of files without blanks are split on purpose; dash knows -nt.
step "shellcheck" shellcheck shellcheck -x -S warning -e SC2045,SC2046,SC3013 \
    .ci/run $scripts
step "python" python3 python3 -m compileall -q tests
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
