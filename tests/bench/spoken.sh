#!/usr/bin/env bash
# spoken.sh: the spoken suite, by hand: phrases of the demo home, said by espeak-ng in several voices and
# speeds, sent as WAV to the audio topic of a running gateway whose voice.recogniser is on, and typed once
# for comparison. Right is what gives the same calls as the typed words.
#
#   tests/bench/spoken.sh [-p PORT] [-n NOISE_DB] [FILE]     one phrase a line (tests/bench/spoken.txt)
#
# Needs jq, sox and espeak-ng. With -n, white noise is mixed in by sox at so many dB below full scale (-40: a quiet room).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
port=1883 noise=
while getopts p:n: o; do
    case $o in
    p) port=$OPTARG ;;
    n) noise=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
voices=(en-us en-gb en-us+f2 en-us+m3 en-gb+f3 en-gb+f4)
speeds=(130 150 160 170)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
n=0 right=0 wrong=0

# The calls of an answer and its route; a session of its own for each, so that nothing is remembered.
calls='{calls: [.calls[] | {name, arguments}], route: (.route)}'
ask() { # topic, then options of mosquitto_pub
    mosquitto_sub -p "$port" -t lintel/home/response -C 1 -W 30 >"$folder/answer" &
    local sub=$!
    sleep 0.3
    mosquitto_pub -p "$port" -t "$@"
    wait "$sub" || true
    jq -cS "$calls" <"$folder/answer" || echo '{"calls":[],"route":"none"}'
}

while IFS= read -r phrase; do
    voice=${voices[$((n % ${#voices[@]}))]} speed=${speeds[$((n / 3 % ${#speeds[@]}))]}
    n=$((n + 1))
    typed=$(ask lintel/home/request -m "$(jq -cn --arg t "$phrase" --arg s "$n" '{text: $t, dry_run: true, session: $s}')")
    espeak-ng -v "$voice" -s "$speed" -w "$folder/a.wav" "$phrase"
    sox "$folder/a.wav" -r 16000 -c 1 -b 16 "$folder/b.wav" pad 0.3 0.3
    if [ -n "$noise" ]; then
        sox -n -r 16000 -b 16 "$folder/n.wav" synth "$(soxi -D "$folder/b.wav")" whitenoise gain "$noise"
        sox -m -v 1 "$folder/b.wav" -v 1 "$folder/n.wav" "$folder/c.wav"
        mv "$folder/c.wav" "$folder/b.wav"
    fi
    heard=$(ask "lintel/home/audio/spoken $n" -f "$folder/b.wav")
    if [ "$(jq -c .calls <<<"$typed")" = "$(jq -c .calls <<<"$heard")" ] && [ "$(jq -r .route <<<"$heard")" = "$(jq -r .route <<<"$typed")" ]; then
        right=$((right + 1)) mark=+
    elif [ "$(jq -r .route <<<"$heard")" = local ] && [ "$(jq -c .calls <<<"$heard")" != "[]" ]; then
        wrong=$((wrong + 1)) mark=X
    else
        mark=-
    fi
    printf '%s %s (%s %s): %s\n' "$mark" "$phrase" "$voice" "$speed" "$heard"
done <"${1:-$here/spoken.txt}"
echo "$n phrases, $right right, $wrong wrong and carried out"
