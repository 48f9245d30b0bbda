// Ranks that add in memory of their devices. Here they are processes, each with a device that runs on the host.

#ifdef G2FACE_CUDA_EMULATED

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend.hpp"
#include "g2face/error.hpp"
#include "g2face/fill.hpp"
#include "g2face/ops.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "g2face/plan/executor.hpp"

using namespace g2face;

namespace {

/// A socket between every two ranks. Good for messages that its buffer holds.
using Sockets = std::vector<std::vector<int>>;

Sockets connect_all(int ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  Sockets all(n, std::vector<int>(n, -1));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      std::array<int, 2> ends{};
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
      all[i][k] = ends[0];
      all[k][i] = ends[1];
    }
  }
  return all;
}

class SocketTransport final : public Transport {
 public:
  SocketTransport(Sockets sockets, int rank) : sockets_(std::move(sockets)), rank_(rank) {}

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(sockets_.size()); }
  int local_rank() const override { return rank_; }
  int local_ranks() const override { return ranks(); }
  void exchange(const std::byte* from, std::byte* to, std::size_t bytes) override {
    swap([&](std::size_t r) { return from + r * bytes; }, to, bytes);
  }
  void gather(const std::byte* part, std::byte* all, std::size_t bytes) override {
    swap([&](std::size_t) { return part; }, all, bytes);
  }
  void abort(int exit_code) noexcept override { _exit(exit_code); }

 private:
  void swap(const std::function<const std::byte*(std::size_t)>& part, std::byte* to, std::size_t bytes) {
    const auto own = static_cast<std::size_t>(rank_);
    for (std::size_t r = 0; r < sockets_.size(); ++r) {
      if (r == own) continue;
      check<Error>(write(sockets_[own][r], part(r), bytes) == static_cast<ssize_t>(bytes), "cannot send");
    }
    std::copy_n(part(own), bytes, to + own * bytes);
    for (std::size_t r = 0; r < sockets_.size(); ++r) {
      for (std::size_t done = 0; r != own && done < bytes;) {
        const ssize_t n = read(sockets_[own][r], to + r * bytes + done, bytes - done);
        check<Error>(n > 0, "a rank has gone");
        done += static_cast<std::size_t>(n);
      }
    }
  }

  Sockets sockets_;
  int rank_;
};

/// Whether `work` returned in each of the processes that are the ranks.
bool run_processes(int count, const std::function<void(const std::shared_ptr<Communicator>&)>& work) {
  const Sockets sockets = connect_all(count);
  std::vector<pid_t> processes;
  for (int rank = 0; rank < count; ++rank) {
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process > 0) {
      processes.push_back(process);
      continue;
    }
    try {
      work(std::make_shared<Communicator>(std::make_unique<SocketTransport>(sockets, rank)));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
      _exit(1);
    }
    _exit(0);
  }
  bool all = true;
  for (const pid_t process : processes) {
    int status = 0;
    all = waitpid(process, &status, 0) == process && status == 0 && all;
  }
  for (const auto& row : sockets)
    for (const int socket : row) close(socket);
  return all;
}

void require_equal(const Tensor& got, std::span<const float> expected, std::string_view what) {
  const std::span<const float> values = got.as<float>();
  for (std::size_t i = 0; i < expected.size(); ++i)
    check<Error>(values[i] == expected[i], what, ": value ", i, " is ", values[i], ", expected ", expected[i]);
}

}  // namespace

TEST_CASE("ranks: devices add to the bits that the host does, in the graph and in buckets, also when replayed") {
  for (const int count : {2, 3}) {
    CAPTURE(count);
    CHECK(run_processes(count, [](const std::shared_ptr<Communicator>& c) {
      const Device device = Device::cuda();
      backend_of(device).connect(*c);
      check<Error>(c->on_device() != nullptr, "devices are not connected");
      // Few values, many (in parts that do not divide them), and one bucket of each kind.
      const std::vector<Shape> shapes = {Shape{5}, Shape{31, 101}, Shape{7, 3}, Shape{40, 50}};
      Graph graph;
      graph.share_batch(c);
      std::vector<Value> inputs, doubled;
      for (const Shape& shape : shapes) {
        inputs.push_back(graph.input({DType::f32, shape}, str("x", inputs.size())));
        doubled.push_back(inputs.back() + inputs.back());
      }
      std::vector<Value> outputs = {all_reduce(doubled[0]), all_reduce(doubled[1])};
      for (const Value v : all_reduce_in_buckets(std::span(doubled).subspan(2), 64)) outputs.push_back(v);
      const Plan planned = plan(graph, outputs, {.device = device, .precision = Precision::strict, .fold = false});
      check<Error>(planned.print().find("all_reduce nccl") != std::string::npos, "another way was taken");
      Executor executor(planned);
      for (int round = 0; round < 3; ++round) {  // recorded first, then replayed
        std::vector<std::vector<float>> expected;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
          const Tensor own = g2face::fill(str("ranks ", round, ' ', i, ' ', c->rank()), shapes[i], 0.9);
          executor.set(inputs[i], own);
          std::vector<float>& sums = expected.emplace_back();
          for (const float v : own.as<float>()) sums.push_back(v + v);
          c->all_reduce(std::span(sums));
        }
        executor.run();
        for (std::size_t i = 0; i < shapes.size(); ++i) require_equal(executor.get(outputs[i]), expected[i], str(i));
      }
    }));
  }
}

TEST_CASE("ranks: memory of the host needs no connection, and one rank has one with itself") {
  CHECK(run_processes(1, [](const std::shared_ptr<Communicator>& c) {
    const std::shared_ptr<Communicator> alone = thread_ranks(1)[0];
    backend_of(Device::cpu()).connect(*c);  // memory of the host needs nothing
    check<Error>(c->on_device() == nullptr, "connected");
    backend_of(Device::cuda()).connect(*alone);
    check<Error>(alone->on_device() != nullptr, "one rank is not connected with itself");
  }));
}

#endif
