#!/bin/bash
# Inside the chroot of tests/package.sh: the installed package from its first
# start to its purge. usage: life.sh VERSION NEXT
# shellcheck source=tests/package/common.sh
. "${0%/*}/common.sh"
start() {
    aigw -c /etc/aigw/aigw.ini >>/root/aigw.log 2>&1 &
    master=$!
    until_true serves || { cat /root/aigw.log && return 1; }
}
requests() {
    aigwctl key get first --field quotas.0.usage
}

check "the data folder is the user's alone" \
    is "$(mode_of /var/lib/aigw)" "700 aigw aigw"
check "the configuration is hidden from others" \
    is "$(mode_of /etc/aigw)" "750 root aigw"
check "the log folder is the user's and the group's" \
    is "$(mode_of /var/log/aigw)" "750 aigw aigw"
check "the configuration is fine as it comes" aigw -t
check "the unit is sound" systemd-analyze --man=no verify aigw.service
check "logrotate takes its file" logrotate -d /etc/logrotate.d/aigw
slow_builtin
echo '; mine' >>/etc/aigw/aigw.ini

check "it starts without systemd" start || exit
start_pid=$(cat /run/aigw/aigw.pid)
check "the process that serves is the one that was started" \
    is "$start_pid" "$master"
check "/healthz answers" curl -sf $url/healthz
check "a key can be made" aigwctl key create first --quota 1000000 \
    --period total
key=$(aigwctl key reveal first --field vApiKey)
has_console() { # its page and what that names
    curl -sf $admin/console/ >/root/page || return
    asset=$(grep -o '/console/assets/[^"]*\.js' /root/page | head -n 1)
    curl -sf "$admin$asset" >/dev/null
}
[ ! -f /root/with-console ] || check "the console is inside" has_console
links() {
    aigwctl console | grep "$admin/console/#login="
}
check "aigwctl makes a link to it" links
check "status names the version" \
    is "$(aigwctl status --field version)" "$version"
check "the builtin provider answers a call" answers
check "the access log has it" until_true \
    grep -q '"status": *200' /var/log/aigw/access.log
rotated() {
    logrotate -f /etc/logrotate.d/aigw && answers &&
        until_true test -s /var/log/aigw/access.log &&
        test -s /var/log/aigw/access.log.1
}
check "after logrotate the log goes on in a new file" rotated

# The next version comes while a stream runs.
check "a stream runs" start_stream
used=$(requests)
check "the next version is installed" upgrade || exit
check "the running gateway became it" \
    grep -q 'has become the new version' /root/upgrade.log
check "status says so" is "$(aigwctl status --field version)" "$next"
check "the master is the same process" is "$(cat /run/aigw/aigw.pid)" "$start_pid"
check "the stream still runs" kill -0 $stream
check "the stream was not cut" wait $stream
check "the stream has its end" grep -q '^data: \[DONE\]' /root/stream
check "the key still works" answers
more_used() {
    [ "$(requests)" -gt "$used" ]
}
check "its use was kept and goes on" more_used
check "the changed configuration was kept" \
    grep -q '^; mine' /etc/aigw/aigw.ini
check "the books balance" aigw-ledger -c /etc/aigw/aigw.ini verify

used=$(requests)
leave() {
    kill -QUIT "$start_pid" && wait "$master"
}
check "it stops when asked" leave
check "no segment is left after a clean stop" is "$(ls /dev/shm)" ""
check "it can be removed" dpkg -r aigw
check "removing keeps the data" test -d /var/lib/aigw/ledger
check "removing keeps the configuration" test -f /etc/aigw/aigw.ini
check "it can be installed again" upgrade
check "it starts again" start || exit
check "with the same key" answers
check "and its use" more_used

# A crash leaves the segment; purging must find it.
crash() {
    local child children
    read -ra children <"/proc/$master/task/$master/children"
    kill -KILL "$master"
    for child in "${children[@]}"; do
        kill -KILL "$child" 2>/dev/null
    done
    wait "$master" 2>/dev/null
    test -f /dev/shm/aigw-default
}
check "a crash leaves the segment" crash
check "it can be purged" dpkg -P aigw
left=$(find / -xdev \( -path /proc -o -path /root -o -path /var/cache/apt \
    -o -path /var/lib/apt \) -prune -o -name '*aigw*' -print)
check "purging leaves no file" is "$left" ""
check "nor a segment" is "$(ls /dev/shm)" ""
check "the user stays, locked" is "$(getent passwd aigw | cut -d: -f7)" \
    /usr/sbin/nologin
echo "the end"
