#!/usr/bin/env bash
# Builds g2face and sends a face through anonymize and recover. Needs no GPU and no trained weights: the model is a
# deterministic fill, so the picture is abstract and the printed numbers are the proof.
#   scripts/demo.sh [OUTPUT_FOLDER]      (default: out/demo)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/demo}

scripts/setup.sh
cmake --preset release -D G2FACE_TESTS=OFF -D G2FACE_EXAMPLES=OFF >/dev/null
cmake --build --preset release --target g2face_cli
mkdir -p "$out"
g2face=build/bin/g2face
