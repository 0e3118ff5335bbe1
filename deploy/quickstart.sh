#!/usr/bin/env bash
# From a fresh clone to a gateway that answers: installs the Debian packages, builds, starts a broker
# on a free loopback port and the gateway with the shipped network and a demo home, asks it a handful
# of things, and keeps running until Ctrl-C. Everything it writes is under ./run and ./build.
#
#   deploy/quickstart.sh           stay
#   deploy/quickstart.sh --once    show the requests and stop
set -euo pipefail
cd "$(dirname "$0")/.."
once=0
case ${1:-} in
    '') ;;
    --once) once=1 ;;
    *) echo "usage: deploy/quickstart.sh [--once]" >&2; exit 2 ;;
esac

bash deploy/install-packages.sh
echo "Building"
cmake --preset release >/dev/null
cmake --build --preset release --target lintel | tail -n 1
lintel=build/release/gateway/lintel

run=$PWD/run
mkdir -p "$run"
broker_pid=
gateway_pid=
stop() {
    trap - EXIT INT TERM
    [ -n "$gateway_pid" ] && kill "$gateway_pid" 2>/dev/null && wait "$gateway_pid" 2>/dev/null
    [ -n "$broker_pid" ] && kill "$broker_pid" 2>/dev/null && wait "$broker_pid" 2>/dev/null
    exit "${1:-0}"
}
trap 'stop $?' EXIT
trap 'echo; echo "Stopping"; stop 0' INT TERM

fail() {
    echo "quickstart: $1" >&2
    exit 1
}

# a port on which nobody listens
port=
for _ in $(seq 50); do
    try=$((20000 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$try") 2>/dev/null; then
        port=$try
        break
    fi
done
[ -n "$port" ] || fail "found no free port between 20000 and 39999 on 127.0.0.1"

cat >"$run/mosquitto.conf" <<EOF
listener $port 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
EOF
cat >"$run/lintel.yaml" <<EOF
mqtt:
  host: 127.0.0.1
  port: $port
catalog:
  file: $PWD/deploy/demo/catalog.json
store:
  path: $run/lintel.db
EOF
PATH=$PATH:/usr/sbin:/sbin
mosquitto -c "$run/mosquitto.conf" >"$run/mosquitto.log" 2>&1 &
broker_pid=$!
"$lintel" serve -c "$run/lintel.yaml" >"$run/lintel.log" 2>&1 &
gateway_pid=$!

for _ in $(seq 100); do
    kill -0 "$gateway_pid" 2>/dev/null || { tail -n 5 "$run/lintel.log" >&2; fail "the gateway stopped"; }
    status=$(mosquitto_sub -h 127.0.0.1 -p "$port" -t lintel/home/status -C 1 -W 1 2>/dev/null || true)
    [[ $status == *'"online"'* && $status != *'"tools":0'* ]] && break # the home is encoded
    sleep 0.1
done
[[ ${status:-} == *'"online"'* ]] || { tail -n 5 "$run/lintel.log" >&2; fail "the gateway did not come online within 10 s"; }

# value of a top-level number or string of a one-line JSON result
field() { sed -nE "s/.*\"$1\":\"?([^,\"}]*)\"?[,}].*/\1/p" <<<"$2"; }

ask() {
    local answer call confidence
    answer=$(mosquitto_rr -V 5 -h 127.0.0.1 -p "$port" -t lintel/home/request -e "lintel/home/reply/quickstart-$$" -W 10 -m "$1") ||
        fail "no answer to \"$1\" within 10 s; see run/lintel.log"
    call=$(sed -E 's/.*"calls":\[(.*)\],"confidence".*/\1/; s/\{"name":"([^"]*)","arguments":(\{[^}]*\})\}/\1 \2/g; s/\},/}  /g' <<<"$answer")
    confidence=$(field confidence "$answer")
    printf '%-48s  %-66s  %5.2f  %-8s %6.1f ms\n' "$1" "${call:--}" "${confidence:-0}" \
        "$(field route "$answer")" "$(($(field total "$answer") / 100))e-1"
}

echo
printf '%-48s  %-66s  %5s  %-8s %9s\n' "said" "called" "sure" "route" "time"
ask "turn off the kitchen light"
ask "set the floor lamp to forty percent"
ask "turn on the lights in the bedroom"
ask "close the living room blinds"
ask "set the thermostat to 21 degrees"
ask "start the robot vacuum"
ask "pause the tv"
ask "set a timer for ten minutes"
ask "turn off the hallway light and the mirror light"
ask "is the front door locked"
ask "who won the world cup in 1998"
ask "unlock the front door"
cat <<EOF

route: local = carried out here; none = nothing here applies; clarify = it asks back: not sure enough, or a door would open
(with a cloud model configured it would ask that: see deploy/lintel.yaml).

Send your own, and watch the calls:
  mosquitto_sub -h 127.0.0.1 -p $port -v -t 'lintel/home/call/#' -t lintel/home/response
  mosquitto_pub -h 127.0.0.1 -p $port -t lintel/home/request -m 'turn on the counter lights'
What was asked, and why it was answered so:
  $lintel traces list -c run/lintel.yaml
EOF
[ "$once" = 1 ] && exit 0
echo
echo "Running; Ctrl-C stops broker and gateway."
wait "$gateway_pid"
