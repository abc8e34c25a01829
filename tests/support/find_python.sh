# shellcheck shell=bash
# Sourced: `find_python 3.12` prints the interpreter of that version that this machine has, or nothing.
find_python() {
  local version=$1 python candidate
  python=$(command -v "python$version" || true)
  # A version manager's shim exists for versions that are not active: ask the interpreter itself.
  if [ -z "$python" ] || ! "$python" -c '' 2>/dev/null; then
    python=
    for candidate in "$HOME"/.pyenv/versions/"$version".*/bin/python "/opt/python/$version/bin/python"; do
      [ -x "$candidate" ] && python=$candidate && break
    done
  fi
  echo "$python"
}
