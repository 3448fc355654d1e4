#!/usr/bin/env bash
# Makes .venv from the lock with hashes. Needs Python 3.11 or later; where Debian's python3 lacks
# its venv module and we are root, that package is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { echo "trainlease needs Python 3.11 or later: set PYTHON=/path/to/python3.11" >&2; exit 1; }
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends python3-venv >/dev/null
  else
    echo "Python's venv module is missing: install python3-venv and run this again" >&2; exit 1
  fi
fi
echo "setting up .venv (once, under a minute)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode \
  requirements/lock.txt requirements/uv.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable .
echo "$PWD/hack" > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/trainlease-hack.pth"
touch .venv/.ready
