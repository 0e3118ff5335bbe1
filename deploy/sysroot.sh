#!/usr/bin/env bash
# Unpacks the libraries that a cross-build links into a folder of their own, from Debian's packages
# of another architecture. Nothing is installed: the machine's own packages stay as they are, which
# Debian's multiarch would upgrade or replace, and no root rights are needed.
#
#   deploy/sysroot.sh arm64|armhf FOLDER
#
# The folder is made once; a second call finds it complete and returns. Status: 0 there, 1 not to be
# had here (the last line says why).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
arch=${1:-}
root=${2:-}
case $arch in
    arm64 | armhf) ;;
    *) echo "usage: deploy/sysroot.sh arm64|armhf FOLDER" >&2; exit 2 ;;
esac
[ -n "$root" ] || { echo "usage: deploy/sysroot.sh arm64|armhf FOLDER" >&2; exit 2; }

# what packages.txt names to link with, and the C library; tools and brokers run here, not there
mapfile -t packages < <(grep -E '^(lib.*|zlib1g)-dev$' "$here/packages.txt")
packages+=(libc6-dev)
wanted="$arch ${packages[*]} $(cksum <"$0")"
[ -f "$root/.complete" ] && [ "$(cat "$root/.complete")" = "$wanted" ] && exit 0
command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
    { echo "sysroot: needs Debian's apt-get and dpkg to fetch packages for $arch" >&2; exit 1; }

rm -rf "$root"
mkdir -p "$root"
root=$(cd "$root" && pwd)
apt=$root/.apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status" # nothing is installed there, so apt names all that is needed
options=(-qq -o "APT::Architecture=$arch" -o "APT::Architectures::=$arch" -o "Dir::State=$apt"
         -o "Dir::State::status=$apt/status" -o "Dir::State::lists=$apt/lists"
         -o "Dir::Cache=$apt/cache" -o Debug::NoLocking=true -o APT::Sandbox::User=
         -o APT::Install-Recommends=false -o Acquire::Languages=none)
# a source that does not know the architecture fails here; what matters is what install finds
apt-get "${options[@]}" update >/dev/null 2>&1 || true
apt-get "${options[@]}" -y --download-only install "${packages[@]}" >/dev/null 2>"$apt/log" ||
    { echo "sysroot: no packages for $arch: $(tail -n 1 "$apt/log")" >&2; exit 1; }

# as on a Debian system of today, /lib and the like are folders of /usr
for folder in bin sbin lib; do
    mkdir -p "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
done
for package in "$apt"/cache/archives/*.deb; do
    # programs and documents are of no use to a linker
    dpkg-deb --fsys-tarfile "$package" |
        tar -x -C "$root" --keep-directory-symlink --wildcards --exclude='./usr/share/doc*' \
            --exclude='./usr/share/man*' --exclude='./usr/bin/*' --exclude='./usr/sbin/*' \
            --exclude='./bin/*' --exclude='./sbin/*' --exclude='./usr/share/locale*' 2>"$apt/log" ||
        { echo "sysroot: cannot unpack ${package##*/}: $(tail -n 1 "$apt/log")" >&2; exit 1; }
done
# The packages' scripts, which do not run here, would point the loader at the one BLIS there is, and
# at the BLAS and LAPACK that PocketSphinx needs.
for library in "$root"/usr/lib/*/{blis-*,blas,lapack}/lib*.so.*; do
    [ -e "$library" ] || continue
    ln -sfn "$(basename "$(dirname "$library")")/$(basename "$library")" \
        "$(dirname "$(dirname "$library")")/$(basename "$library")"
done
rm -rf "$apt"
echo "$wanted" >"$root/.complete"
