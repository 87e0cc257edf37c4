# What the scripts inside the chroot share.
# shellcheck shell=bash disable=SC2034,SC2154
version=$1 next=$2

check() { # sentence, command..., which runs in this shell and may start things
    local sentence=$1
    shift
    if "$@" >/root/out 2>&1; then
        echo "ok: $sentence"
    else
        echo "not ok: $sentence"
        cat /root/out
        return 1
    fi
}

is() { # got, expected
    [ "$1" = "$2" ] || { echo "'$1' is not '$2'" && false; }
}

mode_of() {
    stat -c '%a %U %G' "$1"
}

until_true() { # command...; at most a minute
    local tries=600
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "never: $*" && return 1; }
        sleep 0.1
    done
}

url=http://127.0.0.1:8080 admin=http://127.0.0.1:8081

serves() {
    is "$(curl -s -o /dev/null -w '%{http_code}' $url/readyz)" 200
}

call() { # text, more members
    curl -sN --max-time 300 $url/v1/chat/completions -H "Authorization: Bearer $key" \
        -H 'Content-Type: application/json' -d '{"model": "builtin/echo",
        "messages": [{"role": "user", "content": "'"$1"'"}]'"$2"'}'
}

answers() {
    call Hello | grep -q '"content":"Hello"'
}

wait_for_word() {
    until_true grep -q word /root/stream
}

upgrade() {
    dpkg -i "/root/aigw-$next.deb" >/root/upgrade.log 2>&1 ||
        { cat /root/upgrade.log && return 1; }
}

# An answer of 40 s comes in small pieces into /root/stream.
start_stream() {
    rm -f /root/stream # of the last one
    call "$(printf 'word %.0s' $(seq 400))" ', "stream": true' >/root/stream &
    stream=$!
    wait_for_word
}

slow_builtin() {
    printf '[provider.builtin]\nkind = builtin\nmodels = echo\ndelay = 100ms\n' \
        >/etc/aigw/conf.d/slow.ini
}
