# bash completion of aigw, aigw-shmdump and aigw-ledger
# SPDX-License-Identifier: Apache-2.0
_aigw()
{
    local current=$2 before=$3 words=
    case ${1##*/}:$before in
    *:-c | *:--config | *:--data-dir | *:--socket | \
        aigw-ledger:export | aigw-ledger:check | aigw-ledger:restore | \
        aigw-ledger:repair)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    aigw:-s) words='reload reopen upgrade quit stop' ;;
    aigw:*) words='-c -t -T -s --options --example-config --version --help' ;;
    aigw-shmdump:--instance)
        words=$(cd /dev/shm && ls -d aigw-* 2>/dev/null |
            sed -n '/\.cat\.\|\.idem$/!s/^aigw-//p')
        ;;
    aigw-shmdump:*)
        words='header keys models workers rings slots catalogue endpoints cache blocks
            --instance --json --watch --verify --quiet --version --help'
        ;;
    aigw-ledger:*)
        words='list sum verify export check restore repair
            --config --data-dir --socket --json --rows --help'
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _aigw aigw aigw-shmdump aigw-ledger
