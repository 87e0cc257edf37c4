#!/bin/bash
# Inside a booted systemd, by tests/package.sh: the package under the service
# manager, from its installation to its purge; then the system is switched off.
# usage: boot.sh VERSION NEXT
exec >/root/boot.out 2>&1
# shellcheck source=tests/package/common.sh
. "${0%/*}/common.sh"
show() {
    systemctl show -p "$1" --value aigw.service
}
trap 'systemctl --no-block poweroff' EXIT

check "it is installed" dpkg -i "/root/aigw-$version.deb" || exit
check "it is started at once" systemctl is-active aigw.service
check "it is started at each boot" systemctl is-enabled aigw.service
check "it serves when systemd says started" serves
check "it does not run as root" is \
    "$(ps -o user= -p "$(show MainPID)")" aigw
check "a key can be made" aigwctl key create first
key=$(aigwctl key reveal first --field vApiKey)
check "the builtin provider answers a call" answers
slow_builtin
pid=$(show MainPID)
check "a reload is done when systemctl says so" systemctl reload aigw.service
check "and was taken" is "$(aigwctl status --field config.last_reload)" ok
check "a stream runs" start_stream
check "the next version is installed" upgrade || exit
check "the running gateway became it" \
    grep -q 'has become the new version' /root/upgrade.log
check "status says so" is "$(aigwctl status --field version)" "$next"
check "the stream still runs" kill -0 $stream
check "the service is the same process" is "$(show MainPID)" "$pid"
check "it was not restarted" is "$(show NRestarts)" 0
check "the stream was not cut" wait $stream
check "the stream has its end" grep -q '^data: \[DONE\]' /root/stream
check "another stream runs" start_stream
kill -KILL "$pid"
came_back() {
    [ "$(show MainPID)" != "$pid" ] && serves
}
check "a killed master comes back" until_true came_back
check "with its keys" answers
check "the stream still runs" kill -0 $stream
check "the worker that it left behind ends the stream" wait $stream
check "in order" grep -q '^data: \[DONE\]' /root/stream
check "it can be stopped" systemctl stop aigw.service
check "no segment is left after a clean stop" is "$(ls /dev/shm)" ""
check "it can be purged" dpkg -P aigw
check "the service is forgotten" is "$(show LoadState)" not-found
echo "the end"
