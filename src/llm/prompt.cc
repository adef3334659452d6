#include "llm/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/hash.h"
#include "core/exit_code.h"
#include "llm/ledger.h"

namespace ose {
namespace {

// How much of each section is shown; BuildPrompt lowers these until the prompt fits.
struct Room {
  size_t inspirations = 3;
  size_t ancestry = 6;
  bool ancestry_diffs = true;
  size_t tried = 12;
  size_t failures = 8;
  size_t profile_lines = 80;
  size_t other_metrics = 40;
  size_t notes_bytes = 6000;
  bool workload_file = true;
};

// The order in which things are given up, with the words for it.
struct GiveUp {
  const char* what;
  std::function<bool(Room&, size_t kept_inspirations)> apply;  // false: nothing left to give up
};
const std::vector<GiveUp>& Order() {
  auto lower = [](size_t Room::* field, size_t to) {
    return [field, to](Room& r, size_t) { return r.*field > to ? (r.*field = to, true) : false; };
  };
  static const std::vector<GiveUp> kOrder = {
      {"all but one other policy", [](Room& r, size_t) { return r.inspirations > 1 ? (r.inspirations = 1, true) : false; }},
      {"the diffs of the ancestors", [](Room& r, size_t) { return std::exchange(r.ancestry_diffs, false); }},
      {"older tries", lower(&Room::tried, 5)},
      {"older failures", lower(&Room::failures, 3)},
      {"minor metrics", lower(&Room::other_metrics, 8)},
      {"the second half of the profile", lower(&Room::profile_lines, 30)},
      {"the workload file", [](Room& r, size_t) { return std::exchange(r.workload_file, false); }},
      {"all other policies", [](Room& r, size_t kept) { return r.inspirations > kept ? (r.inspirations = kept, true) : false; }},
      {"older ancestors", lower(&Room::ancestry, 2)},
      {"most of the notes", lower(&Room::notes_bytes, 1000)},
      {"the ancestors", lower(&Room::ancestry, 0)},
      {"the profile", lower(&Room::profile_lines, 0)},
      {"the tries", lower(&Room::tried, 0)},
      {"the failures", lower(&Room::failures, 0)},
      {"the notes", lower(&Room::notes_bytes, 0)},
      {"all minor metrics", lower(&Room::other_metrics, 0)},
  };
  return kOrder;
}

// At most `n` bytes, cut at a character, with a mark.
std::string Cut(std::string_view text, size_t n) {
  if (text.size() <= n) return std::string(text);
  while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) --n;
  return std::string(text.substr(0, n)) + " [...]";
}

std::string FirstLines(const std::string& text, size_t n) {
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    at = text.find('\n', at);
    if (at == std::string::npos) return text;
    ++at;
  }
  return text.substr(0, at) + "[...]\n";
}

// A fence longer than any run of backquotes inside.
std::string Fenced(std::string_view language, std::string_view text) {
  std::string fence = "```";
  while (text.find(fence) != std::string_view::npos) fence += '`';
  return fmt::format("{}{}\n{}{}{}\n", fence, language, text, text.ends_with('\n') ? "" : "\n", fence);
}

double PctOfBound(const PromptMetric& m) {
  if (!m.bound || *m.bound <= 0 || m.value.mean <= 0) return 0;
  return 100 * (m.better == Direction::kMaximize ? m.value.mean / *m.bound : *m.bound / m.value.mean);
}

std::string MetricsText(const PromptPolicy& p, size_t others) {
  std::string text = "| objective | better | weight | value | bound | % of bound |\n|---|---|---|---|---|---|\n";
  for (const PromptMetric& m : p.metrics) {
    if (m.weight <= 0) continue;
    text += fmt::format("| {} [{}] | {} | {:.3g} | {:.6g} ±{:.2g} | {} | {} |\n", m.name, m.unit, m.better == Direction::kMaximize ? "more" : "less", m.weight,
                        m.value.mean, (m.value.hi - m.value.lo) / 2, m.bound ? fmt::format("{:.6g}", *m.bound) : "-",
                        m.bound ? fmt::format("{:.4g}", PctOfBound(m)) : "-");
  }
  std::vector<std::string> rest;
  for (const PromptMetric& m : p.metrics)
    if (m.weight <= 0 && rest.size() < others)
      rest.push_back(fmt::format("{} {:.5g}{}", m.name, m.value.mean, m.unit == "1" ? "" : m.unit == "%" ? "%" : " " + m.unit));
  if (!rest.empty()) text += fmt::format("\nOther metrics: {}.\n", fmt::join(rest, "; "));
  return text;
}

std::string Change(double before, double after) {
  std::string text = fmt::format("score {:.5g} -> {:.5g}", before, after);
  if (before > 0) text += fmt::format(" ({:+.2f}%)", 100 * (after / before - 1));
  return text;
}

std::string StepsText(const char* title, const std::vector<PromptStep>& steps, size_t n, bool diffs) {
  if (steps.empty() || n == 0) return "";
  std::string text = fmt::format("# {}\n\n", title);
  for (size_t i = steps.size() > n ? steps.size() - n : 0; i < steps.size(); ++i) {
    const PromptStep& s = steps[i];
    text += fmt::format("- {}: {}\n", Cut(s.what, 300), s.failure.empty() ? Change(s.before, s.after) : Cut(s.failure, 500));
    if (diffs && !s.diff.empty()) text += Fenced("diff", Cut(s.diff, 3000));
  }
  return text;
}

// In which objectives another policy beats the parent.
std::string Strengths(const PromptPolicy& other, const PromptPolicy& parent) {
  std::vector<std::string> better;
  for (const PromptMetric& m : other.metrics) {
    if (m.weight <= 0) continue;
    for (const PromptMetric& p : parent.metrics)
      if (p.name == m.name && (m.better == Direction::kMaximize ? m.value.mean > p.value.mean : m.value.mean < p.value.mean))
        better.push_back(fmt::format("{} ({:.5g} against {:.5g})", m.name, m.value.mean, p.value.mean));
  }
  return better.empty() ? "worse than the policy to improve in every objective; shown for its different mechanism"
                        : fmt::format("better than the policy to improve in {}", fmt::join(better, ", "));
}

std::string InspirationsText(const PromptInput& in, size_t n) {
  if (in.inspirations.empty() || n == 0) return "";
  std::string text = "# Other policies\n\n";
  for (size_t i = 0; i < std::min(n, in.inspirations.size()); ++i) {
    const PromptPolicy& p = in.inspirations[i];
    text += fmt::format("## {}, score {:.5g}: {}\n\n{}\n", p.title, p.score, Strengths(p, in.parent), Fenced("cpp", p.source));
  }
  return text;
}

std::string Fill(const std::string& text, const std::map<std::string, std::string, std::less<>>& values) {
  std::string out;
  size_t from = 0;
  for (size_t at; (at = text.find("{{", from)) != std::string::npos;) {
    const size_t end = text.find("}}", at);
    out += text.substr(from, at - from);
    auto it = values.find(std::string_view(text).substr(at + 2, end - at - 2));
    if (it != values.end()) out += it->second;
    from = end + 2;
  }
  return out + text.substr(from);
}

// Sections that came out empty leave one blank line, not several. What is fenced stays to the letter: it may be
// quoted in the answer.
std::string Tidy(const std::string& text) {
  std::string out, fence;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    at = end;
    if (!fence.empty()) {
      if (line == fence + "\n") fence.clear();
    } else if (line.starts_with("```")) {
      fence = line.substr(0, line.find_first_not_of('`'));
    } else if (line == "\n" && out.ends_with("\n\n")) {
      continue;
    }
    out += line;
  }
  while (out.ends_with('\n')) out.pop_back();
  return out + "\n";
}

std::string Trimmed(std::string text) {
  while (!text.empty() && isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

Prompt Render(const PromptTemplates& t, const PromptInput& in, const Room& room) {
  std::map<std::string, std::string, std::less<>> v;
  v["api"] = in.api;
  v["workload"] = Trimmed(in.workload);
  if (room.workload_file && !in.workload_file.empty()) v["workload"] += "\n\nIts file:\n\n" + Fenced("toml", in.workload_file);
  v["machine"] = Trimmed(in.machine);
  v["parent_title"] = in.parent.title;
  v["parent_score"] = fmt::format("{:.5g}", in.parent.score);
  v["parent_source"] = Trimmed(in.parent.source);
  v["parent_seeds"] = fmt::format("{}", in.parent.seeds);
  v["metrics"] = Trimmed(MetricsText(in.parent, room.other_metrics));
  if (!in.profile.empty() && room.profile_lines > 0)
    v["profile"] = "# Where the time goes (one run)\n\n" + Fenced("", FirstLines(in.profile, room.profile_lines));
  v["ancestry"] = StepsText("How this policy came about", in.ancestry, room.ancestry, room.ancestry_diffs);
  v["tried"] = StepsText(in.task == PromptTask::kNotes ? "What was tried" : "Already tried from this policy", in.tried, room.tried, in.task == PromptTask::kNotes);
  v["failures"] = StepsText("What failed lately, and why", in.failures, room.failures, false);
  v["inspirations"] = InspirationsText(in, room.inspirations);
  if (!in.notes.empty() && room.notes_bytes > 0) v["notes"] = "# Notes of this search\n\n" + Cut(in.notes, room.notes_bytes) + "\n";
  if (in.task == PromptTask::kRepair) {
    v["failed_reason"] = Fenced("", Cut(in.failed_reason, 4000));
    v["failed"] = !in.failed_source.empty() ? "The changed policy, which your patch applies to:\n\n" + Fenced("cpp", in.failed_source)
                                            : "The reply, whose patch did not apply to the policy above:\n\n" + Fenced("", Cut(in.failed_reply, 12'000));
  }
  Prompt p;
  p.system = Tidy(Fill(t.Text("system"), v));
  if (in.task == PromptTask::kNotes) {
    p.user = Tidy(Fill(t.Text("notes"), v));
  } else {
    v["task"] = Trimmed(Fill(t.Text(PromptTaskName(in.task)), v));
    v["stance"] = in.stance.empty() ? "" : Trimmed(Fill(t.Text("stance-" + in.stance), v));
    v["format"] = PatchInstructions(in.task == PromptTask::kRepair ? in.repair_kind : PatchKindOf(in.task));
    p.user = Tidy(Fill(t.Text("body"), v));
  }
  p.tokens = EstimateTokens(p.system) + EstimateTokens(p.user);
  return p;
}

}  // namespace

const char* PromptTaskName(PromptTask task) {
  switch (task) {
    case PromptTask::kEdit: return "edit";
    case PromptTask::kDiff: return "diff";
    case PromptTask::kRewrite: return "rewrite";
    case PromptTask::kCrossover: return "crossover";
    case PromptTask::kTunables: return "tunables";
    case PromptTask::kRepair: return "repair";
    case PromptTask::kNotes: return "notes";
  }
  return "?";
}

PatchKind PatchKindOf(PromptTask task) {
  switch (task) {
    case PromptTask::kDiff: return PatchKind::kDiff;
    case PromptTask::kRewrite:
    case PromptTask::kCrossover: return PatchKind::kRewrite;
    case PromptTask::kTunables: return PatchKind::kTunables;
    default: return PatchKind::kEdit;
  }
}

const std::string& PatchBase(const PromptInput& input) {
  return input.task == PromptTask::kRepair && !input.failed_source.empty() ? input.failed_source : input.parent.source;
}

Result<Prompt> BuildPrompt(const PromptTemplates& templates, const PromptInput& input, int64_t max_tokens) {
  // The second parent of a crossover is part of the request.
  const size_t kept = input.task == PromptTask::kCrossover ? 1 : 0;
  Room room;
  Prompt p = Render(templates, input, room);
  std::vector<std::string> given_up;
  for (const GiveUp& g : Order()) {
    if (p.tokens <= max_tokens) break;
    if (!g.apply(room, kept)) continue;
    const int64_t before = p.tokens;
    p = Render(templates, input, room);
    if (p.tokens < before) given_up.emplace_back(g.what);
  }
  if (p.tokens > max_tokens)
    return Error{kExitUsage, fmt::format("the shortest prompt for {} has about {} tokens, but the model's window leaves {}: use a model with a larger "
                                         "window (option window=N), or a shorter policy", input.parent.title, p.tokens, max_tokens)};
  p.given_up = std::move(given_up);
  return p;
}

std::string ApiReference(std::string_view header) {
  // The header's parts are divided by lines of dashes; those about the host's side begin with known words.
  constexpr std::string_view kDivider = "\n// -----";
  std::string text;
  for (size_t from = 0; from < header.size();) {
    size_t next = header.find(kDivider, from + 1);
    if (next == std::string_view::npos) next = header.size();
    std::string_view part = header.substr(from, next - from);
    from = next;
    if (part.starts_with('\n')) part.remove_prefix(1);
    if (part.starts_with("// -----")) part.remove_prefix(std::min(part.find('\n') + 1, part.size()));
    if (part.starts_with("// Host services") || part.starts_with("// From here on")) continue;
    text += part;
    text += "\n";
  }
  // Spelling of the language that says nothing to a reader.
  for (std::string_view noise : {"OSV_INLINE ", "#define OSV_INLINE __attribute__((always_inline)) inline\n", "// SPDX-License-Identifier: MIT OR GPL-2.0-only\n//\n"})
    for (size_t at; (at = text.find(noise)) != std::string::npos;) text.erase(at, noise.size());
  text = Trimmed(text) + "\n";
  return fmt::format("osevolve/policy.h, abridged ({})\n\n{}", Sha256Hex(text).substr(0, 8), Fenced("cpp", text));
}

std::string NotesFromReply(std::string_view reply, size_t max_bytes) {
  // Reasoning that some servers leave in the text is none of the notes.
  if (size_t end = reply.rfind("</think>"); end != std::string_view::npos) reply.remove_prefix(end + 8);
  std::string text;
  for (char c : reply)
    if (c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20) text += c;
  size_t begin = text.find_first_not_of(" \t\n");
  text = begin == std::string::npos ? "" : Trimmed(text.substr(begin));
  return text.size() > max_bytes ? Cut(text, max_bytes) : text;
}

}  // namespace ose
