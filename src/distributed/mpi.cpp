// The one place that knows MPI.

#include <cstdlib>
#include <string>

#include "g2face/distributed/communicator.hpp"
#include "g2face/error.hpp"

#ifdef G2FACE_WITH_MPI
#include <mpi.h>
#endif

namespace g2face {
namespace {

/// What launchers tell their processes: OpenMPI's mpirun, those that speak PMI (MPICH's, Slurm's), PMIx.
bool was_launched() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

#ifdef G2FACE_WITH_MPI
/// A failure of MPI itself ends all processes, with MPI's message: that is what its errors do unless one asks
/// otherwise.
class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    int given = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &given);
    check<DeviceError>(given >= MPI_THREAD_SERIALIZED, "this MPI does not let a second thread call it");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
    MPI_Comm machine = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine);
    MPI_Comm_rank(machine, &local_rank_);
    MPI_Comm_size(machine, &local_ranks_);
    MPI_Comm_free(&machine);
  }
  ~MpiTransport() override { MPI_Finalize(); }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  int local_rank() const override { return local_rank_; }
  int local_ranks() const override { return local_ranks_; }
  void exchange(const std::byte* from, std::byte* to, std::size_t bytes) override {
    const int n = static_cast<int>(bytes);
    MPI_Alltoall(from, n, MPI_BYTE, to, n, MPI_BYTE, MPI_COMM_WORLD);
  }
  void gather(const std::byte* part, std::byte* all, std::size_t bytes) override {
    const int n = static_cast<int>(bytes);
    MPI_Allgather(part, n, MPI_BYTE, all, n, MPI_BYTE, MPI_COMM_WORLD);
  }
  void abort(int exit_code) noexcept override { MPI_Abort(MPI_COMM_WORLD, exit_code); }

 private:
  int rank_ = 0, ranks_ = 1, local_rank_ = 0, local_ranks_ = 1;
};
#endif

}  // namespace

std::shared_ptr<Communicator> launched_ranks() {
  if (!was_launched()) return nullptr;
#ifdef G2FACE_WITH_MPI
  auto ranks = std::make_shared<Communicator>(std::make_unique<MpiTransport>());
  return ranks->ranks() > 1 ? ranks : nullptr;
#else
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"}) {
    const char* size = std::getenv(name);
    check<DeviceError>(size == nullptr || std::string(size) == "1", name, " is ", size == nullptr ? "" : size,
                       ", but this build has no MPI: build it with G2FACE_MPI, or start one process");
  }
  return nullptr;
#endif
}

}  // namespace g2face
