#pragma once
// What a kernel gives to a plan: for those who write or run kernels. Rows of ops do without it.

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "g2face/device.hpp"

namespace g2face {

/// Memory of one step, in the order of the signature. Outputs are uninitialised. in[i] is the packed form where the
/// step asked for one.
struct Buffers {
  std::span<const void* const> in;
  std::span<void* const> out;
  void* workspace = nullptr;

  template <class T>
  const T* get(int i) const {
    return static_cast<const T*>(in[static_cast<std::size_t>(i)]);
  }
  template <class T>
  T* out_as(int i = 0) const {
    return static_cast<T*>(out[static_cast<std::size_t>(i)]);
  }
};

/// A request to turn a known input into the kernel's own format, once, when parameters are loaded.
struct Packing {
  int input = 0;
  std::size_t bytes = 0;
  std::function<void(const void* from, void* to)> pack;  // from: in the layout of the signature
};

/// An output that may have the memory of an input of its size: the kernel reads each element before it writes it.
struct InPlace {
  int input = 0, output = 0;
  bool operator==(const InPlace&) const = default;
};

/// A kernel with every decision made. Created while planning; run() allocates and looks up nothing.
struct Step {
  std::string kernel;  // what the printed plan shows: "conv2d winograd:f4x4"
  std::function<void(const Buffers&, Stream&)> run;
  std::size_t workspace = 0;  // bytes, 64-byte aligned
  std::vector<Packing> packings;
  std::vector<InPlace> in_place;  // the first that can be had counts; an input stands with one output only
};

}  // namespace g2face
