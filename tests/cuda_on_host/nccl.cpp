// What a rank sends is a file, named by sender, receiver and a count, which the receiver removes.
#include <nccl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elements.hpp"
#include "streams.hpp"

namespace fs = std::filesystem;

struct NcclOnHost {
  fs::path folder;
  int rank, ranks;
  std::vector<int> sent, received;  // to and from each rank
};

namespace {

struct Message {
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t bytes = 0;
  int peer = 0;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
};
struct Group {
  int depth = 0;
  std::vector<Message> messages;
};
Group& group() {
  thread_local Group g;
  return g;
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "NCCL on the host: %s\n", what.c_str());
  std::abort();
}

fs::path file_of(const NcclOnHost& c, int from, int to, int number) {
  return c.folder / (std::to_string(from) + '-' + std::to_string(to) + '-' + std::to_string(number));
}

void send(NcclOnHost& c, const Message& m) {
  const fs::path name = file_of(c, c.rank, m.peer, c.sent[static_cast<std::size_t>(m.peer)]++);
  fs::path part = name;
  part += ".part";
  {
    std::ofstream out(part, std::ios::binary);
    out.write(static_cast<const char*>(m.from), static_cast<std::streamsize>(m.bytes));
    if (!out.flush()) fail("cannot write " + part.string());
  }
  fs::rename(part, name);
}

void receive(NcclOnHost& c, const Message& m) {
  const fs::path name = file_of(c, m.peer, c.rank, c.received[static_cast<std::size_t>(m.peer)]++);
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (!fs::exists(name)) {
    if (std::chrono::steady_clock::now() > until) fail("rank " + std::to_string(m.peer) + " sends nothing");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  if (fs::file_size(name) != m.bytes) fail("ranks disagree about how much is sent");
  std::ifstream in(name, std::ios::binary);
  in.read(static_cast<char*>(m.to), static_cast<std::streamsize>(m.bytes));
  fs::remove(name);
}

/// All of them at once: nobody waits before having sent.
ncclResult_t queue(std::vector<Message> messages) {
  if (messages.empty()) return ncclSuccess;
  const Message first = messages.front();
  for (const Message& m : messages) {
    if (m.comm != first.comm || m.stream != first.stream) return ncclInvalidUsage;
    if (m.peer < 0 || m.peer >= m.comm->ranks ||
        !cuda_on_host::on_device(m.from != nullptr ? m.from : m.to, m.bytes, 4))
      return ncclInvalidArgument;
  }
  const cudaError_t error = cuda_on_host::queue(first.stream, [messages = std::move(messages)] {
    const cuda_on_host::OpenDeviceMemory open;
    for (const Message& m : messages)
      if (m.from != nullptr) send(*m.comm, m);
    for (const Message& m : messages)
      if (m.from == nullptr) receive(*m.comm, m);
  });
  return error == cudaSuccess ? ncclSuccess : ncclSystemError;
}

ncclResult_t add(const Message& m, ncclDataType_t type) {
  if (type != ncclFloat32) return ncclInvalidArgument;
  if (group().depth == 0) return queue({m});
  group().messages.push_back(m);
  return ncclSuccess;
}

}  // namespace

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclSuccess           ? "no error"
         : result == ncclInvalidArgument ? "invalid argument"
         : result == ncclInvalidUsage    ? "invalid usage"
                                         : "system error";
}
ncclResult_t ncclGetVersion(int* version) {
  *version = 22801;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  *id = {};
  const std::string folder = (fs::temp_directory_path() / "nccl_on_host_XXXXXX").string();
  if (folder.size() >= sizeof id->internal) return ncclSystemError;
  std::memcpy(id->internal, folder.c_str(), folder.size());
  return ::mkdtemp(id->internal) != nullptr ? ncclSuccess : ncclSystemError;
}
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  if (cuda_on_host::forbidden_while_capturing()) return ncclInvalidUsage;
  const std::vector<int> none(static_cast<std::size_t>(ranks), 0);
  *comm = new NcclOnHost{id.internal, rank, ranks, none, none};
  return fs::is_directory(id.internal) ? ncclSuccess : ncclSystemError;
}
ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  std::error_code not_empty;  // then another rank is the last one
  fs::remove(comm->folder, not_empty);
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++group().depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (group().depth == 0) return ncclInvalidUsage;
  return --group().depth > 0 ? ncclSuccess : queue(std::exchange(group().messages, {}));
}
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return add({from, nullptr, count * sizeof(float), peer, comm, stream}, type);
}
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return add({nullptr, to, count * sizeof(float), peer, comm, stream}, type);
}
ncclResult_t ncclAllGather(const void* part, void* all, std::size_t count, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  ncclGroupStart();
  ncclResult_t result = ncclSuccess;
  for (int r = 0; r < comm->ranks && result == ncclSuccess; ++r) {
    result = ncclSend(part, count, type, r, comm, stream);
    if (result == ncclSuccess)
      result = ncclRecv(static_cast<float*>(all) + static_cast<std::size_t>(r) * count, count, type, r, comm, stream);
  }
  const ncclResult_t end = ncclGroupEnd();
  return result == ncclSuccess ? end : result;
}
