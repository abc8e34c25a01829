#!/usr/bin/env bash
# Run the unit tests under every interpreter of 3.10 to 3.13 that this machine has, but for the one that
# `make check` uses anyway; name those it does not have. If it has no other, run them under that one: .ci/run relies
# on one run of them with SIGINT not ignored.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/support/find_python.sh
. tests/support/find_python.sh
main=$(${PYTHON:-python3} -c 'import sys; print("%d.%d" % sys.version_info[:2])')
versions=()
pythons=()
make_for() {
  make --no-print-directory "$1" PYTHON="$3" VENV=".venvs/$2"
}
for version in 3.10 3.11 3.12 3.13; do
  if [ "$version" = "$main" ]; then
    echo "python$version: make check runs under it"
    continue
  fi
  python=$(find_python "$version")
  if [ -z "$python" ]; then
    echo "python$version: not installed here, skipped"
    continue
  fi
  echo "python$version: $python"
  versions+=("$version")
  pythons+=("$python")
done
# Each is installed while the tests run under the one before: much of an installation is waiting. One at a time, since
# every installation writes the same egg-info into this folder.
install=
for i in "${!versions[@]}"; do
  [ -n "$install" ] || { make_for setup "${versions[i]}" "${pythons[i]}" & install=$!; }
  wait "$install"
  if [ -n "${versions[i + 1]:-}" ]; then
    make_for setup "${versions[i + 1]}" "${pythons[i + 1]}" & install=$!
  fi
  echo "python${versions[i]}:"
  make_for unit "${versions[i]}" "${pythons[i]}"
done
if [ "${#versions[@]}" -eq 0 ]; then
  make --no-print-directory unit
fi
