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
export G2FACE_MODEL=$out/reference.safetensors

[ -f "$G2FACE_MODEL" ] || "$g2face" model init --config g2face-256 --fill reference -o "$G2FACE_MODEL"
"$g2face" crop examples/data/astronaut.png --box 128,10,196,196 -o "$out/original.png"
"$g2face" anonymize --aligned --payload paper --identity seed:7 "$out/original.png" -o "$out/anonymized.png"
"$g2face" recover --aligned --payload paper "$out/anonymized.png" -o "$out/recovered.png"
"$g2face" verify "$out/original.png" "$out/anonymized.png" "$out/recovered.png" --picture "$out/side_by_side.png" \
  --note "Untrained reference weights: the pictures are abstract, the numbers show that the networks run.
Photograph: NASA, public domain."
echo "scripts/demo.sh: original | anonymized | recovered side by side: $out/side_by_side.png"
