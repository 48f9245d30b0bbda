// g2face-convert: weights of others, looked at and converted.

#include <unistd.h>

#include <csignal>
#include <iostream>

#include "io/atomic_file.hpp"
#include "weights_converter/commands.hpp"

namespace {

constexpr int interrupted = 130;

/// Ctrl-C leaves no half-written file behind.
void on_interrupt(int) {
  g2face::io::remove_temporary_files();
  _exit(interrupted);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error of write(), as a full disk is
  return g2face::weights::run_program({argv + 1, argv + argc}, std::cout, std::cerr);
}
