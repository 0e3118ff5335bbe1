#!/usr/bin/env bash
# Installs what is missing, builds (release, AddressSanitizer + UBSan, ThreadSanitizer for the
# threaded parts, and for Arm) and runs all tests. Ends with the sums over all runs.
#
#   deploy/test.sh            everything
#   deploy/test.sh release    one build alone (release, asan, tsan or arm64)
#
# arm64 cross-builds, runs the unit tests under qemu, and sees that the program builds for 32-bit
# Arm. Where its compilers or libraries are not to be had, it says so and is left out; in CI (the
# variable CI is set) that is a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
case $what in
    all | release | asan | tsan | arm64) ;;
    *) echo "usage: deploy/test.sh [release|asan|tsan|arm64]" >&2; exit 2 ;;
esac
bash deploy/install-packages.sh || exit 1
# tests whose subject runs on several threads; that build makes nothing but these and the program
threaded=(http adapters engine worker serve)
passed=0
failed=0

# Six at once on two cores: many tests mostly wait for a broker, a time-out or a timer.
run() { # preset, ctest arguments...
    local preset=$1 log targets=()
    shift
    [ "$preset" = tsan ] && targets=(--target lintel "${threaded[@]/#/test_}")
    echo "== $preset"
    cmake --preset "$preset" >/dev/null || { failed=$((failed + 1)); return; }
    cmake --build --preset "$preset" "${targets[@]}" -- -k 0 | tail -n 3
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

# The cross-compilers, the emulator and the libraries of both Arms, or why not.
arm_is_here() {
    bash deploy/install-packages.sh arm && bash deploy/sysroot.sh arm64 build/sysroot-arm64 &&
        bash deploy/sysroot.sh armhf build/sysroot-armhf
}

arm() {
    if ! arm_is_here; then
        echo "test.sh: no Arm build without the above${CI:+, which CI must have}" >&2
        [ -z "${CI:-}" ] || failed=$((failed + 1))
        return
    fi
    # Integration tests start the program itself, which this machine can do through qemu only; what
    # they test beyond the unit tests (broker, database, processes) is not the processor's. Nor are the
    # generator's cases, what is fitted to them and whole training runs, which take minutes there; a
    # training step is tested.
    run arm64 -j 4 -LE integration -E '^(test_(generate|retrieval|train_run|bench)|bench_.*)$'
    echo "== armhf"
    if cmake --preset armhf >/dev/null && cmake --build --preset armhf --target lintel | tail -n 1; then
        passed=$((passed + 1))
    else
        echo "test.sh: the armhf build failed" >&2
        failed=$((failed + 1))
    fi
}

[ "$what" = all ] || [ "$what" = release ] && run release -j 6
[ "$what" = all ] || [ "$what" = asan ] && run asan -j 6
[ "$what" = all ] || [ "$what" = tsan ] && run tsan -j 5 -R "^test_($(IFS='|'; echo "${threaded[*]}"))\$"
[ "$what" = all ] || [ "$what" = arm64 ] && arm
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
