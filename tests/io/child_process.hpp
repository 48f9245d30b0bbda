#pragma once

#include <sys/wait.h>
#include <unistd.h>

namespace g2face::test {

/// Runs `f` in a child process and returns its wait status: limits, signals and users stay there.
template <class F>
int status_of_child(F&& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 99;
    try {
      status = f();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace g2face::test
