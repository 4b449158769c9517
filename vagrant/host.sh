#!/usr/bin/env bash
# Installs the distribution's packages that are named and missing, and python3, in which all the rest
# is written. Quick and silent where all is there.
set -euo pipefail

missing=()
for package in python3 "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2> /dev/null || true)
    [[ $status == ii* ]] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    printf 'missing on this host: %s; run make by sudo, or install them first\n' "${missing[*]}" >&2
    exit 1
fi
printf '==> installing %s\n' "${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null
