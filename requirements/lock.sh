#!/usr/bin/env bash
# Makes every lock in this folder anew (needs uv: pip install uv).
#   lock-torch2.9.txt   default: resolved for Python 3.10, installs on 3.11 too
#   lock-torch2.15.txt  the newest torch, Python 3.11
#   lock-dev.txt        test and lint tools, to install on top of either
set -euo pipefail
cd "$(dirname "$0")"

resolve() { # OUTPUT PYTHON REQUIREMENT...
  local output=$1 python=$2
  shift 2
  printf '%s\n' "$@" | uv pip compile - --override overrides.txt \
    --only-binary :all: --python-version "$python" \
    --python-platform x86_64-unknown-linux-gnu --upgrade --quiet \
    --no-annotate --custom-compile-command 'bash requirements/lock.sh' \
    --output-file "$output"
}

mapfile -t stack < stack.in
resolve lock-torch2.9.txt 3.10 torch==2.9.1 torchvision==0.24.1 "${stack[@]}"
resolve lock-torch2.15.txt 3.11 torch==2.15.0 torchvision==0.29.2 "${stack[@]}"
mapfile -t dev < dev.in
resolve lock-dev.txt 3.10 "${dev[@]}" -c lock-torch2.9.txt
# What a stack has is not named again, so that no pin of it is moved.
pins=$(grep == lock-torch2.9.txt)
tools=$(grep -vxF "$pins" lock-dev.txt)
printf '%s\n' "$tools" > lock-dev.txt
