#include "cluster/slurm_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/subprocess.h"
#include "base/utf8.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr Nanos kCommandLimit = Nanos::Seconds(120);

std::string Quoted(const std::string& text) {  // for a shell
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

std::map<std::string, BatchTaskState> ParseSqueue(const std::string& text) {
  // "JOB STATE CODES" of squeue(1), those in which a task may still run or run again.
  constexpr std::string_view kAlive[] = {"PENDING", "RUNNING", "CONFIGURING", "SUSPENDED", "RESIZING", "REQUEUED", "REQUEUE_FED",
                                         "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT", "SIGNALING", "STOPPED", "STAGE_OUT"};
  // "JOB REASON CODES" that only a change of the job or of the cluster's limits ends.
  constexpr std::string_view kNever[] = {"PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS"};
  std::map<std::string, BatchTaskState> tasks;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::array<std::string, 4> field;
    size_t begin = at;
    for (size_t i = 0; i < field.size() && begin <= end; ++i) {
      const size_t bar = i + 1 < field.size() ? std::min(text.find('|', begin), end) : end;
      field[i] = text.substr(begin, bar - begin);
      begin = bar + 1;
    }
    at = end + 1;
    const auto& [id, state, node, reason] = field;
    if (id.empty() || state.empty()) continue;
    BatchTaskState& task = tasks[id];
    task.state = OneLine(node.empty() ? state : state + " on " + node, 200);
    task.over = std::find(std::begin(kAlive), std::end(kAlive), state) == std::end(kAlive);
    task.running = state == "RUNNING";
    task.failed = task.over && state != "COMPLETED" && state != "COMPLETING";
    if (state == "PENDING" && std::find(std::begin(kNever), std::end(kNever), reason) != std::end(kNever)) task.never = reason;
  }
  return tasks;
}

Error SbatchError(const SlurmOptions& options, const std::string& words) {
  const std::string said = OneLine(words, 300);
  // Slurm's src/common/slurm_errno.c.
  if (Has(words, "nvalid partition"))
    return {kExitNoCluster, options.partition.empty() ? "this cluster has no default partition; name one: --slurm-partition NAME (list them: sinfo)"
                                                      : fmt::format("--slurm-partition {}: this cluster has no such partition (list them: sinfo)", options.partition)};
  if (Has(words, "time limit is invalid") || Has(words, "PartitionTimeLimit"))
    return {kExitNoCluster, fmt::format("--slurm-time {}: longer than the partition allows (its limit: sinfo -o '%P %l')", options.minutes)};
  if (Has(words, "account or account/partition") || Has(words, "nvalid account"))
    return {kExitNoCluster, "Slurm wants an account that may use this partition; set SBATCH_ACCOUNT (" + said + ")"};
  if (Has(words, "job array specification"))
    return {kExitNoCluster, "this cluster takes no arrays of 1000 tasks (MaxArraySize); evaluate more at a time: --slurm-batch"};
  if (Has(words, "ccess/permission denied") || Has(words, "not permitted") || Has(words, "nvalid qos") || Has(words, "node configuration is not available"))
    return {kExitNoCluster, "Slurm refuses the job: " + said};
  return {kExitIo, "sbatch: " + said};
}

Status SlurmQueue::Check(const SlurmOptions& options) {
  for (const char* program : {"sbatch", "squeue", "scancel"})
    if (FindExecutable(program).empty())
      return Error{kExitNoCluster, fmt::format("there is no {} in PATH; run this where Slurm's commands are (apt-get install slurm-client), or without --executor slurm", program)};
  const SlurmQueue queue(options);
  std::vector<std::string> argv = queue.Sbatch();
  argv.insert(argv.begin() + 1, "--test-only");
  auto tested = queue.Run(std::move(argv), "#!/bin/sh\n", Nanos::Seconds(30));
  if (tested.ok()) return {};
  Error error = SbatchError(options, tested.error().message);
  if (error.code != kExitNoCluster) error = {kExitNoCluster, "Slurm does not take jobs now: " + error.message + "; ask it with: sinfo"};
  return error;
}

std::vector<std::string> SlurmQueue::Sbatch() const {
  // What it does again is decided by ClusterEvaluator, so Slurm shall not, too.
  std::vector<std::string> argv = {"sbatch", "--parsable", "--export=ALL", "--no-requeue", "--ntasks=1", "--chdir=/", "--job-name=" + options_.job_name};
  if (!options_.partition.empty()) argv.push_back("--partition=" + options_.partition);
  if (options_.minutes > 0) argv.push_back(fmt::format("--time={}", options_.minutes));
  return argv;
}

Result<std::string> SlurmQueue::Run(std::vector<std::string> argv, const std::string& input, Nanos limit) const {
  const std::string name = argv[0];
  CommandOptions command;
  command.argv = std::move(argv);
  command.env = options_.env;
  command.stdin_data = input;
  command.wall_limit = limit;
  OSE_ASSIGN(CommandResult result, RunCommand(command));
  if (result.timed_out) return Error{kExitIo, fmt::format("{} did not answer in {:.0f} s", name, limit.s())};
  if (!result.exit.ok()) return Error{kExitIo, result.err.empty() ? name + " failed" : result.err};
  return result.out;
}

Result<std::string> SlurmQueue::Start(const std::string& batch_dir, int tasks) {
  std::vector<std::string> argv = Sbatch();
  argv.push_back(fmt::format("--array=0-{}", tasks - 1));
  std::string out = batch_dir + "/";
  for (size_t at = 0; (at = out.find('%', at)) != std::string::npos; at += 2) out.insert(at, "%");
  argv.push_back("--output=" + out + "%a.out");
  const std::string script = fmt::format("#!/bin/sh\nexec {} eval-batch {} \"$SLURM_ARRAY_TASK_ID\"\n", Quoted(options_.program), Quoted(batch_dir));
  auto said = Run(std::move(argv), script, kCommandLimit);
  if (!said.ok()) return SbatchError(options_, said.error().message);
  std::string id = said->substr(0, said->find_first_of(";\n"));  // ID[;CLUSTER]
  if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos) return Error{kExitIo, "sbatch said: " + OneLine(*said, 100)};
  return id;
}

Result<std::map<std::string, BatchTaskState>> SlurmQueue::Tasks() {
  OSE_ASSIGN(std::string text, Run({"squeue", "--noheader", "--array", "--states=all", "--name=" + options_.job_name, "--format=%i|%T|%N|%r"}, "", kCommandLimit));
  return ParseSqueue(text);
}

void SlurmQueue::Cancel(const std::string& task) { (void)Run({"scancel", "--quiet", task}, "", kCommandLimit); }

void SlurmQueue::CancelWhenReleased(const std::string& lock) const {
  // flock(1) in a session of its own gets the lock when this process is gone. The shell waits until it is there, since
  // what a command leaves in its own session ends with it.
  constexpr char kScript[] =
      "rm -f \"$1.watch\"\n"
      "setsid -f sh -c 'echo $$ >\"$1.watch\"; exec flock \"$1\" scancel --quiet --name=\"$2\"' sh \"$1\" \"$2\"\n"
      "until [ -s \"$1.watch\" ]; do sleep 0.02; done\n";
  CommandOptions command;
  command.argv = {"sh", "-c", kScript, "sh", lock, options_.job_name};
  command.env = options_.env;
  command.stdout_to = command.stderr_to = ChildOutput::kDiscard;
  command.wall_limit = Nanos::Seconds(10);
  (void)RunCommand(command);  // without it, the jobs of a killed process run to their end
}

void SlurmQueue::CancelAll() { (void)Run({"scancel", "--quiet", "--name=" + options_.job_name}, "", kCommandLimit); }

}  // namespace ose
