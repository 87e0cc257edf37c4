# fish completion of aigw, aigw-shmdump and aigw-ledger
# SPDX-License-Identifier: Apache-2.0
complete -c aigw -f
complete -c aigw -s c -r -F -d 'configuration'
complete -c aigw -s t -d 'check the configuration and leave'
complete -c aigw -s T -d 'check it and print it as it is understood'
complete -c aigw -s s -x -a 'reload reopen upgrade quit stop' -d 'signal the running master'
complete -c aigw -l options -d 'every option with type, default and meaning'
complete -c aigw -l example-config -d 'a commented aigw.ini with all defaults'
complete -c aigw -l version -d 'version'
complete -c aigw -l help -d 'help'

complete -c aigw-shmdump -f -a 'header keys models workers rings slots catalogue endpoints cache blocks'
complete -c aigw-shmdump -l instance -r -F -d 'name of the instance, or a file'
complete -c aigw-shmdump -l json -d 'JSON in place of a table'
complete -c aigw-shmdump -l watch -d 'again every second'
complete -c aigw-shmdump -l verify -d 'check the invariants'
complete -c aigw-shmdump -l quiet -d 'with --verify: nothing is in flight'
complete -c aigw-shmdump -l version -d 'version'
complete -c aigw-shmdump -l help -d 'help'

set -l commands list sum verify export check restore repair
complete -c aigw-ledger -n "not __fish_seen_subcommand_from $commands" -f -a "$commands"
complete -c aigw-ledger -n '__fish_seen_subcommand_from list sum verify' -f
complete -c aigw-ledger -s c -l config -r -F -d 'configuration'
complete -c aigw-ledger -l data-dir -r -F -d 'data directory'
complete -c aigw-ledger -l socket -r -F -d 'socket of the accountant'
complete -c aigw-ledger -l json -d 'one JSON object'
complete -c aigw-ledger -l rows -d 'export the log rows too'
complete -c aigw-ledger -l help -d 'help'
