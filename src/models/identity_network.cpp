#include "g2face/models/identity_network.hpp"

#include "g2face/models/arcface.hpp"
#include "g2face/models/mobilefacenet.hpp"
#include "g2face/nn/resample.hpp"

namespace g2face {

Value identity_network(const Scope& s, Value image, const ModelConfig& config) {
  if (config.identity_network == IdentityNetwork::mobilefacenet) return mobilefacenet(s, image, config);
  if (!config.identity_crop) return arcface(s, image, config);
  return arcface(s, resample(image, *config.identity_crop, config.arcface_size), config);
}

}  // namespace g2face
