#!/usr/bin/env bash
# Installs the Debian packages of deploy/packages.txt that are not there yet.
#
#   deploy/install-packages.sh        what building and testing here needs
#   deploy/install-packages.sh arm    what deploy/test.sh arm64 needs beside (packages-arm.txt)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
missing=()
while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done <"$here/packages${1:+-$1}.txt"
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "install-packages: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "Installing ${missing[*]}"
# the broker that the package starts by itself on port 1883 is not wanted here: we start our own
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
