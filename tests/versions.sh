#!/usr/bin/env bash
# Run the fast tests, and one flow from end to end, with the lowest or the newest versions that pyproject.toml permits:
#     bash tests/versions.sh lowest|newest
# "lowest" pins each lower bound, under the oldest Python; "newest" upgrades everything, under the newest Python. What
# such a package itself requires is the newest that fits. The environment is .venvs/lowest or .venvs/newest.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/support/find_python.sh
. tests/support/find_python.sh
which=$1
tool=${VENV:-.venv}/bin
environment=.venvs/$which
case "$which" in
  lowest) wanted=3.10 ;;
  newest) wanted=3.13 ;;
  *) echo "versions.sh: lowest or newest" >&2; exit 2 ;;
esac
python=$(find_python "$wanted")
if [ -z "$python" ]; then
  python=$("$tool/python" -c 'import sys; print(sys.executable)')
  echo "python$wanted is not installed here: $("$tool/python" --version) instead"
fi
mkdir -p .venvs
"$tool/uv" venv --quiet --clear --python "$python" "$environment"
"$tool/python" -m tests.support.lower_bounds tools >"$environment/tools.txt"
install=("$tool/uv" pip install --quiet --python "$environment/bin/python" --editable . --requirement "$environment/tools.txt")
if [ "$which" = lowest ]; then
  "$tool/python" -m tests.support.lower_bounds pins >"$environment/pins.txt"
  install+=(--constraint "$environment/pins.txt")
else
  install+=(--upgrade)
fi
"${install[@]}"
echo "The $which versions:"
"$environment/bin/python" -m tests.support.lower_bounds installed
# Not the page of versions, which is about what these tests have passed with.
"$environment/bin/python" -m pytest -m "not slow" --numprocesses 2 --ignore tests/packaging/test_versions.py
# A flow with nested foreaches, compiled and through `prefect run`, on a real Prefect server: compared with Metaflow's own run.
"$environment/bin/python" -m pytest "tests/behaviour/test_same_as_metaflow.py::test_a_flow_does_through_us_what_it_does_under_metaflow[foreach_split_foreach]"
# What has passed is what docs/reference/versions.md says: `make golden` rewrites it.
"$environment/bin/python" -m tests.support.lower_bounds installed >"tests/packaging/tested_$which.txt"
