#pragma once
// What is known of a synthetic picture, as a line of labels.jsonl. docs/synthetic_faces.md describes the fields.

#include <string>

#include "g2face/face/synth.hpp"

namespace g2face::io {

/// One line of JSON without its end. Numbers have all the digits that tell them apart.
std::string to_json(const std::string& file, const SyntheticRequest& request, const SyntheticFace& face);

}  // namespace g2face::io
