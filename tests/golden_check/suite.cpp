#include "suite.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "case_check.hpp"
#include "network_check.hpp"

namespace g2face::golden {
namespace {

namespace fs = std::filesystem;

/// Files of networks come in pairs with a JSON file; one that lost it has no family of operators in its metadata.
bool is_for_networks(const fs::path& file) {
  if (file.extension() == ".json" || fs::exists(fs::path(file).replace_extension(".json"))) return true;
  try {
    return !is_op_file(Parameters::load(file));
  } catch (const Error&) {
    return false;  // reported by whoever reads it in earnest
  }
}

bool is_too_large(const OpFile& file, const std::string& name, std::int64_t limit) {
  if (limit == 0) return false;
  try {
    return parameter_count(file, name) > limit;
  } catch (const Error&) {
    return false;  // reported when the case is checked
  }
}

void check_op_file(const fs::path& path, const SuiteOptions& options, Report& report) {
  const std::string stem = path.stem().string();
  std::optional<OpFile> file;
  try {
    file.emplace(path);
    const std::vector<std::string> orphans = file->orphans();
    check<FormatError>(orphans.empty(), path.string(), ": ", orphans.size(),
                       " tensors belong to no case of the list, such as '", orphans.empty() ? "" : orphans[0], "'");
  } catch (const std::exception& e) {
    if (matches(stem, options.only)) report.add(failed(stem, e.what()));
    if (!file) return;
  }
  std::vector<std::string> cases;
  for (const std::string& c : file->cases()) {
    if (!matches(stem + "/" + c, options.only)) continue;
    if (is_too_large(*file, c, options.max_parameters))
      report.leave_out();
    else
      cases.push_back(c);
  }

  std::vector<std::optional<CaseResult>> results(cases.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < cases.size(); i = next++)
      results[i] = check_op_case(*file, cases[i], stem + "/" + cases[i], options.arithmetic);
  };
  if (options.jobs <= 1) {
    for (const std::string& c : cases) report.add(check_op_case(*file, c, stem + "/" + c, options.arithmetic));
    return;
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < options.jobs; ++i) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  for (std::optional<CaseResult>& r : results) report.add(std::move(*r));
}

void check_file(const fs::path& path, const NetworkFolders& folders, const SuiteOptions& options,
                const Parameters* model, Report& report) {
  if (is_for_networks(path)) {
    const auto wanted = [&](const std::string& name) { return matches(name, options.only); };
    check_network_file(path, folders, {options.arithmetic, options.stages, wanted, model}, report);
  } else {
    check_op_file(path, options, report);
  }
}

/// Golden files of a folder by name; a JSON file stands in where there is no tensor file beside it.
std::vector<fs::path> golden_files(const fs::path& folder) {
  std::set<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& p = entry.path();
    if (!entry.is_regular_file()) continue;
    if (p.extension() == ".safetensors" ||
        (p.extension() == ".json" && !fs::exists(fs::path(p).replace_extension(".safetensors"))))
      files.insert(p);
  }
  return {files.begin(), files.end()};
}

fs::path first_existing(std::initializer_list<fs::path> candidates) {
  for (const fs::path& p : candidates)
    if (fs::is_directory(p)) return p;
  return *std::prev(candidates.end());
}

}  // namespace

bool matches(std::string_view name, std::string_view pattern) {
  std::size_t at = 0;
  while (!pattern.empty()) {
    const std::size_t star = std::min(pattern.find('*'), pattern.size());
    const std::size_t found = name.find(pattern.substr(0, star), at);
    if (found == std::string_view::npos) return false;
    at = found + star;
    pattern.remove_prefix(std::min(star + 1, pattern.size()));
  }
  return true;
}

void check_path(const fs::path& path, const SuiteOptions& options, Report& report) {
  check<FormatError>(fs::exists(path), path.string(), ": does not exist");
  const bool is_folder = fs::is_directory(path);
  const bool has_parts = is_folder && (fs::is_directory(path / "ops") || fs::is_directory(path / "nets"));
  const fs::path root = has_parts   ? path
                        : is_folder ? fs::absolute(path / ".").lexically_normal().parent_path().parent_path()
                                    : fs::absolute(path).parent_path().parent_path();
  const fs::path own = G2FACE_GOLDEN_DIR;
  NetworkFolders folders;
  folders.manifests = options.manifests.value_or(first_existing({root / "manifests", own / "manifests"}));
  folders.images = options.images.value_or(first_existing({root / "images", own / "images"}));

  std::vector<fs::path> files;
  if (!is_folder) files = {path};
  if (is_folder && !has_parts) files = golden_files(path);
  if (has_parts)
    for (const char* part : {"ops", "nets"})
      if (fs::is_directory(path / part))
        for (const fs::path& f : golden_files(path / part)) files.push_back(f);
  check<FormatError>(!files.empty(), path.string(), ": holds no golden files (.safetensors)");
  std::optional<Parameters> model;
  if (options.model) model = Parameters::load(options.model->string());
  for (const fs::path& f : files) check_file(f, folders, options, model ? &*model : nullptr, report);
}

}  // namespace g2face::golden
