#!/usr/bin/env bash
# Install the programs that tests start (PostgreSQL, nginx and Redis for the headless stack, Chromium for what people see),
# where that is possible without asking: as root on Debian and its kin. Elsewhere those that are missing stay so, and their
# tests are skipped, with the reason.
set -euo pipefail
declare -A package=([initdb]=postgresql [nginx]=nginx-light [redis-server]=redis-server [chromium]=chromium)
missing=()
for program in "${!package[@]}"; do
  PATH="$PATH:/usr/sbin" command -v "$program" > /dev/null || compgen -G "/usr/lib/postgresql/*/bin/$program" > /dev/null ||
    missing+=("${package[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "not installed, their tests are skipped: ${missing[*]}"
  exit 0
fi
# At run level 1 Debian's packages do not start what they install.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
if ! { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"; }; then
  echo "could not be installed, their tests are skipped: ${missing[*]}"
fi
