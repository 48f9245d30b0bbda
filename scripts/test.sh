#!/usr/bin/env bash
# Builds g2face and runs all tests and checks, as one ctest run: a build that fails is a failed line of its report, and
# the tests of that build are then not run.
#   scripts/test.sh [--quick] [ctest arguments, for example -R 'release\.']
# --quick: the release build and its tests alone, without clang-tidy and without the second build, by Clang under the
# sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs

quick=false
if [ "${1:-}" = --quick ]; then
  quick=true
  shift
fi
scripts/setup.sh --test

trees=()
# configure PRESET NAME [option...]: prepares build-ci/NAME, whose tests are called NAME.something
configure() {
  local preset=$1 name=$2
  shift 2
  trees+=("$PWD/build-ci/$name")
  if ! cmake --preset "$preset" -B "build-ci/$name" -D G2FACE_TEST_BUILD=ON -D G2FACE_TEST_PREFIX="$name." \
    -D G2FACE_MATIO=ON -D G2FACE_MPI=ON "$@" \
    >"build-ci/$name.log" 2>&1; then
    cat "build-ci/$name.log"
    exit 1
  fi
}
mkdir -p build-ci
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-D CMAKE_CXX_COMPILER_LAUNCHER=ccache -D CMAKE_CUDA_COMPILER_LAUNCHER=ccache)
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 # checkouts share objects
fi

gcc_preset=release
if command -v nvcc >/dev/null; then
  gcc_preset=cuda
else
  echo "scripts/test.sh: no nvcc here, so nothing shows that it compiles the CUDA kernels"
fi
tidy=$([ $quick = true ] && echo OFF || echo ON)
configure $gcc_preset release "${launcher[@]}" -D CMAKE_CXX_COMPILER=g++ -D G2FACE_BENCH=ON \
  -D G2FACE_TIDY="$tidy" -D CMAKE_CUDA_ARCHITECTURES=90a
# One build shows that Clang compiles everything, runs it and the CUDA kernels on the host under the sanitizers, and
# holds the fuzzers.
if [ $quick = false ]; then
  configure emulated sanitize "${launcher[@]}" -D CMAKE_CXX_COMPILER=clang++-14 -D G2FACE_FUZZ=ON -D G2FACE_FUZZ_SECONDS=20
fi

printf 'subdirs("%s")\n' "${trees[@]}" >build-ci/CTestTestfile.cmake
exec ctest --test-dir build-ci --output-on-failure -j "$jobs" "$@"
