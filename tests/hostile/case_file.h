// A hostile case: a policy source whose first comment lines say what it tries and what must happen.
//
//   // attack: opens a socket while it schedules
//   // gate: RULE                      the gate refuses it, and RULE is among its reasons;  or
//   // gate: accepts                   the gate lets it pass: the walls behind it must hold
//   // compile: TEXT                   without the gate, the compiler refuses it; TEXT is in its words
//   // worker: OUTCOME[, TEXT]         without the gate, it compiles and the worker says OUTCOME (core/candidate.h);
//                                      TEXT is in the diagnosis
//   // without WALL...: escapes        with those walls taken out (walls.h) as well, it does what it is after
//   // without WALL...: worker|compile ...    ... or another wall catches it
//   // variants: A B ...               the case is run once for each, with @VARIANT@ replaced
//
// In the source @SYSCALL@ stands for a function SystemCall(nr, a, b, c, d = 0), @CANARY@ for a folder with a file
// `secret` that nobody may touch, @PORT@ for a TCP port of the loopback on which nobody may knock. What a policy gets hold of it shows
// with count(0), "loot", which must stay 0.
#ifndef OSEVOLVE_TESTS_HOSTILE_CASE_FILE_H_
#define OSEVOLVE_TESTS_HOSTILE_CASE_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose::hostile {

// Where it must end, and words that the reason must have.
struct Verdict {
  enum class Where { kCompile, kWorker, kEscapes } where = Where::kWorker;
  std::string outcome;  // kWorker
  std::string text;
};

struct Ablation {
  std::vector<std::string> walls;  // never "gate", which is out for all but the gate's own line
  Verdict verdict;
};

struct Case {
  std::string name, attack, source;
  std::string gate;  // a rule, or "accepts"
  std::vector<std::string> variants = {""};
  std::vector<Verdict> behind;  // none or one
  std::vector<Ablation> without;
};

Result<Case> ParseCase(const std::string& path);

// The source with its placeholders filled in.
std::string Expand(const Case& c, const std::string& variant, const std::string& canary, int port);

}  // namespace ose::hostile

#endif  // OSEVOLVE_TESTS_HOSTILE_CASE_FILE_H_
