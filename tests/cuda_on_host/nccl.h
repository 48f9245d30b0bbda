#pragma once
// The names of NCCL that kernels/cuda/nccl.cpp uses. Ranks are processes of one machine, which leave each other files
// (nccl.cpp). Memory that is not the device's, and a rank that never comes, are errors.

#include <cstddef>

#include "cuda_runtime.h"

enum ncclResult_t { ncclSuccess = 0, ncclSystemError = 2, ncclInvalidArgument = 4, ncclInvalidUsage = 5 };
enum ncclDataType_t { ncclFloat32 = 7 };
struct ncclUniqueId {
  char internal[128];
};
using ncclComm_t = struct NcclOnHost*;

const char* ncclGetErrorString(ncclResult_t result);
ncclResult_t ncclGetVersion(int* version);
ncclResult_t ncclGetUniqueId(ncclUniqueId* id);
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream);
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclAllGather(const void* part, void* all, std::size_t count, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream);
