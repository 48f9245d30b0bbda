#pragma once

#include <functional>

#include "cuda_runtime.h"

namespace cuda_on_host {

/// Does the work now, or records it if the stream is being captured.
cudaError_t queue(cudaStream_t stream, std::function<void()> work);
/// Whether this thread captures a stream, and so must not call what waits for the device or changes its memory. The
/// capture has failed then.
bool forbidden_while_capturing();

}  // namespace cuda_on_host
