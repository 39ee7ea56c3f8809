#!/usr/bin/env bash
# From a fresh machine to a trained Mask R-CNN, or to a tested suite.
#
#   bash quickstart.sh              set up, train, test, leave a picture
#   bash quickstart.sh test [ARGS]  set up, run the tests (ARGS go to pytest)
#   bash quickstart.sh setup        set up only
#   bash quickstart.sh help         print this
#
# A second run reuses the environment, the data and a finished training.
# Environment variables:
#   UNIFORMER_MM_VENV      virtual environment to make or use (.venv)
#   UNIFORMER_MM_PYTHON    Python to make it with (the first suitable one)
#   UNIFORMER_MM_LOCK      pinned set (the one of requirements/ for that Python)
#   UNIFORMER_MM_WORK_DIR  where training writes (work_dirs/quickstart)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export PYTHONWARNINGS=${PYTHONWARNINGS:-ignore:pkg_resources:UserWarning}
venv=${UNIFORMER_MM_VENV:-.venv}
lock=${UNIFORMER_MM_LOCK:-} # else by the version of Python
work_dir=${UNIFORMER_MM_WORK_DIR:-work_dirs/quickstart}
disk_gib=12 # 7 for the environment, the rest for pip's downloads

say() { printf '\n== %s\n' "$*"; }
die() {
  printf 'quickstart: %s\n' "$*" >&2
  exit 1
}

usage() { sed -n '2,/^set/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]##*/}"; }

find_python() { # prints the first Python that can make the environment
  local candidates=(python3 python3.1{3,2,1,0} python) candidate found seen
  local way='Install one (Debian: apt install python3.11-venv), or name it in
UNIFORMER_MM_PYTHON.'
  if [[ -x $venv/bin/python ]]; then
    candidates=("$venv/bin/python")
    way="Remove $venv, or name another place in UNIFORMER_MM_VENV."
  elif [[ -n ${UNIFORMER_MM_PYTHON:-} ]]; then
    candidates=("$UNIFORMER_MM_PYTHON")
    way='UNIFORMER_MM_PYTHON names it: name another there, or unset it.'
  fi
  for candidate in "${candidates[@]}"; do
    found=$(describe_python "$candidate")
    case $found in
      3.10 | 3.11 | 3.12 | 3.13)
        command -v "$candidate"
        return
        ;;
    esac
    seen+=" $candidate ($found)"
  done
  die "needs Python 3.10 to 3.13 with its venv module; tried:$seen. $way"
}

describe_python() { # prints its version, or what keeps it from being used
  local words
  command -v "$1" >/dev/null || {
    echo 'not found'
    return
  }
  # A shim of a version manager is found, and fails with a reason.
  words=$("$1" -c 'import sys
try:
    import venv, ensurepip
    lack = ""
except ImportError:
    lack = " without its venv module"
print("%d.%d%s" % (*sys.version_info[:2], lack))' 2>&1) || {
    echo "found, but does not run: ${words%%$'\n'*}"
    return
  }
  echo "${words##*$'\n'}"
}

check_disk() {
  local free_gib place=$venv
  until [[ -e $place ]]; do place=$(dirname "$place"); done
  free_gib=$(($(df -Pk "$place" | awk 'NR==2 {print $4}') / 1048576))
  ((free_gib >= disk_gib)) || die "needs $disk_gib GiB of free disk for" \
    "$venv, found $free_gib; free some, or name another place in" \
    'UNIFORMER_MM_VENV.'
}

install_lock() { # PART LOCK: unless the stamp of PART says it is there
  local stamp=$venv/.installed-$1 sum
  sum=$(sha256sum "$2")
  [[ -f $stamp && $(<"$stamp") == "$sum" ]] && return
  check_online
  say "installing $2"
  "$venv/bin/python" -m pip install --no-deps --disable-pip-version-check \
    -r "$2" || die "pip could not install $2, see above; what it has" \
    'downloaded is kept, and another run goes on from there.'
  printf '%s' "$sum" >"$stamp"
}

check_online() {
  local pip words cause
  pip=$(grep -o '^pip==[^ ]*' "$lock") || die "$lock pins no pip"
  # pip's last words, "no matching distribution", hide those on the connection.
  words=$("$venv/bin/python" -m pip install --quiet --retries 1 --timeout 10 \
    --disable-pip-version-check "$pip" 2>&1) || {
    cause=$(grep -m 1 'connection broken' <<<"$words") || cause=$words
    die "can't fetch from the Python package index: offline, or a proxy or" \
      'mirror that pip does not know (pip config list shows what it knows).' \
      "pip says: $cause"
  }
}

install_project() { # editable; again when what it copies or its place changed
  local stamp=$venv/.installed-uniformer_mm sum
  sum=$(cat setup.cfg setup.py pyproject.toml uniformer_mm_autoload.py \
    uniformer_mm_command.py | sha256sum; pwd)
  [[ -f $stamp && $(<"$stamp") == "$sum" ]] && return
  say 'installing uniformer_mm itself, editable'
  "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation \
    --disable-pip-version-check --editable .
  printf '%s' "$sum" >"$stamp"
}

setup() {
  [[ $(uname -sm) == 'Linux x86_64' ]] || die 'the pinned set is for Linux' \
    "x86-64, this is $(uname -sm); README.md shows the installation by hand."
  local python version
  python=$(find_python)
  version=$(describe_python "$python")
  lock=${lock:-requirements/lock-py${version/./}.txt}
  [[ -f $lock ]] || die "no pinned set $lock"
  if [[ ! -f $venv/.installed-stack ]]; then
    check_disk
    say "making $venv with $("$python" --version) ($python)"
    # Until it can be filled, a new one goes again, however this ends.
    [[ -e $venv ]] || trap 'rm -rf "$venv"' EXIT
    "$python" -m venv "$venv"
    if "$venv/bin/python" -m pip show --quiet mmcv 2>/dev/null; then
      die "$venv holds a full mmcv, which mmcv-lite would overwrite; name" \
        'another place in UNIFORMER_MM_VENV.'
    fi
    check_online
    trap - EXIT
  fi
  install_lock stack "$lock"
  install_project
  venv=$(cd "$venv" && pwd)
  export PATH=$venv/bin:$PATH
}

run() {
  local config=configs/detection/uniformer_maskrcnn_toy.py
  local checkpoint=$work_dir/epoch_10.pth
  say 'drawing the toy data set'
  uniformer-mm toy-data data/toy
  if [[ -f $checkpoint ]]; then
    say "keeping the training of an earlier run, $checkpoint"
  else
    say 'training Mask R-CNN (about 4 minutes on 2 cores); AP before first'
    mim train mmdet "$config" --work-dir "$work_dir"
  fi
  say 'testing the checkpoint'
  mim test mmdet "$config" --checkpoint "$checkpoint" --work-dir "$work_dir" \
    --cfg-options test_evaluator.outfile_prefix="$work_dir/predictions"
  say 'result'
  python -m tools.quickstart_summary "$work_dir"
}

case ${1:-run} in
  run)
    setup
    run
    ;;
  test)
    setup
    install_lock dev requirements/lock-dev.txt
    # What makes the site of the documents runs from Python 3.11 on.
    "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' &&
      install_lock docs requirements/lock-docs.txt
    say 'running the tests'
    OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} python -m pytest -n 2 --dist worksteal "${@:2}"
    ;;
  setup) setup ;;
  help | --help | -h) usage ;;
  *) die "unknown command $1; what there is:"$'\n'"$(usage)" ;;
esac
