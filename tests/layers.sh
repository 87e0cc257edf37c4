#!/bin/sh
# Who may include whom. A folder is a process; what two processes share lies
# below both. One row a folder: folder | what its sources may include.
cd "$(dirname "$0")/.." || exit 1
failed=0 passed=0
while read -r folder allowed; do
    bad=$(grep -nE '^#include "' "$folder"/*.c "$folder"/*.h 2>/dev/null |
        grep -vE "#include \"($allowed)" || true)
    if [ -n "$bad" ]; then
        echo "$folder includes what it must not:"
        echo "$bad"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
done <<TABLE
common common/[a-z0-9_]+\.h
common/net common/
shm shm/|common/
worker worker/|shm/|common/
worker/dialect worker/|shm/rate\.h|common/
worker/provider worker/|shm/|common/
accountant accountant/|shm/|common/
accountant/admin accountant/|shm/|common/
accountant/console accountant/|common/
accountant/admin/dialect accountant/admin/|accountant/store\.h|common/
accountant/ledger accountant/ledger/|shm/layout\.h|shm/atomic\.h|common/
tools tools/|accountant/ledger/|shm/|common/
master master/|shm/|common/|accountant/accountant\.h|worker/worker\.h
TABLE
# The roles' entries are named in one file of the master; and what must never
# come near it.
bad=$(grep -lE '#include "(accountant|worker)/' master/*.c | grep -v roles.c)
never=$(grep -nE '#include (<(curl|leveldb|cjson|pthread)|"common/(json|net/(http|sse|tls)))' \
    master/*.[ch])
if [ -n "$bad$never" ]; then
    echo "the master must not include: $bad $never"
    failed=$((failed + 1))
else
    passed=$((passed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
