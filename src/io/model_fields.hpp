#pragma once
// The fields of a model's configuration, for files that hold one among other things.

#include "g2face/models/config.hpp"
#include "io/config_fields.hpp"

namespace g2face::io {

VisitFields model_fields(ModelConfig& config);

}  // namespace g2face::io
