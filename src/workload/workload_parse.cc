#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/edit_distance.h"
#include "base/file.h"
#include "core/exit_code.h"
#include "core/metrics.h"
#include "workload/alone.h"
#include "workload/dist_toml.h"
#include "workload/rtapp.h"
#include "workload/script.h"
#include "workload/toml_reader.h"
#include "workload/workload.h"
#include "workload/workload_check.h"

namespace ose {

namespace {

constexpr int kMaxSeeds = 100'000;
constexpr int64_t kMaxNames = kMaxTasks;  // of a kind: a recording has at most one semaphore for each task
constexpr double kMaxRate = 1e9;  // arrivals per second: one a nanosecond
constexpr double kMaxLoad = 10, kMaxStateLoad = 1000;
constexpr double kMaxBatch = 1e6;
constexpr size_t kMaxStates = 1000;
constexpr Nanos kShortestState{1000};

// Names of one kind of object. Declared ones are all there is; without a declaration a name comes
// into being where it is first used.
struct Names {
  std::vector<std::string> list;
  std::unordered_map<std::string, uint32_t> index;
  bool declared = false;

  bool Add(const std::string& name) {
    if (!index.emplace(name, static_cast<uint32_t>(list.size())).second) return false;
    list.push_back(name);
    return true;
  }
};

// Sorts like Dist's operator==, as a key to find equal ones.
std::string DistKey(const Dist& d) {
  std::string key = fmt::format("{} {} {}", static_cast<int>(d.kind), d.a, d.b);
  for (size_t i = 0; i < d.value.size(); ++i) key += fmt::format(" {}:{}", d.value[i], d.weight[i]);
  return key;
}

class Parser : private WorkloadPlaces {
 public:
  Parser(TomlDoc doc, const std::string& file, std::unordered_map<int, std::string_view> scripts)
      : doc_(std::move(doc)), root_(doc_.root()), file_(file), scripts_(std::move(scripts)) {}

  Result<Workload> Run() {
    ParseTop();
    ParseDeclarations();
    ParseGroups();
    ParseObjectives();
    ParseReal();
    ParseRecorded();
    root_.Finish();
    OSE_TRY(doc_.status());
    Resolve();
    OSE_TRY(CheckWorkload(w_, *this));
    return std::move(w_);
  }

  // After Run(), of the workload that it returned.
  int LineOf(const Workload& w, const std::string& group, size_t op) const {
    for (size_t g = 0; g < w.groups.size(); ++g)
      if (w.groups[g].name == group && op < w.groups[g].program.size()) return Operation(g, op);
    return 0;
  }

 private:
  // Where the lines of a group's operations come from: a table each, or a script.
  struct ProgramPlace {
    std::vector<int> lines;
    std::string own_text;     // of a script that was not lifted out
    std::string_view script;  // into own_text or the file's text
    int script_line = 0;
  };

  std::string File() const override { return file_; }
  int Top(const char* key) const override { return LineOfAny(root_, key); }
  int Group(size_t g, const char* key) const override { return LineOfAny(groups_[g], key); }
  int Operation(size_t g, size_t op) const override {
    const ProgramPlace& place = programs_[g];
    if (op < place.lines.size()) return place.lines[op];
    return place.script_line + ScriptLine(place.script, op);
  }
  int Objective(size_t i) const override { return objectives_.empty() ? 1 : objectives_[i].LineOf("metric"); }
  int Barrier(size_t b) const override { return b < barriers_.size() ? barriers_[b].line() : 1; }

  // Line of a key or, for a duration, of the key with its unit.
  static int LineOfAny(const TomlTable& table, const std::string& key) {
    for (const char* unit : {"_s", "_ms", "_us", "_ns"})
      if (int line = table.LineOf(key + unit); line != table.line()) return line;
    return table.LineOf(key);
  }

  void ParseTop();
  void ParseDeclarations();
  void ParseNames(const char* key, const char* stem, Names* names);
  void ParseGroups();
  void ParseGroup(TomlTable& t, struct Group* group, ProgramPlace* place);
  void ParseArrivals(TomlTable t, Arrivals* arrivals);
  void ParseScriptText(TomlTable& t, std::vector<Op>* program, ProgramPlace* place);
  void ParseProgram(const TomlValue& array, std::vector<Op>* program, std::vector<int>* lines);
  void ParseOp(TomlTable& t, std::vector<Op>* program, std::vector<int>* lines);
  void ParseObjectives();
  void ParseReal();
  void ParseRecorded();
  void Resolve();
  uint32_t Use(Names* names, TomlTable& t, const char* key, const char* what, const char* declare);
  uint32_t UseName(Names* names, TomlTable& t, const char* key, const std::string& name, const char* what, const char* declare);
  uint32_t DistIndex(Dist dist);

  TomlDoc doc_;
  TomlTable root_;
  std::string file_;
  std::unordered_map<int, std::string_view> scripts_;  // lifted out, by line
  Workload w_;
  Names locks_, semaphores_, conditions_, barrier_names_, queue_names_, timer_names_, group_names_;
  std::unordered_map<std::string, uint32_t> dist_index_;
  std::vector<TomlTable> groups_, objectives_, barriers_;
  std::vector<ProgramPlace> programs_;
  bool has_end_ = false;
};

void Parser::ParseTop() {
  int format = kWorkloadFormat;
  root_.Require("format");
  if (root_.Int("format", &format, 1, INT32_MAX) && format > kWorkloadFormat)
    root_.Fail("format",
               fmt::format("the file has format {}, this OS-Evolve reads formats up to {}; use a newer "
                           "OS-Evolve",
                           format, kWorkloadFormat));
  w_.name = Stem(file_);
  root_.String("name", &w_.name);
  root_.String("description", &w_.description);
  root_.String("machine", &w_.machine);
  root_.Int("cpus", &w_.cpus, 1, kMaxCpus);
  root_.Duration("horizon", &w_.horizon, {1});
  root_.Duration("warmup", &w_.warmup);
  int end = 0;
  has_end_ = root_.Choice("end", {"completion", "horizon"}, &end);
  w_.run_to_completion = end == 0;
  if (auto seeds = root_.Table("seeds")) {
    seeds->Int("search", &w_.search_seeds, 1, kMaxSeeds);
    seeds->Int("select", &w_.select_seeds, 1, kMaxSeeds);
    seeds->Int("final", &w_.final_seeds, 1, kMaxSeeds);
    seeds->Finish();
  }
}

// locks = ["a", "b"] or, for scripts, locks = 2, which names them lock0 and lock1.
void Parser::ParseNames(const char* key, const char* stem, Names* names) {
  auto value = root_.Value(key);
  if (!value) return;
  names->declared = true;
  std::vector<std::string> list;
  if (value->IsArray()) {
    root_.Strings(key, &list);
  } else {
    int64_t n = 0;
    root_.Int(key, &n, 0, kMaxNames);
    for (int64_t i = 0; i < n; ++i) list.push_back(stem + std::to_string(i));
  }
  for (const std::string& name : list)
    if (!names->Add(name)) root_.Fail(key, fmt::format("'{}' names '{}' twice; remove one", key, name));
}

void Parser::ParseDeclarations() {
  ParseNames("locks", "lock", &locks_);
  root_.Bool("lock_handover", &w_.lock_handover);
  ParseNames("semaphores", "sem", &semaphores_);
  ParseNames("conditions", "cond", &conditions_);
  barriers_ = root_.Tables("barrier");
  for (TomlTable& t : barriers_) {
    struct Barrier barrier;
    t.Require("name");
    t.String("name", &barrier.name);
    t.Int("parties", &barrier.parties, 0, kMaxTasks);
    t.Finish();
    if (!barrier_names_.Add(barrier.name))
      t.Fail("name", fmt::format("barrier '{}' is there twice; remove one", barrier.name));
    w_.barriers.push_back(barrier);
  }
  barrier_names_.declared = !barriers_.empty();
  std::vector<TomlTable> queues = root_.Tables("queue");
  for (TomlTable& t : queues) {
    Queue queue;
    t.Require("name");
    t.String("name", &queue.name);
    t.Int("capacity", &queue.capacity, 0, kMaxCount);
    t.Finish();
    if (!queue_names_.Add(queue.name))
      t.Fail("name", fmt::format("queue '{}' is there twice; remove one", queue.name));
    w_.queues.push_back(queue);
  }
  queue_names_.declared = !queues.empty();
  std::vector<TomlTable> timers = root_.Tables("timer");
  for (TomlTable& t : timers) {
    Timer timer;
    t.Require("name");
    t.String("name", &timer.name);
    t.Bool("shared", &timer.shared);
    t.Bool("absolute", &timer.absolute);
    t.Finish();
    if (!timer_names_.Add(timer.name))
      t.Fail("name", fmt::format("timer '{}' is there twice; remove one", timer.name));
    w_.timers.push_back(timer);
  }
  timer_names_.declared = !timers.empty();
}

void Parser::ParseGroups() {
  groups_ = root_.Tables("group");
  w_.groups.resize(groups_.size());
  programs_.resize(groups_.size());
  // All names first: a program may fork a group that comes later.
  group_names_.declared = true;
  for (size_t g = 0; g < groups_.size(); ++g) {
    groups_[g].Require("name");
    groups_[g].String("name", &w_.groups[g].name);
    if (!group_names_.Add(w_.groups[g].name))
      groups_[g].Fail("name", fmt::format("group '{}' is there twice; give each [[group]] a name of its own",
                                          w_.groups[g].name));
  }
  for (size_t g = 0; g < groups_.size(); ++g) ParseGroup(groups_[g], &w_.groups[g], &programs_[g]);
}

void Parser::ParseGroup(TomlTable& t, struct Group* group, ProgramPlace* place) {
  t.Int("count", &group->count, 1, kMaxTasks);
  t.Int("weight", &group->weight, 1, 10'000);
  if (int nice = 0; t.Int("nice", &nice, -20, 19)) {
    if (t.Has("weight")) t.Fail("nice", "both 'weight' and 'nice' are given; keep one of them");
    group->weight = NiceToWeight(nice);
  }
  if (t.Ints("affinity", &group->affinity, 0, kMaxCpus - 1)) {
    if (group->affinity.empty())
      t.Fail("affinity", "'affinity' is empty; name a CPU, or remove it to allow all");
    std::sort(group->affinity.begin(), group->affinity.end());
  }
  t.Int("working_set_kb", &group->working_set_kb, 0, 1'000'000'000);
  if (auto hint = t.Value("hint"); hint && !hint->IsNumber()) {
    int work;
    group->hint_is_work = t.Choice("hint", {"work"}, &work);
  } else {
    t.Int("hint", &group->hint, 0, UINT32_MAX);
  }
  t.Bool("repeat", &group->repeat);
  t.Bool("forked", &group->forked);
  t.Bool("measured", &group->measured);
  int64_t unit = 1;
  if (auto start = t.DurationValue("start", &unit)) {
    group->has_start = true;
    ParseDist(*start, "'start'", unit, &group->start);
  }
  if (auto arrivals = t.Table("arrivals")) ParseArrivals(std::move(*arrivals), &group->arrivals);

  auto program = t.Value("program");
  bool script = t.Has("script");
  if (program && script) t.Fail("script", "both 'program' and 'script' are given; keep one of them");
  if (script)
    ParseScriptText(t, &group->program, place);
  else if (program)
    ParseProgram(*program, &group->program, &place->lines);

  bool marked = std::any_of(group->program.begin(), group->program.end(), [](const Op& op) {
    return op.kind == OpKind::kBegin || op.kind == OpKind::kEnd;
  });
  int event = static_cast<int>(marked ? EventKind::kMarked : EventKind::kIteration);
  t.Choice("event", {"none", "marked", "iteration"}, &event);
  group->event = static_cast<EventKind>(event);
  t.Finish();
}

void Parser::ParseArrivals(TomlTable t, Arrivals* arrivals) {
  int given = 0;
  auto read = [&](const char* key, Arrivals::Kind kind, double* out, double max) {
    if (!t.Has(key)) return;
    ++given;
    arrivals->kind = kind;
    t.Double(key, out, kTomlTiny, max);
  };
  read("poisson_per_s", Arrivals::Kind::kPoisson, &arrivals->rate_per_s, kMaxRate);
  read("poisson_load", Arrivals::Kind::kPoisson, &arrivals->load, kMaxLoad);
  read("periodic_per_s", Arrivals::Kind::kPeriodic, &arrivals->rate_per_s, kMaxRate);
  read("periodic_load", Arrivals::Kind::kPeriodic, &arrivals->load, kMaxLoad);
  auto states = [&](const char* key, const char* lasts, Arrivals::Kind kind) {
    auto value = t.Value(key);
    if (!value) return;
    ++given;
    arrivals->kind = kind;
    const std::vector<TomlValue> items = value->Items();
    bool any = false, loads = false, rates = false;
    for (const TomlValue& item : items) {
      auto state = item.Table(fmt::format("a state of '{}'", key));
      if (!state) break;
      Arrivals::State s;
      Nanos time{0};
      rates |= state->Double("per_s", &s.rate_per_s, 0, kMaxRate);
      loads |= state->Double("load", &s.load, 0, kMaxStateLoad);
      if (state->Has("per_s") == state->Has("load")) state->Fail("", fmt::format("a state of '{}' needs one of 'per_s' and 'load'", key));
      if (!state->Duration(lasts, &time, kShortestState))
        state->Fail("", fmt::format("a state of '{0}' needs how long it lasts, at least 1 us; add {1}_ms = 100", key, lasts));
      s.ns = time.v;
      any |= s.rate_per_s > 0 || s.load > 0;
      state->Finish();
      arrivals->states.push_back(s);
    }
    if (arrivals->states.size() != items.size() || items.empty() || items.size() > kMaxStates || !any || (loads && rates))
      t.Fail(key, fmt::format("'{0}' has no usable states; give 1 to {2}, all with 'load' or all with 'per_s', one above 0: "
                              "{0} = [ {{ load = 0.3, {1}_ms = 90 }}, {{ load = 2, {1}_ms = 10 }} ]",
                              key, lasts, kMaxStates));
  };
  states("mmpp", "mean", Arrivals::Kind::kMmpp);
  states("phases", "for", Arrivals::Kind::kPhases);
  if (auto batch = t.Value("batch")) {
    if (batch->IsTable()) {
      if (auto table = batch->Table("'batch'")) {
        table->Require("geometric");
        table->Double("geometric", &arrivals->batch, 1, kMaxBatch);
        table->Finish();
      }
      arrivals->batch_geometric = arrivals->batch > 1;
    } else if (int64_t n = 1; t.Int("batch", &n, 1, static_cast<int64_t>(kMaxBatch))) {
      arrivals->batch = static_cast<double>(n);
    }
    if (arrivals->kind == Arrivals::Kind::kPeriodic)
      t.Fail("batch", "periodic arrivals come one by one; remove 'batch' or use poisson");
  }
  t.Finish();
  if (given != 1)
    t.Fail("", fmt::format(
                   "'arrivals' has {} processes; give one of poisson_per_s, poisson_load, periodic_per_s, "
                   "periodic_load, mmpp, phases",
                   given));
}

void Parser::ParseScriptText(TomlTable& t, std::vector<Op>* program, ProgramPlace* place) {
  if (!t.String("script", &place->own_text)) return;
  place->script_line = t.Value("script")->TextLine();
  auto lifted = scripts_.find(place->script_line);
  place->script = lifted != scripts_.end() ? lifted->second : place->own_text;
  auto declared = [](const Names& names) { return names.declared ? names.list.size() : 0; };
  ScriptLists lists{declared(locks_), declared(semaphores_), declared(barrier_names_), declared(queue_names_),
                    w_.groups.size(), declared(conditions_), declared(timer_names_)};
  if (auto error = ParseScript(place->script, lists, program))
    doc_.Fail(place->script_line + error->line, error->what);
}

void Parser::ParseProgram(const TomlValue& array, std::vector<Op>* program, std::vector<int>* lines) {
  if (!array.IsArray()) {
    array.Fail(fmt::format("'program' is {}; give an array of operations, like [ {{ run_us = 100 }} ]",
                           array.Describe()));
    return;
  }
  for (const TomlValue& item : array.Items()) {
    if (auto t = item.Table("an operation"))
      ParseOp(*t, program, lines);
    else
      item.Fail(fmt::format("'program' contains {}; write each operation as a table, like {{ run_us = 100 }}",
                            item.Describe()));
  }
}

void Parser::ParseOp(TomlTable& t, std::vector<Op>* program, std::vector<int>* lines) {
  Op op;
  std::vector<std::string> given;
  auto has = [&](const char* key, OpKind kind) {
    if (!t.Has(key)) return false;
    op.kind = kind;
    given.push_back(key);
    return true;
  };
  auto timed = [&](const char* stem, OpKind kind) {
    int64_t unit = 1;
    auto value = t.DurationValue(stem, &unit);
    if (!value) return;
    op.kind = kind;
    given.push_back(stem);
    std::string what = fmt::format("'{}'", stem);
    if (value->IsTable() && kind != OpKind::kTimer && kind != OpKind::kPeriod) {
      Dist dist;
      ParseDist(*value, what, unit, &dist);
      op.drawn = true;
      op.object = DistIndex(std::move(dist));
    } else {
      value->Duration(what, unit, &op.ns);
    }
  };
  auto flag = [&](const char* key, OpKind kind) {
    bool on = true;
    if (has(key, kind) && t.Bool(key, &on) && !on)
      t.Fail(key, fmt::format("'{0}' is false; write {{ {0} = true }} or remove the operation", key));
  };
  timed("run", OpKind::kRun);
  timed("sleep", OpKind::kSleep);
  timed("timer", OpKind::kTimer);
  timed("spin", OpKind::kSpin);
  timed("period", OpKind::kPeriod);
  if (op.kind == OpKind::kPeriod && !given.empty()) {
    if (t.Has("timer")) op.object = Use(&timer_names_, t, "timer", "timer", "a [[timer]]");
    else op.object = UseName(&timer_names_, t, "period", "own", "timer", "a [[timer]]");
  }
  if (has("lock", OpKind::kLock)) op.object = Use(&locks_, t, "lock", "lock", "'locks'");
  if (has("unlock", OpKind::kUnlock)) op.object = Use(&locks_, t, "unlock", "lock", "'locks'");
  if (has("wait", OpKind::kWait)) op.object = Use(&semaphores_, t, "wait", "semaphore", "'semaphores'");
  if (has("signal", OpKind::kSignal)) {
    op.object = Use(&semaphores_, t, "signal", "semaphore", "'semaphores'");
    t.Int("count", &op.count, 1, kMaxCount);
  }
  if (has("cond_wait", OpKind::kCondWait)) {
    op.object = Use(&conditions_, t, "cond_wait", "condition", "'conditions'");
    op.count = t.Has("mutex") ? Use(&locks_, t, "mutex", "lock", "'locks'") + 1 : 0;
  }
  if (has("cond_signal", OpKind::kCondSignal)) op.object = Use(&conditions_, t, "cond_signal", "condition", "'conditions'");
  if (has("cond_broadcast", OpKind::kCondBroadcast))
    op.object = Use(&conditions_, t, "cond_broadcast", "condition", "'conditions'");
  if (has("barrier", OpKind::kBarrier))
    op.object = Use(&barrier_names_, t, "barrier", "barrier", "a [[barrier]]");
  if (has("fork", OpKind::kFork)) op.object = Use(&group_names_, t, "fork", "group", "a [[group]]");
  if (has("put", OpKind::kPut)) op.object = Use(&queue_names_, t, "put", "queue", "a [[queue]]");
  if (has("take", OpKind::kTake)) op.object = Use(&queue_names_, t, "take", "queue", "a [[queue]]");
  flag("yield", OpKind::kYield);
  flag("begin", OpKind::kBegin);
  flag("end", OpKind::kEnd);
  std::optional<TomlValue> body;
  if (has("loop", OpKind::kLoop)) {
    t.Int("loop", &op.count, 1, kMaxCount);
    t.Require("program");
    body = t.Value("program");
  }
  t.Finish();
  if (given.size() > 1)
    t.Fail("", fmt::format("'{}' and '{}' in one operation; write them as two: {{ ... }}, {{ ... }}",
                           given[0], given[1]));
  if (given.empty()) t.Fail("", "an operation is empty; remove it or write one, like { run_us = 100 }");
  program->push_back(op);
  lines->push_back(t.line());
  if (body) {
    ParseProgram(*body, program, lines);
    program->push_back({.kind = OpKind::kEndLoop});
    lines->push_back(t.line());
  }
}

// The index of the object that `key` names.
uint32_t Parser::Use(Names* names, TomlTable& t, const char* key, const char* what, const char* declare) {
  std::string name;
  if (!t.String(key, &name)) return 0;
  return UseName(names, t, key, name, what, declare);
}

uint32_t Parser::UseName(Names* names, TomlTable& t, const char* key, const std::string& name, const char* what,
                         const char* declare) {
  if (auto it = names->index.find(name); it != names->index.end()) return it->second;
  if (!names->declared) {
    names->Add(name);
    return static_cast<uint32_t>(names->list.size() - 1);
  }
  std::string advice = DidYouMean(name, names->list);
  t.Fail(key, fmt::format("there is no {} '{}'{}", what, name,
                          advice.empty() ? fmt::format("; add it to {}", declare) : advice));
  return 0;
}

uint32_t Parser::DistIndex(Dist dist) {
  auto [it, added] = dist_index_.emplace(DistKey(dist), static_cast<uint32_t>(w_.dists.size()));
  if (added) w_.dists.push_back(std::move(dist));
  return it->second;
}

void Parser::ParseObjectives() {
  objectives_ = root_.Tables("objective");
  for (TomlTable& t : objectives_) {
    ose::Objective objective;
    t.Require("metric");
    t.String("metric", &objective.metric);
    if (const MetricInfo* info = FindMetric(objective.metric)) objective.direction = info->better;
    int direction = static_cast<int>(objective.direction);
    t.Choice("direction", {"max", "min"}, &direction);
    objective.direction = static_cast<Direction>(direction);
    t.Double("weight", &objective.weight, kTomlTiny, 1e6);
    t.Finish();
    w_.objectives.push_back(std::move(objective));
  }
  if (w_.objectives.empty()) w_.objectives.push_back({.metric = "throughput"});
}

void Parser::ParseReal() {
  auto t = root_.Table("real");
  if (!t) return;
  t->Require("command");
  t->Require("output");
  if (t->Strings("command", &w_.real.command) && (w_.real.command.empty() || w_.real.command[0].empty()))
    t->Fail("command", "command is empty; give the program and its arguments, as [\"sysbench\", \"cpu\", \"run\"]");
  int output = 0;
  const std::vector<std::string> outputs = {"sysbench", "seconds", "redis"};
  if (t->Choice("output", outputs, &output)) w_.real.output = outputs[static_cast<size_t>(output)];
  t->Finish();
}

void Parser::ParseRecorded() {
  auto t = root_.Table("recorded");
  if (!t) return;
  constexpr int64_t kAny = INT64_MAX;
  Recorded& r = w_.recorded;
  r.present = true;
  t->String("command", &r.command);
  t->Int("cpus", &r.cpus, 0, 1'000'000);
  t->Double("span_us", &r.span_us, 0, 1e15);
  t->Double("cpu_us", &r.cpu_us, 0, 1e15);
  t->Int("tasks", &r.tasks, 0, kAny);
  t->Int("runs", &r.runs, 0, kAny);
  t->Int("sleeps", &r.sleeps, 0, kAny);
  t->Int("wakeups", &r.wakeups, 0, kAny);
  t->Int("lost_events", &r.lost_events, 0, kAny);
  t->String("note", &r.note);
  t->Finish();
}

// Fills in what the file leaves to its programs.
void Parser::Resolve() {
  w_.locks = std::move(locks_.list);
  w_.semaphores = std::move(semaphores_.list);
  w_.conditions = std::move(conditions_.list);
  for (size_t i = w_.barriers.size(); i < barrier_names_.list.size(); ++i)
    w_.barriers.push_back({.name = barrier_names_.list[i]});
  for (size_t i = w_.queues.size(); i < queue_names_.list.size(); ++i)
    w_.queues.push_back({.name = queue_names_.list[i]});
  for (size_t i = w_.timers.size(); i < timer_names_.list.size(); ++i)
    w_.timers.push_back({.name = timer_names_.list[i]});
  std::vector<int64_t> tasks = BarrierTasks(w_);
  for (size_t b = 0; b < w_.barriers.size(); ++b)
    if (w_.barriers[b].parties == 0)
      w_.barriers[b].parties = static_cast<int>(std::min<int64_t>(tasks[b], INT32_MAX));
  if (!has_end_)
    w_.run_to_completion = std::none_of(w_.groups.begin(), w_.groups.end(), [](const struct Group& g) {
      return g.repeat || g.arrivals.kind != Arrivals::Kind::kNone;
    });
}

// linux/kernel/sched/core.c, sched_prio_to_weight (v6.12); nice 0 is 1024.
constexpr int kPrioToWeight[40] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,  // -20 .. -11
    9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,   // -10 .. -1
    1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,    // 0 .. 9
    110,   87,    70,    56,    45,    36,    29,    23,    18,    15,     // 10 .. 19
};

}  // namespace

int NiceToWeight(int nice) {
  // sched_weight_to_cgroup (kernel/sched/sched.h): rounded to the nearest, 1 .. 10000.
  int weight = kPrioToWeight[std::clamp(nice, -20, 19) + 20];
  return std::clamp((weight * 100 + 512) / 1024, 1, 10'000);
}

namespace {
Result<Workload> ParseText(std::string_view text, const std::string& file, bool alone) {
  LiftedScripts lifted = LiftScripts(text);
  OSE_ASSIGN(TomlDoc doc, TomlDoc::Parse(lifted.text, file, kExitBadWorkload, "docs/workloads.md"));
  if (alone) doc.RefuseFiles();
  return Parser(std::move(doc), file, std::move(lifted.bodies)).Run();
}
}  // namespace

Result<Workload> ParseWorkload(std::string_view text, const std::string& file) { return ParseText(text, file, false); }
Result<Workload> ParseWorkloadAlone(std::string_view text, const std::string& file) { return ParseText(text, file, true); }

Result<Workload> LoadWorkload(const std::string& path) {
  OSE_ASSIGN(std::string text, ReadFile(path));
  return path.ends_with(".json") ? ParseRtApp(text, path) : ParseWorkload(text, path);
}

int OperationLine(const std::string& path, const std::string& group, size_t op) {
  auto text = ReadFile(path);
  if (!text.ok()) return 0;
  if (path.ends_with(".json")) return RtAppOperationLine(*text, path, group, op);
  LiftedScripts lifted = LiftScripts(*text);
  auto doc = TomlDoc::Parse(lifted.text, path, kExitBadWorkload, "docs/workloads.md");
  if (!doc.ok()) return 0;
  Parser parser(std::move(*doc), path, std::move(lifted.bodies));
  auto workload = parser.Run();
  return workload.ok() ? parser.LineOf(*workload, group, op) : 0;
}

}  // namespace ose
