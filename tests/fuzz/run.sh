#!/bin/sh
# Fuzz every target for so many seconds, starting from the corpus in the tree.
#
#     tests/fuzz/run.sh SECONDS [TARGET...]      e.g. tests/fuzz/run.sh 60 gguf config
#
# Needs clang with libFuzzer. New inputs are collected in build/fuzz/corpus/<target>; what made a
# target fail lies in build/fuzz/findings and belongs, made small (-minimize_crash=1), into
# tests/fuzz/corpus/<target>. Exit status: 0 when nothing was found.
set -u
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET...]}
shift
cd "$(dirname "$0")/../.." || exit 2
cmake --preset fuzz >/dev/null || exit 2

targets=$*
if [ -z "$targets" ]; then
    for file in tests/fuzz/fuzz_*.c; do
        target=${file##*/fuzz_}
        targets="$targets ${target%.c}"
    done
fi
binaries=
for target in $targets; do binaries="$binaries fuzz_$target"; done
# shellcheck disable=SC2086 # a list of words
cmake --build --preset fuzz --target $binaries || exit 2

failed=
mkdir -p build/fuzz/findings
for target in $targets; do
    echo "== $target"
    mkdir -p "build/fuzz/corpus/$target"
    # 4 KiB reach every branch of the text formats; model files need their tensors.
    longest=4096
    [ "$target" = gguf ] && longest=20480
    build/fuzz/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -max_len="$longest" -timeout=10 \
        -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
        -artifact_prefix="build/fuzz/findings/$target-" \
        "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"build/fuzz/$target.log" 2>&1 ||
        failed="$failed $target"
    grep -E 'ERROR|SUMMARY|does not hold|runtime error|stat::number_of_exec|cannot set up' \
        "build/fuzz/$target.log"
done
[ -z "$failed" ] && exit 0
echo "found something in:$failed (logs in build/fuzz, inputs in build/fuzz/findings)"
exit 1
