#!/usr/bin/env bash
# Every check and every test, from quick to slow; the first failure ends it.
# The parts of the bed are built (minutes, the first time) beside the checks that need none of them.
# One pytest run comes last, so that its closing line is the verdict. Nothing is skipped: a part that
# is missing and cannot be installed ends the run with its name.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONHASHSEED=0
bin=.venv/bin
bed=

step() {
  local name=$1 began=$SECONDS
  shift
  echo "== $name"
  "$@" || { echo "== $name failed after $((SECONDS - began)) s" >&2; exit 1; }
  echo "== $name: $((SECONDS - began)) s"
}

stop_build() {
  if [ -n "$bed" ]; then kill -- "-$bed" 2>/dev/null || true; fi
}

trap stop_build EXIT
set -m # the build gets a process group of its own, so that it can be ended as a whole
$bin/python -m bed build > >(sed -u 's/^/   bed: /') 2>&1 &
bed=$!
set +m
step "ruff" $bin/ruff check .
step "format" $bin/ruff format --check .
step "layers" $bin/lint-imports --no-logo
step "drift" $bin/python -m generate --check
step "types" $bin/mypy
step "bed" wait "$bed"
bed=
trap - EXIT
# Two workers on two cores. What a machine has room for once, the node, is one worker's
# (tests/conftest.py makes a group of its tests); it comes first, and the rest runs beside it.
exec $bin/pytest -n 2 --dist loadgroup -q --durations=15
