#pragma once
// Functions that the host and the GPU share.

#ifdef __CUDACC__
#define G2FACE_BOTH __host__ __device__
#else
#define G2FACE_BOTH
#endif
