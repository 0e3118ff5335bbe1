#!/usr/bin/env bash
# spoken.sh: the spoken suite, by hand: phrases of the demo home, said by espeak-ng in several voices and
# speeds, brought to a gateway of its own (embedded recogniser, no cloud, a broker on a free port) through
# one of three doors, and typed once for comparison. Right is what does to the same devices what the typed
# words do ("hallway light", "hallway lights": there is one); wrong is what does anything else; the rest asked back
# or was refused.
#
#   tests/bench/spoken.sh [-d audio|wyoming|hermes] [-n NOISE_DB] [-e EVERY] [-f FROM] [-r] [FILE]
#
# FILE has one phrase a line (tests/bench/spoken.txt); -e 5 takes every fifth, -f 3 begins with the third. With -n,
# white noise is mixed in by sox at so many dB below full scale (-40: a quiet room). With -r Wyoming sound is sent as
# fast as it is spoken, and the time from its last sample to the answer is told. Needs a release build, mosquitto and its clients,
# jq, sox, espeak-ng and sqlite3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lintel=$here/../../build/release/gateway/lintel
door=audio noise='' every=1 from=1 pace=''
while getopts d:n:e:f:r o; do
    case $o in
    d) door=$OPTARG ;;
    n) noise=$OPTARG ;;
    e) every=$OPTARG ;;
    f) from=$OPTARG ;;
    r) pace=1 ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
voices=(en-us en-gb en-us+f2 en-us+m3 en-gb+f3 en-gb+f4)
speeds=(130 150 160 170)
folder=$(mktemp -d)
broker='' gateway=''
stop() {
    [ -n "$gateway" ] && kill "$gateway" 2>/dev/null && wait "$gateway" 2>/dev/null
    [ -n "$broker" ] && kill "$broker" 2>/dev/null
    rm -rf "$folder"
}
trap stop EXIT

free_port() {
    local try
    while try=$((20000 + RANDOM % 20000)) && (exec 3<>"/dev/tcp/127.0.0.1/$try") 2>/dev/null; do :; done
    echo "$try"
}
port=$(free_port) wyoming=$(free_port)
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$folder/mosquitto.conf"
cat >"$folder/lintel.yaml" <<EOF
mqtt: {host: 127.0.0.1, port: $port}
catalog: {file: $here/../../deploy/demo/catalog.json}
store: {path: $folder/lintel.db}
voice: {recogniser: embedded}
wyoming: {port: $wyoming}
hermes: {enabled: true, role: dialogue, services: [asr]}
EOF
mosquitto -c "$folder/mosquitto.conf" >"$folder/broker.log" 2>&1 &
broker=$!
until mosquitto_pub -p "$port" -t x -n 2>/dev/null; do sleep 0.1; done
"$lintel" serve -c "$folder/lintel.yaml" >"$folder/gateway.log" 2>&1 &
gateway=$!
mosquitto_sub -p "$port" -t lintel/home/status -C 1 -W 60 >/dev/null # retained: it is there

# What calls do to which devices: rooms and floors become the devices in them.
effect() {
    jq -cS --slurpfile c "$here/../../deploy/demo/catalog.json" '
        $c[0].home as $home | .calls | map(.arguments as $a | {name, what:
          (if ($a | has("domain")) then [$home.entities[] | . as $e | select(.domain == $a.domain
             and ($a.area == null or .area == $a.area) and ($a.floor == null or
               any($home.areas[]; .name == $e.area and .floor == $a.floor))) | .name] | sort
           elif ($a | has("name")) then [$a.name] else [] end),
          how: ($a | if has("domain") then del(.domain, .area, .floor) else del(.name) end)})'
}

# The newest trace of a door, once there are more than $2 and it is settled: calls, route, what was understood.
await() { # source, traces before
    local row
    for _ in $(seq 600); do
        # the count and the newest in one statement: between two a trace may come
        row=$(sqlite3 -readonly -json "$folder/lintel.db" "select calls, route, text, (select count(*) from trace
              where source = '$1' and calls is not null) n from trace
              where source = '$1' and calls is not null order by id desc limit 1" 2>/dev/null || true)
        if [ -n "$row" ] && [ "$(jq '.[0].n' <<<"$row")" -gt "$2" ]; then
            jq -cS '.[0] | {calls: ((.calls // "[]") | fromjson | map({name, arguments})), route, text}' <<<"$row"
            return
        fi
        [ -e "$folder/nothing" ] && break # the door said so
        sleep 0.1
    done
    echo '{"calls":[],"route":"none","text":""}'
}
count() {
    sqlite3 -readonly "$folder/lintel.db" \
        "select count(*) from trace where source = '$1' and calls is not null" 2>/dev/null || echo 0
}

# A WAV on the audio topic; nothing is in the trace where no words were heard.
say_audio() {
    mosquitto_sub -p "$port" -t lintel/home/response -C 1 -W 60 >"$folder/response" &
    local sub=$!
    sleep 0.3
    mosquitto_pub -p "$port" -t lintel/home/audio -f "$1"
    wait "$sub" || true
    if jq -e '.error' "$folder/response" >/dev/null 2>&1; then touch "$folder/nothing"; fi
}

# Wyoming: a transcription and its answer on one connection.
say_wyoming() {
    local size i=0 line
    tail -c +45 "$1" >"$folder/pcm"
    size=$(stat -c %s "$folder/pcm")
    exec 4<>"/dev/tcp/127.0.0.1/$wyoming"
    local began=$EPOCHREALTIME
    echo '{"type":"audio-start","data":{"rate":16000,"width":2,"channels":1}}' >&4
    while [ $((i * 3200)) -lt "$size" ]; do
        tail -c +$((i * 3200 + 1)) "$folder/pcm" | head -c 3200 >"$folder/piece" || true
        printf '{"type":"audio-chunk","data":{"rate":16000,"width":2,"channels":1},"payload_length":%d}\n' \
            "$(stat -c %s "$folder/piece")" >&4
        cat "$folder/piece" >&4
        i=$((i + 1))
        # 3200 bytes are a tenth of a second; what the loop itself took is not waited for
        [ -z "$pace" ] || sleep "$(awk -v s="$began" -v n="$EPOCHREALTIME" -v i="$i" \
            'BEGIN { w = s + i / 10 - n; print (w > 0 ? w : 0) }')"
    done
    local ended=$EPOCHREALTIME
    echo '{"type":"audio-stop","data":{}}' >&4
    while IFS= read -r -t 60 line <&4; do
        case $line in
        *not-recognized* | *'"error"'*) touch "$folder/nothing" && break ;;
        *handled* | *intent*) break ;; # not-handled too: a question back
        esac
    done
    [ -z "$pace" ] || awk -v a="$ended" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }' >>"$folder/took"
    exec 4>&-
}

# Hermes: the wake word, then frames, then the silence by which the satellite ends.
say_hermes() {
    local i=0 length
    mosquitto_sub -p "$port" -t hermes/asr/startListening -t hermes/dialogueManager/sessionEnded -t hermes/tts/say \
        -v -W 120 >"$folder/hermes" &
    local sub=$!
    sleep 0.3
    mosquitto_pub -p "$port" -t hermes/hotword/default/detected -m '{"siteId":"default","modelId":"default"}'
    until grep -q startListening "$folder/hermes"; do sleep 0.05; done
    sox "$1" "$folder/long.wav" pad 0 1.2
    length=$(soxi -D "$folder/long.wav" | cut -d. -f1)
    for i in $(seq 0 "$length"); do
        sox "$folder/long.wav" "$folder/frame.wav" trim "$i" 1 2>/dev/null || true
        mosquitto_pub -p "$port" -t hermes/audioServer/default/audioFrame -f "$folder/frame.wav"
    done
    # nobody speaks the answers here; a question is left unanswered
    local id session
    for _ in $(seq 600); do
        grep -q sessionEnded "$folder/hermes" && break
        id=$(sed -n 's,^hermes/tts/say ,,p' "$folder/hermes" | jq -r .id | tail -1)
        [ -z "$id" ] || mosquitto_pub -p "$port" -t hermes/tts/sayFinished -m "{\"id\":\"$id\",\"siteId\":\"default\"}"
        if [ "$(grep -c startListening "$folder/hermes")" -gt 1 ]; then
            session=$(sed -n 's,^hermes/asr/startListening ,,p' "$folder/hermes" | jq -r .sessionId | tail -1)
            mosquitto_pub -p "$port" -t hermes/dialogueManager/endSession -m "{\"sessionId\":\"$session\"}"
        fi
        sleep 0.2
    done
    grep -q intentNotRecognized "$folder/hermes" && touch "$folder/nothing"
    kill "$sub" 2>/dev/null || true
}

# A deed typed before a phrase.
deed() {
    local before
    before=$(count mqtt)
    mosquitto_pub -p "$port" -t lintel/home/request -m "$(jq -cn --arg t "$1" '{text: $t, session: "before"}')"
    await mqtt "$before" </dev/null >/dev/null
}

# Who speaks of "the timer" has one, and who wants it resumed has paused it.
set_up() {
    case $1 in
    *"set a "* | *"start a "* | "timer for "* | *" minute timer" | *" second timer") return ;;
    *timer*) ;;
    *) return ;;
    esac
    deed "cancel all timers"
    deed "set a timer for twenty minutes"
    case $1 in *resume* | *unpause* | *continue*) deed "pause the timer" ;; esac
}

n=0 tried=0 right=0 wrong=0
while IFS= read -r phrase; do
    voice=${voices[$((n % ${#voices[@]}))]} speed=${speeds[$((n / 3 % ${#speeds[@]}))]}
    n=$((n + 1))
    [ "$n" -ge "$from" ] && [ $(((n - from) % every)) -eq 0 ] || continue
    tried=$((tried + 1))
    rm -f "$folder/nothing"
    set_up "$phrase"
    before=$(count mqtt)
    mosquitto_pub -p "$port" -t lintel/home/request \
        -m "$(jq -cn --arg t "$phrase" --arg s "$n" '{text: $t, dry_run: true, session: $s}')"
    typed=$(await mqtt "$before" </dev/null)
    espeak-ng -v "$voice" -s "$speed" -w "$folder/a.wav" "$phrase" </dev/null
    sox "$folder/a.wav" -r 16000 -c 1 -b 16 "$folder/b.wav" pad 0.3 0.3
    if [ -n "$noise" ]; then
        sox -R -n -r 16000 -b 16 "$folder/n.wav" synth "$(soxi -D "$folder/b.wav")" whitenoise gain "$noise"
        sox -m -v 1 "$folder/b.wav" -v 1 "$folder/n.wav" "$folder/c.wav"
        mv "$folder/c.wav" "$folder/b.wav"
    fi
    before=$(count "$door")
    case $door in
    audio) say_audio "$folder/b.wav" </dev/null ;;
    wyoming) say_wyoming "$folder/b.wav" </dev/null ;;
    hermes) say_hermes "$folder/b.wav" </dev/null ;;
    esac
    heard=$(await "$door" "$before" </dev/null)
    if [ "$(jq -r .route <<<"$heard")" = local ] && [ "$(effect <<<"$typed")" = "$(effect <<<"$heard")" ]; then
        right=$((right + 1)) mark=+
    elif [ "$(jq -c 'if any(.calls[]; .name != "HassNevermind") then "deeds" else "nothing" end' <<<"$typed")" = \
        '"nothing"' ] && [ "$(jq -c '[.route, .text]' <<<"$heard")" = \
        "$(jq -cn --arg t "$phrase" '["none", $t]')" ]; then # heard, and there is nothing to do
        right=$((right + 1)) mark=+
    elif [ "$(jq -r .route <<<"$heard")" = local ] && [ "$(jq -c .calls <<<"$heard")" != "[]" ]; then
        wrong=$((wrong + 1)) mark=X
    else
        mark=-
    fi
    printf '%s %s (%s %s): %s\n' "$mark" "$phrase" "$voice" "$speed" "$heard"
done <"${1:-$here/spoken.txt}"
[ ! -s "$folder/took" ] || sort -n "$folder/took" | awk '{ t[NR] = $1 } END {
    printf "from the last sample to the answer: median %d ms, 95 of 100 within %d ms\n", t[int((NR + 1) / 2)],
        t[int(NR * 0.95 + 0.5)] }'
echo "$door: $tried phrases, $right right, $wrong wrong and carried out"
