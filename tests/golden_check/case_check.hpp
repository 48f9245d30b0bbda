#pragma once
// Checks one operator case: results, gradients, gradients of gradients, states.

#include "op_file.hpp"
#include "report.hpp"
#include "tolerance.hpp"

namespace g2face::golden {

/// Never throws for what is wrong with the case or with the library: the result says so. `name` is for the report.
CaseResult check_op_case(const OpFile& file, const std::string& case_name, const std::string& name,
                         const Arithmetic& arithmetic);

/// How many numbers the parameters of a case have. Throws FormatError.
std::int64_t parameter_count(const OpFile& file, const std::string& case_name);

}  // namespace g2face::golden
