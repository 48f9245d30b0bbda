#pragma once
// The command line of g2face-convert, without the process around it, so that tests can call it.

#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace g2face::weights {

/// Exit codes: 0 done, 2 wrong usage, 3 an input that cannot be read or is refused, 5 a model that cannot be made of
/// the inputs or has problems, 6 out of memory, 1 anything else.
int run_program(std::vector<std::string> arguments, std::ostream& out, std::ostream& errors);

/// inspect FILE [--json].
void add_inspect(CLI::App& app, std::ostream& out);

/// IN... -o OUT, without a subcommand.
void add_convert(CLI::App& app, std::ostream& out);

}  // namespace g2face::weights
