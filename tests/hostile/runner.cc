// hostile PROGRAMS INCLUDE CASES [--walls] [--only NAME] [--verbose]
//
// Runs every case (case_file.h) on the product's own path, gate -> compiler -> worker, as this user and, when this is
// root, as nobody at the same time; checks the verdict, the recorded reason and that nothing got out. A case that the
// gate refuses is also given to what is behind the gate, so that each wall is tried by itself: the gate is left
// out by not asking it.
//   --walls   instead: takes out the walls that the cases name, one set at a time, and checks that the attack
//             then succeeds or meets the next wall; the lines it prints are the table of docs/security.md
#include <errno.h>
#include <fmt/format.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/file.h"
#include "core/policy_source.h"
#include "eval/clients.h"
#include "eval/compiler.h"
#include "eval/reply_check.h"
#include "eval/torture.h"
#include "hostile/case_file.h"
#include "hostile/walls.h"
#include "hostile/witness.h"
#include "worker/server.h"

namespace ose::hostile {
namespace {

constexpr char kWorkerName[] = "hostile-worker";  // what this program calls itself when it is the worker
constexpr WorkerLimits kLimits{.cpu_ms = 150, .wall_ms = 5000, .memory_mb = 256};
constexpr size_t kLongestReason = 16 << 10;
constexpr char kBenign[] =
    "#include <osevolve/policy.h>\nusing namespace osevolve;\nstruct P : Policy<> {};\nOSEVOLVE_POLICY(P, \"benign\")\n";

struct Options {
  std::string programs, include, cases, only;
  bool walls = false, verbose = false;
};

struct Ended {  // how a case ended
  Verdict::Where where = Verdict::Where::kWorker;
  std::string outcome, reason;
  bool loot = false;
};

class Runner {
 public:
  Runner(const Options& options, const std::string& who) : options_(options), who_(who) {}

  // 0 when all is as stated.
  int Run() {
    if (Status s = Prepare(); !s.ok()) return Say("cannot start: " + s.error().message), 1;
    auto names = ListFiles(options_.cases, ".cc");
    if (!names.ok()) return Say(names.error().message), 1;
    for (const std::string& name : *names) {
      auto c = ParseCase(JoinPath(options_.cases, name));
      if (!c.ok()) return Say(c.error().message), 1;
      if (!options_.only.empty() && c->name != options_.only) continue;
      ++cases_;
      for (const std::string& variant : c->variants) options_.walls ? TryWithout(*c, variant) : Try(*c, variant);
    }
    worker_.reset();
    gate_.reset();
    if (auto left = witness_->Take({}); !left.empty()) Fail("the end", left[0]);
    fmt::print("{}: {} cases, {} trials{}, {} failed\n", who_, cases_, trials_,
               options_.walls ? "" : fmt::format(" (the gate {}, the compiler {}, the worker {})", by_gate_, by_compiler_, by_worker_), failed_);
    return failed_ == 0 && cases_ > 0 ? 0 : 1;
  }

 private:
  void Say(const std::string& text) { fmt::print(stderr, "{}: {}\n", who_, text); }
  void Fail(const std::string& name, const std::string& why) {
    ++failed_;
    Say("FAILED " + name + ": " + why);
  }

  Status Prepare() {
    // The key of a provider in our own environment is what must never get further.
    setenv("OPENAI_API_KEY", "canary-5f2d", 1);
    OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-hostile"));
    dir_.emplace(std::move(dir));
    OSE_ASSIGN(witness_, Witness::Create(dir_->path()));
    gate_.emplace(JoinPath(options_.programs, "osevolve-gate"), options_.include, dir_->path());
    OSE_TRY(PutUp(""));
    return {};
  }

  // Compiler and worker, without some walls.
  Status PutUp(const std::string& without) {
    worker_.reset();
    TakeOut(without);
    // Compilers are put to death soon here, so that a compiler bomb costs two seconds.
    OSE_ASSIGN(compiler_, Compiler::Create(options_.include, {.cpu_seconds = 2}));
    const std::string program = JoinPath(dir_->path(), std::string(kWorkerName) + "+" + without);
    std::string self(4096, 0);
    const ssize_t n = readlink("/proc/self/exe", self.data(), self.size());
    self.resize(n > 0 ? static_cast<size_t>(n) : 0);
    (void)unlink(program.c_str());
    if (symlink(self.c_str(), program.c_str()) != 0) return Error{74, "symlink"};
    worker_.emplace(program, std::vector<WorkerLoad>{{0, std::string(TortureWorkload()), std::string(TortureMachine())}});
    // A good policy first: it starts the helpers, whose processes are the ones that may be there.
    known_.clear();
    OSE_ASSIGN(GateResponse response, gate_->Check({.source = kBenign, .skeleton_of = {}}));
    Ended good = BehindTheGate(kBenign);
    if (!response.ok || good.outcome != "ok" || good.loot) return Error{1, "a harmless policy fails: " + good.reason};
    known_ = ChildrenOf(getpid());
    return {};
  }

  Ended BehindTheGate(const std::string& text) {
    auto normalized = NormalizedSource(text);
    auto object = compiler_->Compile(normalized.ok() ? *normalized : text, "case.cc");
    if (!object.ok()) return {Verdict::Where::kCompile, "", object.error().message};
    WorkerRun run{.object = object->path, .tunables = {}, .steps = {}, .limits = kLimits};
    run.steps.push_back({.slot = 0, .checked = true, .report = true, .seeds = {1}});
    auto reply = worker_->Run(run);
    if (!reply.ok()) return {Verdict::Where::kWorker, "internal", reply.error().message};
    if (reply->outcome == Outcome::kOk)
      if (std::string why = CheckReply(run, *reply, {{"events", Direction::kMaximize, 1}}, [](uint64_t) { return Metrics{{"events", 10'000.0}}; }); !why.empty())
        return {Verdict::Where::kWorker, "sandbox", why};
    Ended e{Verdict::Where::kWorker, OutcomeName(reply->outcome), reply->diagnosis};
    for (const WorkerSeed& s : reply->results) e.loot |= !s.counters.empty() && s.counters[0] != 0;
    return e;
  }

  // What is wrong with a reason that a person will read; "" when nothing is.
  static std::string BadReason(const std::string& reason) {
    if (reason.size() > kLongestReason) return fmt::format("a reason of {} bytes", reason.size());
    for (char c : reason)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return "control characters in the reason";
    return "";
  }

  static std::string Text(const Ended& e, const std::vector<std::string>& out) {
    std::string text = e.where == Verdict::Where::kCompile ? "compile" : "worker " + e.outcome;
    text += ": " + e.reason.substr(0, 300);
    if (e.loot) text += " [got what it was after]";
    for (const std::string& line : out) text += " [" + line + "]";
    return text;
  }

  static bool Matches(const Verdict& v, const Ended& e, const std::vector<std::string>& out) {
    const bool escaped = e.loot || !out.empty();
    if (v.where == Verdict::Where::kEscapes) return escaped;
    return !escaped && v.where == e.where && (v.where == Verdict::Where::kCompile || v.outcome == e.outcome) &&
           e.reason.find(v.text) != std::string::npos;
  }

  void Try(const Case& c, const std::string& variant) {
    const std::string name = c.name + (variant.empty() ? "" : "/" + variant);
    const std::string text = Expand(c, variant, witness_->canary(), witness_->port());
    ++trials_;
    auto response = gate_->Check({.source = text, .skeleton_of = {}});
    if (!response.ok()) return Fail(name, "the gate: " + response.error().message);
    const std::string verdict = response->ok ? "accepts" : response->Text("case.cc", 20);
    if (options_.verbose) Say(name + ": gate: " + verdict);
    const bool named = std::any_of(response->violations.begin(), response->violations.end(), [&](const GateViolation& v) { return v.rule == c.gate; });
    if (c.gate == "accepts" ? !response->ok : !named) return Fail(name, "the gate should say '" + c.gate + "': " + verdict);
    if (std::string bad = BadReason(verdict); !bad.empty()) return Fail(name, "the gate: " + bad);
    if (auto out = witness_->Take(known_); !out.empty()) return Fail(name, "in the gate: " + out[0]);
    by_gate_ += !response->ok;
    if (c.behind.empty()) return;

    ++trials_;
    const Ended e = BehindTheGate(text);
    const auto out = witness_->Take(known_);
    if (options_.verbose) Say(name + ": " + Text(e, out));
    if (!Matches(c.behind[0], e, out)) return Fail(name, Text(e, out));
    if (std::string bad = BadReason(e.reason); !bad.empty()) return Fail(name, bad);
    (e.where == Verdict::Where::kCompile ? by_compiler_ : by_worker_) += 1;
  }

  void TryWithout(const Case& c, const std::string& variant) {
    for (const Ablation& a : c.without) {
      std::string walls;
      for (const std::string& wall : a.walls) walls += (walls.empty() ? "" : "+") + wall;
      if (Status s = PutUp(walls); !s.ok()) return Fail(c.name, s.error().message);
      ++trials_;
      const Ended e = BehindTheGate(Expand(c, variant, witness_->canary(), witness_->port()));
      const auto out = witness_->Take(known_);
      if (!Matches(a.verdict, e, out)) return Fail(c.name, "without " + walls + ": " + Text(e, out));
      std::string then = a.verdict.where == Verdict::Where::kEscapes ? "gets out" + (out.empty() ? "" : ": " + out[0])
                         : e.where == Verdict::Where::kCompile       ? "caught by the compiler: " + FirstLines(e.reason, 1)
                                                                     : "caught by the worker: " + e.outcome + ", " + e.reason;
      fmt::print("| {} | gate, {} | {} |\n", c.name, walls, then);
    }
  }

  const Options& options_;
  const std::string who_;
  std::optional<TempDir> dir_;
  std::unique_ptr<Witness> witness_;
  std::unique_ptr<Compiler> compiler_;
  std::optional<GateClient> gate_;
  std::optional<WorkerClient> worker_;
  std::vector<pid_t> known_;
  int cases_ = 0, trials_ = 0, failed_ = 0, by_gate_ = 0, by_compiler_ = 0, by_worker_ = 0;
};

bool BecomeNobody() {
  constexpr uid_t kNobody = 65534;
  return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 && setresuid(kNobody, kNobody, kNobody) == 0;
}

int Main(int argc, char** argv) {
  Options o;
  std::vector<std::string> plain;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--walls") o.walls = true;
    else if (arg == "--verbose") o.verbose = true;
    else if (arg == "--only" && i + 1 < argc) o.only = argv[++i];
    else plain.push_back(arg);
  }
  if (plain.size() != 3) return fmt::print(stderr, "usage: hostile PROGRAMS INCLUDE CASES [--walls] [--only NAME] [--verbose]\n"), 2;
  o.programs = plain[0], o.include = plain[1], o.cases = plain[2];
  if (geteuid() != 0) return Runner(o, "a user").Run();

  // Each in a process of its own, so that neither takes the other's helpers for what a candidate left.
  // Walls are taken out for nobody only: what gets out must not be root's.
  bool good = true;
  std::vector<pid_t> runners;
  for (const bool root : {true, false}) {
    if (root && o.walls) continue;
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid > 0) {
      runners.push_back(pid);
      continue;
    }
    int code = 0;
    if (root)
      code = Runner(o, "root").Run();
    else if (!BecomeNobody())
      code = 1;
    else if (access(JoinPath(o.programs, "osevolve-gate").c_str(), X_OK) != 0 || access(o.cases.c_str(), R_OK | X_OK) != 0)
      fmt::print("nobody: skipped, cannot reach {}\n", o.programs);  // as in a home folder of root
    else
      code = Runner(o, "nobody").Run();
    fflush(nullptr);
    _exit(code);
  }
  for (pid_t pid : runners) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    good &= status == 0;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace ose::hostile

int main(int argc, char** argv) {
  const std::string name = ose::Basename(argv[0]);
  if (name.starts_with(ose::hostile::kWorkerName)) {
    ose::hostile::TakeOut(std::string_view(name).substr(strlen(ose::hostile::kWorkerName)));
    return ose::WorkerServer().Serve(STDIN_FILENO, STDOUT_FILENO);
  }
  return ose::hostile::Main(argc, argv);
}
