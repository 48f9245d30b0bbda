#!/usr/bin/env bash
# Builds, checks and measures g2face on a machine with an NVIDIA GPU. Installs nothing and needs no network. Each part
# fits into ten minutes; a log of each step and summary.txt are left in the output folder.
#   scripts/gpu_check.sh --part build|check|sanitize|bench|all [options]
#     build      the preset `cuda`, with the benchmarks
#     check      the op harness and the kernel tests on the device, the recorded results of the reference in every
#                precision, and whole jobs twice, bit for bit
#     sanitize   compute-sanitizer: memcheck, racecheck, initcheck, synccheck
#     bench      PyTorch on the same GPU beside g2face, the time of each step (also of tuned plans), kernels alone
#     all        build (unless --bin is given), check, sanitize, bench
#   --out DIR    logs and results (default out/gpu_check)
#   --build DIR  the build (default build-cuda)
#   --arch LIST  GPU architectures to build for (default 90a)
#   --bin DIR    run what scripts/gpu_pack.sh collected, instead of a build
#   --deps DIR   build with the headers and libraries of Debian packages unpacked there (dpkg -x PACKAGE.deb DIR)
#   --model FILE the model of whole jobs (default out/reference.safetensors, made when it is missing)
#   --jobs N     steps at once where nothing is timed (default 4)
#   --compile    bench: torch.compile as well, which takes minutes
# Exit code: 0 if every step passed, 1 if one failed or ran out of time, 2 for wrong usage, 6 without a GPU.
set -euo pipefail
cd "$(dirname "$0")/.."

part="" out=out/gpu_check build=build-cuda bin="" deps="" arch=90a model=out/reference.safetensors jobs=4 compile=()
usage() {
  sed -n '2,19s/^# \?//p' "$0" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case "$1" in
    --compile) compile=(--compile); shift; continue ;;
    --part | --out | --build | --arch | --bin | --deps | --model | --jobs) [ $# -ge 2 ] || usage ;;
    *) usage ;;
  esac
  case "$1" in
    --part) part=$2 ;;
    --out) out=$2 ;;
    --build) build=$2 ;;
    --arch) arch=$2 ;;
    --bin) bin=$2 ;;
    --deps) deps=$(realpath "$2") ;;
    --model) model=$2 ;;
    --jobs) jobs=$2 ;;
  esac
  shift 2
done
case "$part" in build | check | sanitize | bench | all) ;; *) usage ;; esac
mkdir -p "$out"
python=${PYTHON:-python3}
precisions=(strict fast tf32 bf16 f16)

# step NAME SECONDS COMMAND...: runs it with a time limit, its output in NAME.log, and notes how it went.
step() {
  local name=$1 limit=$2 code=0 start=$SECONDS verdict counts
  shift 2
  timeout "$limit" "$@" >"$out/$name.log" 2>&1 </dev/null || code=$?
  verdict=passed
  [ $code -eq 0 ] || verdict="FAILED (exit code $code)"
  [ $code -ne 124 ] || verdict="FAILED (more than $limit s)"
  # The line in which the program itself counts.
  counts=$(grep -hoE 'test cases:.*|[0-9]+ passed, [0-9]+ failed.*|ERROR SUMMARY:.*|RACECHECK SUMMARY:.*' "$out/$name.log" |
    tail -1 | sed 's/\x1b\[[0-9;]*m//g' || true)
  printf '%-28s %4d s  %s%s\n' "$name" $((SECONDS - start)) "$verdict" "${counts:+, $counts}" | tee "$out/$name.result"
}
# beside ...: the same, with others at the same time, each on its share of the cores.
beside() {
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  OMP_NUM_THREADS=$((($(nproc) + jobs - 1) / jobs)) step "$@" &
}

build() {
  local options=(-D G2FACE_BENCH=ON -D G2FACE_EXAMPLES=OFF -D CMAKE_CUDA_ARCHITECTURES="$arch")
  if [ -n "$deps" ]; then
    local libraries=$deps/usr/lib/x86_64-linux-gnu
    options+=(-D CMAKE_PREFIX_PATH="$deps/usr" -D CMAKE_BUILD_RPATH="$libraries"
      -D CMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags,-rpath-link,$libraries")
  fi
  step build.configure 120 cmake --preset cuda -B "$build" "${options[@]}"
  step build.compile 560 cmake --build "$build" -j "$(nproc)"
}

find_programs() {
  if [ -z "$bin" ]; then
    programs=$build/bin
  else
    if [ ! -d "$bin/bin" ] || [ "$bin/files.tar.xz" -nt "$bin/bin" ]; then
      # Python has what unpacks it where there is no xz.
      tar -C "$bin" -xJmf "$bin/files.tar.xz" 2>/dev/null ||
        "$python" -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$bin/files.tar.xz" "$bin"
      touch "$bin/bin"
    fi
    programs=$bin/bin
  fi
  if [ ! -x "$programs/golden_check" ]; then
    echo "scripts/gpu_check.sh: $programs has no programs; build them first (--part build) or give --bin" >&2
    exit 2
  fi
}

# The tests themselves leave the device out where there is none.
require_gpu() {
  local code=0
  timeout 60 "$programs/golden_check" tests/golden/ops/b_fused_leaky_relu.safetensors --device cuda \
    >"$out/device.log" 2>&1 </dev/null || code=$?
  if [ $code -eq 6 ]; then
    cat "$out/device.log" >&2
    exit 6
  fi
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader || true
}

make_model() {
  if [ ! -f "$model" ]; then
    mkdir -p "$(dirname "$model")"
    step model 120 "$programs/g2face" model init --fill reference -o "$model"
  fi
}

# whole_jobs PRECISION: both jobs for three images, twice in one process; prints the checksums of the results.
whole_jobs() {
  local precision=$1 folder
  folder=$(mktemp -d)
  for job in anonymize recover; do
    printf '%s\n' "$job 3" "save $folder/$job.1" "$job 3" "save $folder/$job.2"
  done | "$programs/g2face_peer" "$model" --device cuda --precision "$precision" >/dev/null ||
    { rm -r "$folder"; return 1; }
  (cd "$folder" && sha256sum -- *)
  rm -r "$folder"
}
# repeat PRECISION: that in two processes.
repeat() {
  local first second
  first=$(whole_jobs "$1") && second=$(whole_jobs "$1") || return 1
  printf '%s\n' "$first" "$second"
  local different
  different=$(printf '%s\n' "$first" "$second" | sed 's/\.[12]$//' | sort -u | wc -l)
  if [ "$different" -ne 2 ]; then
    echo "0 passed, 2 failed: anonymize and recover do not give one result each"
    return 1
  fi
  echo "2 passed, 0 failed"
}
export -f whole_jobs repeat

check() {
  beside check.ops 540 "$programs/g2face_tests" --source-file='*tests/ops/*'
  beside check.cuda 300 "$programs/g2face_cuda_tests"
  for precision in "${precisions[@]}"; do
    for folder in ops nets; do
      beside "check.golden.$folder.$precision" 300 "$programs/golden_check" "tests/golden/$folder" \
        --device cuda --precision "$precision"
    done
  done
  make_model
  for precision in "${precisions[@]}"; do
    beside "check.repeat.$precision" 200 bash -c 'repeat "$1"' repeat "$precision"
  done
  wait
}

sanitize() {
  local ops='*tests/ops/upfirdn2d*,*tests/ops/moments*,*tests/ops/pool2d*,*tests/ops/matmul*,*tests/ops/concat_conv2d*'
  for tool in memcheck racecheck initcheck synccheck; do
    local sanitizer=(compute-sanitizer --tool "$tool" --error-exitcode 86)
    beside "sanitize.$tool.cuda" 540 "${sanitizer[@]}" "$programs/g2face_cuda_tests"
    beside "sanitize.$tool.ops" 540 "${sanitizer[@]}" "$programs/g2face_tests" --source-file="$ops"
  done
  wait
}

plan_jobs='printf "%s\n" "anonymize 1" "device 30" "recover 1" "device 30" "anonymize 16" "device 30" plan | "$@"'
bench() {
  make_model
  step bench.torch 420 "$python" bench/peer_torch_cuda.py "$programs/g2face_peer" "$model" --out "$out" "${compile[@]}"
  cat "$out/bench.torch.log"
  # Seconds of each line, then the plans; first those that rules choose, then tuned ones.
  for precision in "${precisions[@]}"; do
    local peer=("$programs/g2face_peer" "$model" --device cuda --precision "$precision")
    step "bench.plan.$precision" 60 bash -c "$plan_jobs" plan "${peer[@]}"
    step "bench.tuned.$precision" 200 bash -c "$plan_jobs" tuned "${peer[@]}" --tune "$out/tuning.json"
  done
  step bench.kernels 400 "$programs/g2face_bench" --benchmark_filter='^cuda/' --benchmark_counters_tabular=true \
    --benchmark_out="$out/kernels.json" --benchmark_out_format=json
}

rm -f "$out"/*.result
if [ "$part" = build ] || { [ "$part" = all ] && [ -z "$bin" ]; }; then build; fi
if [ "$part" != build ]; then
  find_programs
  export programs model
  require_gpu
fi
case "$part" in
  check | sanitize | bench) "$part" ;;
  all) check; sanitize; bench ;;
esac

cat "$out"/*.result >"$out/summary.txt"
echo "summary ($out/summary.txt):"
cat "$out/summary.txt"
! grep -q FAILED "$out/summary.txt"
