#compdef aigw aigw-shmdump aigw-ledger
# zsh completion of aigw, aigw-shmdump and aigw-ledger
# SPDX-License-Identifier: Apache-2.0
case $service in
aigw)
    _arguments \
        '-c[configuration]:file:_files' \
        '-t[check the configuration and leave]' \
        '-T[check it and print it as it is understood]' \
        '-s[signal the running master]:word:(reload reopen upgrade quit stop)' \
        '--options[every option with type, default and meaning]' \
        '--example-config[a commented aigw.ini with all defaults]' \
        '--version[version]' '--help[help]'
    ;;
aigw-shmdump)
    _arguments \
        '--instance[name of the instance, or a file]:instance:_files' \
        '--json[JSON in place of a table]' \
        '--watch=-[again every second, or every so many]::seconds:' \
        '--verify[check the invariants]' \
        '--quiet[with --verify: nothing is in flight]' \
        '--version[version]' '--help[help]' \
        '::part:(header keys models workers rings slots catalogue endpoints cache blocks)'
    ;;
aigw-ledger)
    _arguments \
        {-c,--config}'[configuration]:file:_files' \
        '--data-dir[data directory]:folder:_files -/' \
        '--socket[socket of the accountant]:file:_files' \
        '--json[one JSON object]' '--rows[export the log rows too]' \
        '--help[help]' \
        ':command:(list sum verify export check restore repair)' \
        '*:file:_files'
    ;;
esac
