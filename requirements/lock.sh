#!/usr/bin/env bash
# Makes every lock in this folder anew (needs uv: pip install uv).
#   lock-pyXYZ.txt     for one Python, with the newest torch that it has
#   lock-torch2.9.txt  torch 2.9; resolved for Python 3.10, installs up to 3.13
#   lock-oldest.txt    the oldest of all that is supported, with NumPy 1
#   lock-windows.txt, lock-macos-arm64.txt   Python 3.11, the newest torch
#   lock-dev.txt       test and lint tools, to install on top of any of them
#   lock-docs.txt      what makes the site, on top of these, from Python 3.11 on
set -euo pipefail
cd "$(dirname "$0")"

resolve() { # OUTPUT PYTHON [OPTION...], requirements from stdin
  local output=$1 python=$2
  shift 2
  uv pip compile - "$@" --override overrides.txt \
    --only-binary :all: --python-version "$python" \
    --python-platform "${platform:-x86_64-unknown-linux-gnu}" \
    --upgrade --quiet \
    --no-annotate --generate-hashes --output-file "$output" \
    --custom-compile-command 'bash requirements/lock.sh'
}

for python in 3.10 3.11 3.12 3.13; do
  printf '%s\n' torch torchvision | cat - stack.in |
    resolve "lock-py${python/./}.txt" "$python"
done
printf '%s\n' torch==2.9.1 torchvision==0.24.1 | cat - stack.in |
  resolve lock-torch2.9.txt 3.10
printf '%s\n' torch==2.5.1 torchvision==0.20.1 'numpy<2' | cat - stack.in |
  sed 's/^mmengine==[^ ]*/mmengine==0.10.4/' | resolve lock-oldest.txt 3.10
names() { # LOCK...
  sed -n 's/^\([^ =]*\)==.*/\1/p' "$@"
}
# What the stacks of every Python have is not named again, so that no pin of it
# is moved; nor is what torch alone wants.
stacks=(lock-py3*.txt)
mapfile -t has < <(names "${stacks[@]}" | sort | uniq -c |
  awk -v n=${#stacks[@]} '$1 == n || /nvidia|cuda/ { print "--no-emit-package=" $2 }')
resolve lock-dev.txt 3.10 --constraint lock-py310.txt "${has[@]}" < dev.in
# What Gradio wants of the standard library until Python 3.12.
echo 'audioop-lts<=0.2.2' | resolve lock-audioop.txt 3.13 --no-header
sed 's/^audioop-lts==[^ ]*/& ; python_version >= "3.13"/' lock-audioop.txt >> lock-dev.txt
rm lock-audioop.txt
mapfile -t has < <(names lock-py311.txt lock-dev.txt | sed 's/^/--no-emit-package=/')
resolve lock-docs.txt 3.11 --constraint lock-py311.txt "${has[@]}" < docs.in

# Resolved from the wheels' metadata, not run.
printf '%s\n' torch torchvision | cat - stack.in |
  platform=x86_64-pc-windows-msvc resolve lock-windows.txt 3.11
printf '%s\n' torch torchvision eva-decord | cat - stack.in |
  platform=aarch64-apple-darwin resolve lock-macos-arm64.txt 3.11
