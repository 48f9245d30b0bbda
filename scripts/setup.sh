#!/usr/bin/env bash
# Installs the Debian packages that are missing. Says which; does nothing when all are there.
#   scripts/setup.sh           what building and running needs
#   scripts/setup.sh --test    that, and what the tests and checks of scripts/test.sh need
set -euo pipefail

packages=(
  ca-certificates cmake git g++ ninja-build
  libdnnl-dev ocl-icd-opencl-dev # oneDNN; its CMake package looks for OpenCL
  libcli11-dev libpng-dev libjpeg-dev libexif-dev libmatio-dev libsodium-dev libstb-dev nlohmann-json3-dev
  zlib1g-dev
  libopenmpi-dev openmpi-bin # training on several processes (G2FACE_MPI)
)
test_packages=(
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev libomp-14-dev
  doctest-dev libbenchmark-dev python3
)

case "${1:-}" in
  "") ;;
  --test) packages+=("${test_packages[@]}") ;;
  *) echo "usage: scripts/setup.sh [--test]" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "scripts/setup.sh: this is no Debian system; install by hand what these packages hold: ${packages[*]}" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "scripts/setup.sh: neither root nor sudo; ask an administrator for: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "scripts/setup.sh: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
  >/dev/null
