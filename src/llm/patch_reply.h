// What a reply holds: fences, edits, hunks. Private to patch.cc; only texts are looked at here, no policy.
#ifndef OSEVOLVE_LLM_PATCH_REPLY_H_
#define OSEVOLVE_LLM_PATCH_REPLY_H_

#include <string>
#include <string_view>
#include <vector>

namespace ose {

// Text between two lines of backquotes or tildes.
struct Fence {
  std::string language, text;
  bool closed = false;
};
std::vector<Fence> FindFences(std::string_view reply);

// Replace `search` by `replace`; lines without newlines. An empty search inserts at the start of `block`.
struct PatchEdit {
  std::vector<std::string> search, replace;
  std::string block;
  size_t line = 0;  // that a hunk names, 0 = none
  bool operator==(const PatchEdit&) const = default;
};
struct FoundEdits {
  bool found = false;
  std::string error;  // of a malformed one
  std::vector<PatchEdit> edits;
};
// SEARCH/REPLACE blocks, in fences or not.
FoundEdits FindEdits(std::string_view reply);
// Hunks of a unified diff.
FoundEdits FindHunks(std::string_view reply);

// Without the sections in which some models think aloud.
std::string WithoutThinking(std::string_view reply);
// See PatchResult::summary.
std::string SummaryOf(std::string_view reply);

}  // namespace ose

#endif  // OSEVOLVE_LLM_PATCH_REPLY_H_
