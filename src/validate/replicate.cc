#include "validate/replicate.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

#include "core/exit_code.h"
#include "core/policy_source.h"
#include "core/worker_protocol.h"
#include "eval/clients.h"
#include "eval/compiler.h"

namespace ose {
namespace {

// Runs of the ladder are longer than a candidate's.
constexpr WorkerLimits kLimits{.cpu_ms = 300'000, .wall_ms = 900'000, .memory_mb = 2048};

struct Policy {
  std::string object;
  Tunables defaults;
};

class Pool {
 public:
  Pool(const std::vector<ReplicationPlan>& plans, const ReplicateOptions& options) : plans_(plans), options_(options) {
    for (size_t p = 0; p < plans.size(); ++p) {
      results_.emplace_back(plans[p].seeds.size());
      for (size_t s = 0; s < plans[p].seeds.size(); ++s) tasks_.push_back({p, s});
    }
  }

  Result<std::vector<std::vector<Replication>>> Run() {
    OSE_ASSIGN(auto compiler, Compiler::Create(options_.include_dir));
    for (const ReplicationPlan& plan : plans_)
      for (const SimRun& run : plan.runs) OSE_TRY(Compile(*compiler, run.policy));
    std::vector<std::thread> threads;
    for (int i = 0; i < std::max(1, options_.jobs); ++i) threads.emplace_back([this] { ThreadMain(); });
    for (std::thread& t : threads) t.join();
    if (failure_) return *failure_;
    return std::move(results_);
  }

 private:
  struct Task {
    size_t plan, seed;
  };

  Status Compile(Compiler& compiler, const std::string& name) {
    if (policies_.contains(name)) return {};
    auto source = options_.policies.find(name);
    if (source == options_.policies.end()) return Error{kExitNotFound, "no policy '" + name + "' (list them: osevolve policies)"};
    Policy policy;
    OSE_ASSIGN(std::string normalized, NormalizedSource(source->second));
    OSE_ASSIGN(policy.defaults, DefaultTunables(source->second));
    OSE_ASSIGN(CompiledPolicy compiled, compiler.Compile(normalized, name + ".cc"));
    policy.object = compiled.path;
    policies_.emplace(name, std::move(policy));
    return {};
  }

  void ThreadMain() {
    std::optional<WorkerClient> client;
    size_t loaded = plans_.size();  // the plan whose workloads the client has
    for (;;) {
      Task task;
      {
        std::lock_guard lock(mutex_);
        if (failure_ || next_ == tasks_.size()) return;
        if (options_.stop && *options_.stop) {
          failure_ = Error{kExitInterrupted, "interrupted"};
          return;
        }
        task = tasks_[next_++];
        options_.progress(fmt::format("{} of {} runs: {}", next_, tasks_.size(), plans_[task.plan].name));
      }
      const ReplicationPlan& plan = plans_[task.plan];
      if (loaded != task.plan) {
        std::vector<WorkerLoad> slots;
        for (const SimRun& run : plan.runs)
          slots.push_back({static_cast<int>(slots.size()), FormatWorkload(run.workload), FormatMachine(run.machine)});
        client.emplace(options_.program_dir + "/osevolve-worker", std::move(slots));
        loaded = task.plan;
      }
      Result<Replication> made = Make(plan, plan.seeds[task.seed], *client);
      std::lock_guard lock(mutex_);
      if (!made.ok()) {
        if (!failure_) failure_ = Error{made.error().code, plan.name + ": " + made.error().message};
        return;
      }
      results_[task.plan][task.seed] = std::move(*made);
    }
  }

  Result<Replication> Make(const ReplicationPlan& plan, uint64_t seed, WorkerClient& client) const {
    Replication out{seed, {}};
    for (size_t i = 0; i < plan.runs.size(); ++i) {
      const SimRun& run = plan.runs[i];
      const Policy& policy = policies_.at(run.policy);
      WorkerRun request{.object = policy.object, .tunables = policy.defaults, .steps = {}, .limits = kLimits};
      for (auto& [name, value] : run.tunables) request.tunables[name] = value;
      request.steps.push_back({.slot = static_cast<int>(i), .checked = false, .report = true, .seeds = {seed}});
      OSE_ASSIGN(WorkerReply reply, client.Run(request));
      if (reply.outcome != Outcome::kOk) return Error{OutcomeExitCode(reply.outcome), run.policy + ": " + reply.diagnosis};
      if (reply.results.size() != 1) return Error{kExitInternal, "the worker left out a seed"};
      out.runs.push_back(std::move(reply.results[0].metrics));
    }
    return out;
  }

  const std::vector<ReplicationPlan>& plans_;
  const ReplicateOptions& options_;
  std::map<std::string, Policy> policies_;

  std::mutex mutex_;  // guards all below
  std::vector<Task> tasks_;
  size_t next_ = 0;
  std::vector<std::vector<Replication>> results_;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::vector<std::vector<Replication>>> Replicate(const std::vector<ReplicationPlan>& plans, const ReplicateOptions& options) {
  return Pool(plans, options).Run();
}

}  // namespace ose
