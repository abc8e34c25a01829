#!/usr/bin/env bash
# Run the fast tests under every interpreter of 3.10 to 3.13 that this machine has; name those it has not.
set -euo pipefail
cd "$(dirname "$0")/.."
for version in 3.10 3.11 3.12 3.13; do
  python=$(command -v "python$version" || true)
  # A version manager's shim exists for versions that are not active: ask the interpreter itself.
  if [ -z "$python" ] || ! "$python" -c '' 2>/dev/null; then
    for candidate in "$HOME"/.pyenv/versions/"$version".*/bin/python "/opt/python/$version/bin/python"; do
      [ -x "$candidate" ] && python=$candidate && break
      python=
    done
  fi
  if [ -z "$python" ]; then
    echo "python$version: not installed here, skipped"
    continue
  fi
  echo "python$version: $python"
  make --no-print-directory fast PYTHON="$python" VENV=".venvs/$version"
done
