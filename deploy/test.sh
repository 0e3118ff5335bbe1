#!/usr/bin/env bash
# Installs what is missing, builds three times (release, AddressSanitizer + UBSan, ThreadSanitizer
# for the threaded parts) and runs all tests. Ends with the sums over the three runs.
#
#   deploy/test.sh            everything
#   deploy/test.sh release    one build alone (release, asan or tsan)
set -uo pipefail
cd "$(dirname "$0")/.."
bash deploy/install-packages.sh || exit 1
# tests whose subject runs on several threads
threaded='^test_(http|adapters|engine|worker|serve)$'
passed=0
failed=0

run() { # preset, ctest arguments...
    local preset=$1 log
    shift
    echo "== $preset"
    cmake --preset "$preset" >/dev/null || { failed=$((failed + 1)); return; }
    cmake --build --preset "$preset" -- -k 0 | tail -n 3
    if [ "${PIPESTATUS[0]}" -ne 0 ]; then
        echo "test.sh: the $preset build failed" >&2
        failed=$((failed + 1))
        return
    fi
    log=$(mktemp)
    ctest --test-dir "build/$preset" --output-on-failure "$@" | tee "$log"
    local line
    line=$(grep -E '^[0-9]+% tests passed' "$log" | tail -n 1)
    rm -f "$log"
    if [[ $line =~ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
        failed=$((failed + BASH_REMATCH[1]))
        passed=$((passed + BASH_REMATCH[2] - BASH_REMATCH[1]))
    else
        echo "test.sh: no test ran in the $preset build" >&2
        failed=$((failed + 1))
    fi
}

what=${1:-all}
case $what in
    all | release | asan | tsan) ;;
    *) echo "usage: deploy/test.sh [release|asan|tsan]" >&2; exit 2 ;;
esac
[ "$what" = all ] || [ "$what" = release ] && run release -j 2
[ "$what" = all ] || [ "$what" = asan ] && run asan -j 2
[ "$what" = all ] || [ "$what" = tsan ] && run tsan -R "$threaded"
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
