#!/usr/bin/env bash
# Builds on a machine without a GPU, and collects in one folder, what a machine with one needs to run the checks of
# scripts/gpu_check.sh without building: stripped programs and the libraries that a plain Linux with a C++ compiler does
# not have. Programs built here run wherever glibc and libstdc++ are no older. Debian 12 with nvcc.
#   scripts/gpu_pack.sh [--out DIR] [--build DIR] [--arch LIST] [CMake options, for example -D CMAKE_CUDA_COMPILER_LAUNCHER=ccache]
#     --out DIR     the folder (default out/gpu_pack); it gets one file, files.tar.xz
#     --build DIR   where to build (default build-gpu-pack)
#     --arch LIST   GPU architectures (default 90a-real)
# There, in a checkout of the same revision with the folder beside it:
#   scripts/gpu_check.sh --bin out/gpu_pack --part check
set -euo pipefail
cd "$(dirname "$0")/.."

out=out/gpu_pack
build="build-gpu-pack"
arch=90a-real
limit_mb=45
programs=(g2face g2face_tests g2face_cuda_tests golden_check g2face_bench g2face_peer)

while [ $# -gt 0 ]; do
  case "$1" in
    --out) out=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --arch) arch=$2; shift 2 ;;
    -D*) break ;;
    *) sed -n '2,10s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

# An RPATH, not a RUNPATH: it also holds for what the libraries need themselves. The tests look for recorded results
# below the folder they are started in.
cmake --preset cuda -B "$build" -D G2FACE_BENCH=ON -D G2FACE_EXAMPLES=OFF -D GOLDEN_DIR=tests/golden \
  -D CMAKE_CUDA_ARCHITECTURES="$arch" -D CMAKE_BUILD_WITH_INSTALL_RPATH=ON -D CMAKE_INSTALL_RPATH='$ORIGIN/../lib' \
  -D CMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags "$@" >/dev/null
targets=("${programs[@]}")
targets[0]=g2face_cli
cmake --build "$build" --target "${targets[@]}"

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
mkdir -p "$files/bin" "$files/lib"
for program in "${programs[@]}"; do
  strip -o "$files/bin/$program" "$build/bin/$program"
done

# What every such system has: glibc, and the run-time libraries of GCC for C++.
is_system_library() {
  case "$1" in
    linux-vdso.so* | */ld-linux-* | libc.so* | libm.so* | libpthread.so* | libdl.so* | librt.so*) return 0 ;;
    libstdc++.so* | libgcc_s.so*) return 0 ;;
  esac
  return 1
}
# libraries PROGRAM...: their libraries as lines "name path"
libraries() {
  env -u LD_LIBRARY_PATH ldd "$@" | awk '/=>/ {print $1, $3} !/=>/ && /\(0x/ {print $1, $1}' | sort -u
}
while read -r name path; do
  is_system_library "$name" || cp -L "$path" "$files/lib/$name"
done < <(libraries "$files"/bin/*)

while read -r name path; do
  if ! is_system_library "$name" && [[ $(realpath "$path") != "$files"/lib/* ]]; then
    echo "scripts/gpu_pack.sh: $name is not found in the pack, but as $path" >&2
    exit 1
  fi
done < <(libraries "$files"/bin/*)

mkdir -p "$out"
# The programs share most of their code: a window over all of them makes the file less than half as large.
tar -C "$files" -cf - bin lib | xz -T0 --lzma2=preset=6,dict=192MiB >"$out/files.tar.xz"
size_mb=$(($(stat -c %s "$out/files.tar.xz") / 1000000))
if [ "$size_mb" -ge $limit_mb ]; then
  echo "scripts/gpu_pack.sh: $out/files.tar.xz has $size_mb MB, more than the $limit_mb MB that can be carried" >&2
  exit 1
fi
echo "scripts/gpu_pack.sh: $out/files.tar.xz, $size_mb MB: ${programs[*]} and $(ls "$files/lib" | tr '\n' ' ')"
