#!/usr/bin/env bash
# How long from starting the gateway to its first answer with a warm cache, what it uses when nobody
# speaks, and what it holds in memory. A request waits in the broker for the gateway's session.
#
#     tests/bench/startup.sh [ROUNDS]      from the tree's root, after a release build
set -euo pipefail
rounds=${1:-5}
lintel=build/release/gateway/lintel
dir=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
PATH=$PATH:/usr/sbin:/sbin
printf 'listener %d 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n' "$port" >"$dir/mosquitto.conf"
printf 'mqtt:\n  host: 127.0.0.1\n  port: %d\ncatalog:\n  file: %s/deploy/demo/catalog.json\nstore:\n  path: %s/lintel.db\n' \
    "$port" "$PWD" "$dir" >"$dir/lintel.yaml"
mosquitto -c "$dir/mosquitto.conf" >"$dir/mosquitto.log" 2>&1 &
broker=$!
gateway=
finish() {
    [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true
    kill "$broker"
    rm -rf "$dir"
}
trap finish EXIT
sleep 0.3
start() {
    "$lintel" serve -c "$dir/lintel.yaml" >>"$dir/lintel.log" 2>&1 &
    gateway=$!
}
stop() {
    kill "$gateway"
    wait "$gateway" || true
    gateway=
}
ask() {
    mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t lintel/home/request -m '{"text":"turn on the floor lamp"}'
}
start # its session is known to the broker from here on, and the blocks are written when it ends
sleep 2
ask
sleep 1
stop
for ((i = 0; i < rounds; i++)); do
    ask
    mosquitto_sub -h 127.0.0.1 -p "$port" -t 'lintel/home/call/#' -C 1 -W 10 >"$dir/call" &
    heard=$!
    sleep 0.2
    began=$(date +%s%N)
    start
    wait "$heard"
    echo "start to first answer: $((($(date +%s%N) - began) / 1000000)) ms"
    sleep 0.5
    stop
done
start
sleep 3
ticks() { awk '{print $14 + $15}' "/proc/$gateway/stat"; }
before=$(ticks)
sleep 20
echo "idle: $((($(ticks) - before) * 1000 / $(getconf CLK_TCK))) ms of CPU in 20 s," \
    "$(awk '/VmRSS/ {print $2}' "/proc/$gateway/status") KiB resident"
