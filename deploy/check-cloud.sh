#!/bin/sh
# check-cloud.sh - one real request to every vendor whose key is in the environment. Opt-in: it needs the
# internet and costs a fraction of a cent. Nothing in CI calls it.
#
#   ANTHROPIC_API_KEY=... deploy/check-cloud.sh [anthropic|gemini|openai|all] [path of the lintel binary]
#
# Ends with 0 when every vendor that was asked answered with lines that fit, with 2 when nobody could be asked.
set -eu
which=all
case "${1:-}" in anthropic | gemini | openai | all) which=$1; shift ;; esac
lintel=${1:-build/release/gateway/lintel}
[ -x "$lintel" ] || { echo "no program at $lintel; build it, or name another behind the vendor" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/tools.json" <<'JSON'
[{"name":"light_set","description":"Dim the light.","parameters":{"type":"object","properties":{
  "level":{"type":"integer","description":"percent","minimum":0,"maximum":100}},"required":["level"]}}]
JSON
n=0
check() { # provider, name of the variable with its key
    [ "$which" = all ] || [ "$which" = "$1" ] || return 0
    eval "key=\${$2:-}"
    [ -n "$key" ] || { echo "$1: no $2, left out"; return 0; }
    n=$((n + 1))
    printf 'cloud:\n  endpoints:\n    - provider: %s\n      key: env:%s\n' "$1" "$2" > "$work/$1.yaml"
    "$lintel" doctor -c "$work/$1.yaml" | grep '^[A-Za-z]* *cloud' || true
    "$lintel" generate -c "$work/$1.yaml" --tools "$work/tools.json" --provider "$1" --n 3 --usd 0.10 \
        -o "$work/$1.jsonl"
    [ -s "$work/$1.jsonl" ] || { echo "$1: no line that fits"; exit 1; }
    sed -n 's/.*\("query":"[^"]*"\).*/  \1/p' "$work/$1.jsonl"
}
check anthropic ANTHROPIC_API_KEY
check gemini GEMINI_API_KEY
check openai OPENAI_API_KEY
[ "$n" -gt 0 ] || { echo "set a key to check its vendor"; exit 2; }
