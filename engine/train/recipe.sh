#!/usr/bin/env bash
# The recipe of the network for the hub, from nothing: random weights, one run of `lintel train` over
# the tree's own data and the public files of DIR, Q8_0, the confidence head, and its scores beside
# those of the network that the tree ships. From the top of the tree, after a release build:
#
#   engine/train/recipe.sh -d DIR -o FOLDER [-t THREADS] [-n STEPS] [-b BUILD]
#
#   -d DIR      data files (*.jsonl.gz; docs/data.md names them), with dev.jsonl.gz among them, which is
#               watched and scored and never trained on
#   -o FOLDER   what it makes: home.state (checkpoint), home.gguf (fp32), home-q8_0.gguf, scores.txt
#   -t THREADS  cores (default: all)
#   -n STEPS    of 48 cases (default 21,000: a million cases, about 2 hours and 10 minutes of two cores
#               with AVX-512 BF16)
#   -b BUILD    folder of the build (default build/release)
#
# Run it again after an interruption and it goes on from the checkpoint; a step that was finished is
# not made twice. The network of the tree was not made by this script but by several runs after each
# other as the data grew (docs/experiments.md); its name, vocabulary and sizes are the same.
set -euo pipefail
data= out= threads=$(nproc) steps=21000 build=build/release
while getopts d:o:t:n:b: option; do
    case $option in
    d) data=$OPTARG ;;
    o) out=$OPTARG ;;
    t) threads=$OPTARG ;;
    n) steps=$OPTARG ;;
    b) build=$OPTARG ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
    esac
done
fail() { echo "recipe: $1" >&2; exit 1; }
[ -n "$data" ] && [ -n "$out" ] || fail "name the folder of data files (-d) and the one to write to (-o)"
[ -f "$data/dev.jsonl.gz" ] || fail "$data/dev.jsonl.gz is not there: the scores are taken on it"
[ -f engine/train/mix.json ] || fail "run it from the top of the source tree"
lintel=$build/gateway/lintel
[ -x "$lintel" ] || fail "$lintel is not there: build first (README.md), or name the build with -b"
shipped=$(ls engine/models/lintel-home-*.gguf)
mkdir -p "$out"

if [ ! -e "$out/home.done" ]; then
    resume=
    [ -e "$out/home.state" ] && resume=--resume
    # OpenMP's threads must not spin while another one works: half the speed on a shared machine.
    OMP_WAIT_POLICY=passive "$lintel" train --bf16 --data "$data" --tokenizer "$shipped" --seed 16 \
        --steps "$steps" --decay 0.35 --name lintel-home --threads "$threads" \
        --valid "$data/dev.jsonl.gz" --valid-every 1000 --save-every 100 --report-every 100 \
        --out "$out/home.gguf" --state "$out/home.state" $resume
    touch "$out/home.done"
fi
[ -e "$out/home-q8_0.gguf" ] ||
    "$lintel" calibrate --model "$out/home.gguf" --out "$out/home-q8_0.gguf" --type q8_0 --data "$data" \
        --cases 4000 --l2 3000 --retrieval 0 --threads "$threads"
for network in "$out/home-q8_0.gguf" "$shipped"; do
    echo "== $network"
    "$lintel" eval --model "$network" --data "$data/dev.jsonl.gz" --threads "$threads"
done | tee "$out/scores.txt"
