// PromptTemplates: the files of prompts/, checked when they are loaded.
#include <fmt/format.h>

#include <algorithm>

#include "base/edit_distance.h"
#include "base/file.h"
#include "base/hash.h"
#include "core/exit_code.h"
#include "llm/prompt.h"

namespace ose {
namespace {

constexpr uint64_t kMaxTemplate = 64 << 10;
constexpr const char* kNames[] = {"system", "body", "edit", "diff", "rewrite", "crossover", "tunables", "repair", "notes"};
constexpr char kStancePrefix[] = "stance-";

const std::vector<std::string>& Placeholders() {
  static const std::vector<std::string> kAll = {
      "api",       "workload", "machine",      "parent_title", "parent_score", "parent_source", "parent_seeds",  "metrics", "profile", "ancestry",
      "tried",     "failures", "inspirations", "notes",        "task",         "stance",        "failed_reason", "failed",  "format"};
  return kAll;
}

Status CheckPlaceholders(const std::string& text, const std::string& path) {
  for (size_t at = 0; (at = text.find("{{", at)) != std::string::npos;) {
    const size_t end = text.find("}}", at);
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    if (end == std::string::npos) return Error{kExitUsage, fmt::format("{}:{}: {{{{ without }}}}", path, line)};
    const std::string name = text.substr(at + 2, end - at - 2);
    if (std::find(Placeholders().begin(), Placeholders().end(), name) == Placeholders().end())
      return Error{kExitUsage, fmt::format("{}:{}: unknown placeholder {{{{{}}}}}{} (known: {})", path, line, name.substr(0, 40),
                                           DidYouMean(name, Placeholders()), fmt::join(Placeholders(), ", "))};
    at = end + 2;
  }
  return {};
}

}  // namespace

Result<PromptTemplates> PromptTemplates::Load(const std::string& dir, const std::string& override_dir) {
  PromptTemplates t;
  std::map<std::string, std::string> paths;
  for (const char* name : kNames) paths[name] = JoinPath(dir, std::string(name) + ".md");
  OSE_ASSIGN(std::vector<std::string> shipped, ListFiles(dir, ".md"));
  for (const std::string& file : shipped)
    if (file.starts_with(kStancePrefix)) paths[Stem(file)] = JoinPath(dir, file);
  if (!override_dir.empty()) {
    OSE_ASSIGN(std::vector<std::string> own, ListFiles(override_dir, ".md"));
    std::vector<std::string> names(std::begin(kNames), std::end(kNames));
    for (const std::string& file : own) {
      const std::string name = Stem(file);
      if (!name.starts_with(kStancePrefix) && std::find(names.begin(), names.end(), name) == names.end())
        return Error{kExitUsage, fmt::format("{} is no prompt template{} (they are {}, and stance-NAME.md for variants)",
                                             JoinPath(override_dir, file), DidYouMean(name, names), fmt::join(names, ".md, "))};
      paths[name] = JoinPath(override_dir, file);
    }
  }
  std::string all;
  for (auto& [name, path] : paths) {
    OSE_ASSIGN(std::string text, ReadFile(path, kMaxTemplate));
    OSE_TRY(CheckPlaceholders(text, path));
    all += fmt::format("{} {}\n{}", name, text.size(), text);
    if (name.starts_with(kStancePrefix)) t.stances_.push_back(name.substr(sizeof kStancePrefix - 1));
    t.texts_[name] = std::move(text);
  }
  if (t.stances_.empty()) return Error{kExitUsage, dir + " has no prompt variant: it needs at least one stance-NAME.md"};
  t.hash_ = Sha256Hex(all);
  return t;
}

}  // namespace ose
