#include "g2face/plan/device_parameters.hpp"

#include "plan/device_parameter_data.hpp"

namespace g2face {

namespace {

Tensor read(DeviceParameterData& data, const DeviceParameterData::Entry& entry) {
  Tensor tensor({entry.memory_dtype, entry.type.shape});
  data.backend.copy_out(tensor.mutable_data(), entry.memory.data(), tensor.bytes(), data.stream);
  return entry.memory_dtype == entry.type.dtype ? tensor : tensor.to(entry.type.dtype);
}

}  // namespace

DeviceParameters::DeviceParameters(const Device& device, const Parameters& parameters)
    : data_(std::make_shared<DeviceParameterData>(device)) {
  data_->backend.enter();
  for (const auto& [name, tensor] : parameters) {
    const DType dtype = device.kind == Device::Kind::reference ? DType::f64 : tensor.dtype();
    const Tensor source = dtype == tensor.dtype() ? tensor : tensor.to(dtype);
    DeviceParameterData::Entry entry{tensor.type(), dtype, Block(data_->backend, source.bytes())};
    data_->backend.copy_in(entry.memory.data(), source.data(), source.bytes(), data_->stream);
    data_->tensors.emplace(name, std::move(entry));
  }
}

void DeviceParameters::share_arena(std::size_t bytes) {
  check<PlanError>(data_->arena.data() == nullptr, "share_arena: there is an arena already, which executors may use");
  data_->backend.enter();
  data_->arena = Block(data_->backend, bytes);
}

Tensor DeviceParameters::get(std::string_view name) const {
  const auto it = data_->tensors.find(name);
  check<CheckpointError>(it != data_->tensors.end(), "there is no parameter '", name, "' on ", data_->device);
  data_->backend.enter();
  return read(*data_, it->second);
}

Parameters DeviceParameters::get() const {
  data_->backend.enter();
  Parameters parameters;
  for (const auto& [name, entry] : data_->tensors) parameters.set(name, read(*data_, entry));
  return parameters;
}

}  // namespace g2face
