#include "kernels/cuda/nccl.hpp"

#ifdef G2FACE_WITH_NCCL

#include <nccl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "g2face/error.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/shared_library.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face::cuda {
namespace {

// The functions that are called, and nothing else of the library. It moves bytes and adds nothing: its sums have the
// order that it finds fastest, ours that of the ranks (rank_sums.cu).
#define G2FACE_NCCL_FUNCTIONS(F) \
  F(ncclGetVersion)              \
  F(ncclGetErrorString)          \
  F(ncclGetUniqueId)             \
  F(ncclCommInitRank)            \
  F(ncclCommDestroy)             \
  F(ncclGroupStart)              \
  F(ncclGroupEnd)                \
  F(ncclSend)                    \
  F(ncclRecv)                    \
  F(ncclAllGather)

struct Library {
  G2FACE_NCCL_FUNCTIONS(G2FACE_DECLARE_FUNCTION)
  bool complete = true;
};

const Library& library() {
  static const Library loaded = [] {
    Library found;
    [[maybe_unused]] const SharedLibrary file{"libnccl.so.2", G2FACE_NCCL_LIBRARY};
    G2FACE_NCCL_FUNCTIONS(G2FACE_FIND_FUNCTION)
    return found;
  }();
  return loaded;
}

/// A number for each GPU in the world; 0 where NCCL cannot be used.
std::uint64_t number_of_gpu(int device) {
  if (!library().complete) return 0;
  std::array<char, 64> bus{}, machine{};
  check_call(cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), device), "cudaDeviceGetPCIBusId");
  gethostname(machine.data(), machine.size() - 1);
  return std::hash<std::string>()(str(machine.data(), ' ', bus.data())) | 1;
}

/// What the first rank has, on all of them.
ncclUniqueId id_of_all(Communicator& ranks, const ncclUniqueId& own) {
  ncclUniqueId id = own;
  for (std::size_t at = 0; at < sizeof id; at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, reinterpret_cast<const char*>(&own) + at, sizeof word);
    word = ranks.gather(word).front();
    std::memcpy(reinterpret_cast<char*>(&id) + at, &word, sizeof word);
  }
  static_assert(sizeof id % sizeof(std::uint64_t) == 0);
  return id;
}

class NcclTransport final : public DeviceTransport {
 public:
  NcclTransport(Communicator& ranks, int device) : ranks_(ranks.ranks()), device_(device) {
    ncclUniqueId own{};
    if (ranks.rank() == 0) check_status(library().ncclGetUniqueId(&own), "ncclGetUniqueId");
    const ncclUniqueId id = id_of_all(ranks, own);
    check_status(library().ncclCommInitRank(&handle_, ranks_, id, ranks.rank()), "ncclCommInitRank");
  }
  ~NcclTransport() override {
    if (handle_ != nullptr) library().ncclCommDestroy(handle_);
  }

  void exchange(const float* from, float* to, std::size_t count, Stream& stream) override {
    check_status(library().ncclGroupStart(), "ncclGroupStart");
    for (int r = 0; r < ranks_; ++r) {
      const std::size_t at = static_cast<std::size_t>(r) * count;
      check_status(library().ncclSend(from + at, count, ncclFloat32, r, handle_, stream_of(stream)), "ncclSend");
      check_status(library().ncclRecv(to + at, count, ncclFloat32, r, handle_, stream_of(stream)), "ncclRecv");
    }
    check_status(library().ncclGroupEnd(), "ncclGroupEnd");
  }
  void gather(const float* part, float* all, std::size_t count, Stream& stream) override {
    check_status(library().ncclAllGather(part, all, count, ncclFloat32, handle_, stream_of(stream)), "ncclAllGather");
  }

 private:
  void check_status(ncclResult_t status, const char* call) const {
    check<DeviceError>(status == ncclSuccess, call, " (cuda:", device_, "): ", library().ncclGetErrorString(status));
  }

  int ranks_, device_;
  ncclComm_t handle_ = nullptr;
};

/// It makes its connections when they are first used, for which a recording is no place.
void use_once(DeviceTransport& transport, Communicator& ranks, int device) {
  const auto count = static_cast<std::size_t>(ranks.ranks());
  void* memory = nullptr;
  cudaStream_t stream = nullptr;
  check_call(cudaMalloc(&memory, 2 * count * sizeof(float)), "cudaMalloc");
  check_call(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  auto* const numbers = static_cast<float*>(memory);
  Stream queue{Device::cuda(device), stream};
  check_call(cudaMemsetAsync(numbers, 0, count * sizeof(float), stream), "cudaMemsetAsync");
  transport.exchange(numbers, numbers + count, 1, queue);
  transport.gather(numbers, numbers + count, 1, queue);
  check_call(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  check_call(cudaStreamDestroy(stream), "cudaStreamDestroy");
  check_call(cudaFree(memory), "cudaFree");
}

}  // namespace

std::shared_ptr<DeviceTransport> nccl_transport(Communicator& ranks, int device) {
  std::vector<std::uint64_t> gpus = ranks.gather(number_of_gpu(device));
  std::ranges::sort(gpus);
  if (gpus.front() == 0 || std::ranges::adjacent_find(gpus) != gpus.end()) return nullptr;
  auto transport = std::make_shared<NcclTransport>(ranks, device);
  use_once(*transport, ranks, device);
  return transport;
}

std::optional<std::string> nccl_version() {
  if (!library().complete) return "none";
  int v = 0;
  if (library().ncclGetVersion(&v) != ncclSuccess) return "none";
  return str(v / 10000, '.', v / 100 % 100, '.', v % 100);
}

}  // namespace g2face::cuda

#else

namespace g2face::cuda {

std::shared_ptr<DeviceTransport> nccl_transport(Communicator&, int) { return nullptr; }
std::optional<std::string> nccl_version() { return std::nullopt; }

}  // namespace g2face::cuda

#endif
