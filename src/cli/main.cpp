// The program: one file for each command, and here what they share on the way in and out.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "backend.hpp"
#include "cli/common.hpp"
#include "g2face/version.hpp"
#include "io/atomic_file.hpp"

namespace {

/// Ctrl-C leaves no half-written file behind.
void on_interrupt(int) {
  g2face::io::remove_temporary_files();
  g2face::cli::say_interrupted();
  _exit(g2face::cli::exit_code::interrupted);
}

/// Results may go to a file on a full disk.
void require_written_results() {
  std::cout.flush();
  g2face::check<g2face::Error>(std::cout.good(), "standard output: cannot write the results: free space there");
}

std::string version_text() {
  using namespace g2face;
  const CudaReport cuda = cuda_report();
  std::string libraries;
  for (const auto& [name, number] : cuda_libraries()) libraries += str(", ", name, " ", number);
  return str("g2face    ", version(), "\nrevision  ", revision(), " (", compiler(), ")\noneDNN    ", onednn_version(),
             "\nCUDA      ",
             cuda.in_build ? str("runtime ", cuda.runtime, ", driver ", cuda.driver) : "none in this build", libraries,
             "\nkernels   ", instruction_sets(), cuda.in_build ? str("; CUDA: ", cuda.architectures) : "");
}

}  // namespace

int main(int argc, char** argv) {
  using namespace g2face;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error of write(), as a full disk is
  int code = cli::exit_code::ok;
  CLI::App app("g2face: reversible face anonymization", "g2face");
  app.set_version_flag("--version", version_text);  // asked for when needed: it loads libraries
  app.require_subcommand(1);
  cli::add_anonymize(app, code);
  cli::add_recover(app, code);
  cli::add_keygen(app, code);
  cli::add_info(app, code);
  cli::add_rekey(app, code);
  cli::add_attack(app, code);
  cli::add_crop(app, code);
  cli::add_verify(app, code);
  cli::add_fit(app, code);
  cli::add_render(app, code);
  cli::add_model(app, code);
  cli::add_synth(app, code);
  cli::add_train(app, code);
  cli::add_doctor(app, code);
  try {
    app.parse(argc, argv);
    require_written_results();
    return code;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    cli::report_error(str(error.what(), ": see 'g2face --help' and 'g2face COMMAND --help'"));
    return cli::exit_code::usage;
  } catch (const std::exception& error) {
    cli::report_error(cli::message_of(error));
    return cli::exit_code_of(error);
  }
}
