// osevolve record, osevolve import: a workload from what a real program did, with a note of how
// faithful its replay is.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "calibrate/quiet.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "core/exit_code.h"
#include "report/rows.h"
#include "report/table.h"
#include "workload/recorder.h"
#include "workload/trace_import.h"

namespace ose {
namespace {

using nlohmann::json;

struct RecordFlags {
  RecordOptions record;
  ImportOptions import;
  std::string out, trace, machine = "vm-2cpu";
  double seconds = 0;
  bool force = false;
};

struct Fidelity {
  struct Line {
    const char* name;
    const char* unit;
    double recorded, replayed;
    double DiffPct() const { return recorded != 0 ? 100 * (replayed / recorded - 1) : replayed == 0 ? 0 : 100; }
  };
  std::vector<Line> lines;
  std::string failure;  // why there is none
};

// Replays under EEVDF, which is what the recorded kernel most likely ran.
Result<Fidelity> Replay(const Context& context, const std::string& path) {
  OSE_ASSIGN(Problem problem, LoadProblem(context, {.workload = path, .machine = "", .cpus = 0}));
  OSE_ASSIGN(NamedSource eevdf, LoadPolicy(context, "", "eevdf"));
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, 1));
  Evaluation e = evaluator->Evaluate({.source = eevdf.source, .file = "eevdf.cc", .seeds = MakeSeeds(SeedFamily::kSearch, 1, 3), .skeleton_of = {}});
  Fidelity f;
  if (e.outcome != Outcome::kOk) {
    f.failure = e.diagnosis;
    return f;
  }
  const Recorded& r = problem.workload.recorded;
  auto add = [&](const char* name, const char* unit, double recorded, const char* metric) {
    if (auto i = MetricInterval(e, metric)) f.lines.push_back({name, unit, recorded, i->mean});
  };
  add("span", "us", r.span_us, "span");
  add("CPU time", "us", r.cpu_us, "cpu_time");
  add("runs", "", static_cast<double>(r.runs), "runs");
  add("sleeps", "", static_cast<double>(r.sleeps), "sleeps");
  return f;
}

std::string FidelityText(const Fidelity& f) {
  if (!f.failure.empty()) return "replay under eevdf failed: " + f.failure;
  std::string out = "replay under eevdf:";
  for (const Fidelity::Line& l : f.lines) out += fmt::format("{} {} {:+.1f}%", l.name == f.lines[0].name ? "" : ",", l.name, l.DiffPct());
  return out;
}

Status Save(const RecordFlags& flags, const CommonFlags& common, Workload workload, const TraceTotals& totals,
            const std::vector<std::string>& notes, json extra) {
  OSE_ASSIGN(Context context, Context::Find());
  workload.machine = flags.machine;
  OSE_TRY(WriteFileAtomic(flags.out, FormatWorkload(workload)));
  OSE_ASSIGN(Fidelity fidelity, Replay(context, flags.out));
  std::string text = FidelityText(fidelity);
  for (const std::string& n : notes) workload.recorded.note += (workload.recorded.note.empty() ? "" : "; ") + n;
  workload.recorded.note += (workload.recorded.note.empty() ? "" : "; ") + text;
  OSE_TRY(WriteFileAtomic(flags.out, FormatWorkload(workload)));
  json lines = json::array();
  for (const Fidelity::Line& l : fidelity.lines)
    lines.push_back({{"what", l.name}, {"recorded", l.recorded}, {"replayed", l.replayed}, {"diff_pct", l.DiffPct()}});
  if (common.json) {
    json j = {{"file", flags.out}, {"tasks", totals.tasks}, {"span_us", totals.span.us()}, {"cpu_us", totals.work.us()}, {"runs", totals.runs}, {"sleeps", totals.sleeps}, {"wakeups", totals.wakeups}, {"wake_edges", totals.signals}, {"lost_events", totals.lost_events}, {"notes", notes}, {"replay", {{"policy", "eevdf"}, {"lines", lines}, {"failure", fidelity.failure}}}};
    j.update(extra);
    PrintJson(j);
    return {};
  }
  fmt::print("{}: {} tasks, {:.3f} s, {:.3f} s of CPU time, {} runs, {} sleeps, {} wake-ups ({} between tasks), {} lost events\n", flags.out,
             totals.tasks, totals.span.s(), totals.work.s(), totals.runs, totals.sleeps, totals.wakeups, totals.signals, totals.lost_events);
  for (const std::string& n : notes) fmt::print("note: {}\n", Printable(n));
  if (!fidelity.failure.empty()) fmt::print("{}\n", Printable(text));
  std::vector<std::vector<std::string>> table = {{"replay under eevdf", "recorded", "replayed", "difference"}};
  for (const Fidelity::Line& l : fidelity.lines)
    table.push_back({fmt::format("{}{}", l.name, *l.unit ? fmt::format(" [{}]", l.unit) : ""), fmt::format("{:.0f}", l.recorded), fmt::format("{:.0f}", l.replayed), fmt::format("{:+.2f}%", l.DiffPct())});
  if (!fidelity.lines.empty()) fmt::print("{}", FormatTable(table));
  fmt::print("next: osevolve evolve {}\n", flags.out);
  return {};
}

Status CheckOut(const RecordFlags& flags) {
  if (FileExists(flags.out) && !flags.force)
    return Error{kExitUsage, flags.out + " exists; choose another name with -o or overwrite it with --force"};
  return {};
}

// What the machine profile charges for switches and wake-ups is not recorded as the program's.
Status TakeCosts(const RecordFlags& flags, Nanos* context_switch, Nanos* wakeup) {
  OSE_ASSIGN(Context context, Context::Find());
  const std::string path = flags.machine.find('/') == std::string::npos ? context.root + "/machines/" + flags.machine + ".toml" : flags.machine;
  OSE_ASSIGN(Machine m, LoadMachine(path));
  *context_switch = m.context_switch;
  *wakeup = m.wakeup;
  return {};
}

// CPU time that the whole machine has spent working, from /proc/stat; 0 where there is none.
Nanos MachineBusy() {
  return Nanos{ReadCpuTimes().busy * (1'000'000'000 / sysconf(_SC_CLK_TCK))};
}

Nanos OwnCpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Nanos::Seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Nanos::Micros(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

Status RunRecord(RecordFlags flags, const CommonFlags& common) {
  if (flags.record.argv.empty() && flags.record.pid == 0)
    return Error{kExitUsage, "record what? osevolve record -o my.toml -- COMMAND ARG..., or --pid PID"};
  OSE_TRY(CheckOut(flags));
  OSE_TRY(TakeCosts(flags, &flags.record.context_switch, &flags.record.wakeup));
  flags.record.limit = {static_cast<int64_t>(flags.seconds * 1e9)};
  if (flags.record.name.empty()) flags.record.name = Stem(flags.out);
  const Nanos busy_before = MachineBusy() - OwnCpu();
  OSE_ASSIGN(RecordResult r, Record(flags.record));
  // What others used of the machine is no part of the workload, but the program waited for it.
  const double others = (MachineBusy() - OwnCpu() - busy_before - r.totals.cpu).s(), capacity = r.totals.span.s() * r.workload.cpus;
  if (others > 0.15 * capacity)
    r.notes.push_back(fmt::format("other programs used {:.0f}% of the machine meanwhile: the recorded span includes waiting for them, its replay "
                                  "does not; record on a quiet machine",
                                  100 * others / capacity));
  OSE_TRY(Save(flags, common, std::move(r.workload), r.totals, r.notes,
               {{"exit_status", r.exit_status}, {"interrupted", r.interrupted}, {"events", r.events}}));
  if (r.exit_status > 0) PrintNote(fmt::format("the command ended with exit status {}", r.exit_status), common);
  return {};
}

Status RunImport(RecordFlags flags, const CommonFlags& common) {
  OSE_TRY(CheckOut(flags));
  OSE_TRY(TakeCosts(flags, &flags.import.context_switch, &flags.import.wakeup));
  if (flags.import.name.empty()) flags.import.name = Stem(flags.out);
  OSE_ASSIGN(TraceResult r, ImportTrace(flags.trace, flags.import));
  return Save(flags, common, std::move(r.workload), r.totals, r.notes, json::object());
}

void AddOut(CLI::App* sub, RecordFlags& flags) {
  sub->add_option("-o,--out", flags.out, "workload file to write")->required();
  sub->add_flag("--force", flags.force, "overwrite it");
  sub->add_option("-m,--machine", flags.machine, "machine profile of the replay; its switching costs are taken off the recorded times")->capture_default_str();
}

}  // namespace

void RegisterRecord(CLI::App& app, Command& command) {
  auto flags = std::make_shared<RecordFlags>();
  CLI::App* record = app.add_subcommand("record", "Record what a real program does as a workload (needs root).");
  record->add_option("command", flags->record.argv, "the command and its arguments, after --");
  record->add_option("--pid", flags->record.pid, "a running process instead")->check(CLI::PositiveNumber);
  record->add_option("-t,--time", flags->seconds, "stop after this many seconds")->check(CLI::Range(0.01, 86400.0));
  record->add_option("--buffer-kb", flags->record.buffer_kb, "trace buffer of each CPU; default: 32 MB")->check(CLI::Range(64, 4 << 20));
  AddOut(record, *flags);
  AddCommonFlags(*record, command);
  record->footer("Example:  osevolve record -o my.toml -- sysbench threads --threads=8 --time=5 run");
  record->callback([flags, &command] { command.run = [flags, &command] { return RunRecord(*flags, command.flags); }; });

  auto imported = std::make_shared<RecordFlags>();
  CLI::App* import = app.add_subcommand("import", "Make a workload from the text of perf sched, perf script, trace-cmd or ftrace.");
  import->add_option("trace", imported->trace, "the trace as text")->required();
  import->add_option("--pid", imported->import.pids, "follow these threads and what they start");
  import->add_option("--comm", imported->import.comms, "follow the threads of these names");
  AddOut(import, *imported);
  AddCommonFlags(*import, command);
  import->footer("Example:  perf script > t.txt; osevolve import t.txt -o my.toml --comm sysbench");
  import->callback([imported, &command] { command.run = [imported, &command] { return RunImport(*imported, command.flags); }; });
}

}  // namespace ose
