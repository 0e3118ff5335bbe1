#!/usr/bin/env bash
# Trains one tiny network twice, with Lintel's trainer and with this folder's, on the same batches
# from the same weights in fp32 with the same optimiser, and compares losses and gradients' norms
# step by step. Needs Python with PyTorch and a release build; run from the top of the tree:
#
#   engine/convert/pretrain/compare.sh [STEPS] [FOLDER of the build]
#
# Status 0: every loss within 1e-4 and every norm within 1e-3 of it.
set -euo pipefail
steps=${1:-50}
build=${2:-build/release}
here=engine/convert/pretrain
python=${PYTHON:-python3}
[ -x "$build/tests/train_curve" ] || { echo "compare: build the tests first ($build)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/tests/train_curve" "$work/start.gguf" "$work/batches" "$steps" engine/models/lintel-home-7.gguf >"$work/c"
"$python" -B "$here/pretrain.py" --init "$work/start.gguf" --out "$work/out.gguf" --batches "$work/batches" \
    --steps "$steps" --warmup 10 --decay 0 --fp32 --device cpu --curve "$work/python" >/dev/null
paste -d' ' "$work/c" "$work/python" | awk '
    NF != 6 || $1 != $4 { bad = 1; next }
    { n++; d = $2 - $5; if (d < 0) d = -d; if (d > loss) loss = d
      g = ($3 - $6) / $3; if (g < 0) g = -g; if (g > norm) norm = g
      if (n == 1) first = $2; last = $2 }
    END { printf "%d steps: loss from %.4f to %.4f, at most %.1e apart; gradient norms at most %.1e of them\n",
                 n, first, last, loss, norm
          exit bad || !n || loss > 1e-4 || norm > 1e-3 }'
