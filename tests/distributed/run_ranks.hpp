#pragma once
// Ranks as threads of a test.

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "g2face/distributed/communicator.hpp"

namespace g2face::test {

/// Calls `work` on all ranks at once. If it throws on one, the others are told, and the first exception is thrown here.
inline void run_ranks(int count, const std::function<void(const std::shared_ptr<Communicator>&)>& work) {
  const auto ranks = thread_ranks(count);
  std::vector<std::exception_ptr> failures;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (const auto& rank : ranks) {
    threads.emplace_back([&, rank] {
      try {
        work(rank);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        failures.push_back(std::current_exception());
        rank->abort(1);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  if (!failures.empty()) std::rethrow_exception(failures.front());
}

}  // namespace g2face::test
