#include "workload/machine.h"

#include <fmt/format.h>

#include "base/file.h"
#include "core/exit_code.h"
#include "workload/alone.h"
#include "workload/dist_toml.h"
#include "workload/toml_reader.h"

namespace ose {

namespace {

constexpr double kMaxRefillNs = 1e6;   // per KiB
constexpr double kMinSmtSpeed = 0.1;
constexpr int64_t kMaxL2Kb = 1 << 20;
constexpr double kMaxNoisePerS = 1e6;

// The costs in the order of the file; one list for reading and writing. The first kPlainCosts are
// written always, the others when they are not at their defaults.
struct Cost {
  const char* key;
  Nanos Machine::* field;
};
constexpr Cost kCosts[] = {
    {"context_switch", &Machine::context_switch},
    {"wakeup", &Machine::wakeup},
    {"ipi", &Machine::ipi},
    {"interrupt", &Machine::interrupt},
    {"idle_exit", &Machine::idle_exit},
    {"migration_core", &Machine::migration_core},
    {"migration_llc", &Machine::migration_llc},
    {"migration_node", &Machine::migration_node},
    {"hook", &Machine::hook},
    {"dsq_op", &Machine::dsq_op},
    {"remote", &Machine::remote},
    {"kick", &Machine::kick},
    {"sched_ext_switch", &Machine::sched_ext_switch},
    {"wakeup_idle", &Machine::wakeup_idle},
    {"wakeup_irq", &Machine::wakeup_irq},
    {"dsq_lock_hold", &Machine::dsq_lock_hold},
    {"rq_lock_hold", &Machine::rq_lock_hold},
    {"syscall", &Machine::syscall},
    {"futex_op", &Machine::futex_op},
    {"pipe_op", &Machine::pipe_op},
    {"pipe_remote", &Machine::pipe_remote},
    {"sleep_op", &Machine::sleep_op},
    {"fork_op", &Machine::fork_op},
};
constexpr size_t kPlainCosts = 12;
struct Refill {
  const char* key;
  double Machine::* field;
};
constexpr Refill kRefills[] = {
    {"refill_ns_per_kb_llc", &Machine::refill_ns_per_kb_llc},
    {"refill_ns_per_kb_far", &Machine::refill_ns_per_kb_far},
};

constexpr const char* kServiceKeys[kServices] = {
    "basic",      "now",   "random",      "topology",   "cpu_running", "cpu_idle",   "cpu_state",
    "task_field", "task_state", "count",      "timer_start", "dsq_insert", "dsq_move",
    "dsq_length", "dsq_peek",   "pick_idle", "claim_idle", "select_dfl", "kick",     "kick_self",
    "dsq_insert_vtime", "dsq_empty"};

void ParseTopology(TomlTable t, Machine* m) {
  t.Require("cpus");
  t.Int("cpus", &m->cpus, 1, kMaxCpus);
  t.Int("smt", &m->smt, 1, 2);
  t.Int("cpus_per_llc", &m->cpus_per_llc, 0, kMaxCpus);
  t.Int("cpus_per_node", &m->cpus_per_node, 0, kMaxCpus);
  t.Double("smt_speed", &m->smt_speed, kMinSmtSpeed, 1);
  t.Int("l2_kb", &m->l2_kb, 0, kMaxL2Kb);
  t.Finish();
  if (m->cpus % m->smt)
    t.Fail("smt", fmt::format("{} CPUs are not whole cores of {} hardware threads; correct 'cpus' or 'smt'",
                              m->cpus, m->smt));
  if (m->cpus_per_llc % m->smt)
    t.Fail("cpus_per_llc",
           fmt::format("'cpus_per_llc' is {}, which splits a core of {} hardware threads; give a "
                       "multiple",
                       m->cpus_per_llc, m->smt));
  int unit = m->cpus_per_llc ? m->cpus_per_llc : m->smt;
  if (m->cpus_per_node % unit)
    t.Fail("cpus_per_node",
           fmt::format("'cpus_per_node' is {}, which splits a cache or core of {} CPUs; give a "
                       "multiple",
                       m->cpus_per_node, unit));
  if (m->cpus_per_node && !m->cpus_per_llc)
    t.Fail("cpus_per_node", "nodes that share one last-level cache; give 'cpus_per_llc' too");
  for (auto [key, of] : {std::pair{"cpus_per_llc", m->cpus_per_llc}, {"cpus_per_node", m->cpus_per_node}})
    if (of > m->cpus) t.Fail(key, fmt::format("'{}' is {}, more than the {} CPUs there are; give 0 for all", key, of, m->cpus));
  if (m->smt == 1 && m->smt_speed < 1)
    t.Fail("smt_speed", "'smt_speed' of cores with one hardware thread; give smt = 2 or leave it out");
}

void ParseKernel(TomlTable t, Machine* m) {
  t.Duration("tick", &m->tick, {0}, Nanos::Seconds(1));
  t.Duration("min_slice", &m->min_slice, {0}, Nanos::Seconds(1));
  // The kernel's limit for sched_ext_ops.timeout_ms (SCX_WATCHDOG_MAX_TIMEOUT) is 30 s.
  t.Duration("watchdog", &m->watchdog, Nanos::Millis(1), Nanos::Seconds(30));
  t.Duration("tick_cost", &m->tick_cost, {0}, Nanos::Seconds(1));
  t.Bool("charge_overhead", &m->charge_overhead);
  t.Finish();
  if (m->tick.v == 0 && m->min_slice.v == 0)
    t.Fail("min_slice",
           "without a tick, 'min_slice' must be above 0; give the shortest timer, like min_slice_us = 1");
  if (m->tick.v == 0 && m->tick_cost.v > 0)
    t.Fail("tick_cost", "'tick_cost' without a tick; give 'tick_ms' or leave it out");
  if (m->tick.v > 0 && m->tick_cost >= m->tick)
    t.Fail("tick_cost", fmt::format("'tick_cost' is {} ns and a tick comes every {} ns: no CPU would get "
                                    "anything done; correct one of them", m->tick_cost.v, m->tick.v));
}

void ParseCosts(TomlTable t, Machine* m) {
  for (const Cost& c : kCosts) {
    const Nanos least = c.field == &Machine::sched_ext_switch ? Nanos{0} - m->context_switch : Nanos{0};
    t.Duration(c.key, &(m->*c.field), least, Nanos::Seconds(1));
  }
  for (const Refill& r : kRefills) t.Double(r.key, &(m->*r.field), 0, kMaxRefillNs);
  t.Finish();
  auto within = [&](const char* key, Nanos hold, const char* operation, Nanos cost) {
    if (hold > cost)
      t.Fail(key, fmt::format("'{}' is {} ns, but '{}', of which it is a part, takes {} ns; correct one of them", key,
                              hold.v, operation, cost.v));
  };
  within("dsq_lock_hold", m->dsq_lock_hold, "dsq_op", m->dsq_op);
  within("rq_lock_hold", m->rq_lock_hold, "wakeup", m->wakeup);
  within("rq_lock_hold", m->rq_lock_hold, "context_switch", m->context_switch);
}

void ParseService(TomlTable t, ServiceCosts* s) {
  t.Duration("general", &s->general, {0}, Nanos::Seconds(1));
  t.Duration("remote", &s->remote, {0}, Nanos::Seconds(1));
  t.Duration("remote_far", &s->remote_far, {0}, Nanos::Seconds(1));
  t.Double("pick_ns_per_cpu", &s->pick_ns_per_cpu, 0, kMaxRefillNs);
  for (size_t i = 0; i < kServices; ++i) t.Duration(kServiceKeys[i], &s->cost[i], {0}, Nanos::Seconds(1));
  t.Finish();
}

void ParseNoise(TomlTable t, Noise* n) {
  t.Require("rate_per_s");
  t.Double("rate_per_s", &n->rate_per_s, kTomlTiny, kMaxNoisePerS);
  int64_t unit = 1;
  auto duration = t.DurationValue("duration", &unit);
  if (duration) ParseDist(*duration, "'duration'", unit, &n->duration);
  t.Finish();
  if (!duration) t.Fail("", "[noise] has no 'duration'; give one, like duration_us = { exponential = 5 }");
  const double load = n->rate_per_s * n->duration.Mean() * 1e-9;
  if (!(load < 1))
    t.Fail("rate_per_s", fmt::format("[noise] takes {:.0f}% of every CPU: nothing else would run; lower "
                                     "'rate_per_s' or 'duration'", 100 * load));
}

std::string FormatService(const ServiceCosts& s) {
  if (s == ServiceCosts{}) return "";
  std::string out = fmt::format("\n[service]\ngeneral_ns = {}\nremote_ns = {}\nremote_far_ns = {}\npick_ns_per_cpu = {}\n", s.general.v,
                                s.remote.v, s.remote_far.v, TomlNumber(s.pick_ns_per_cpu));
  for (size_t i = 0; i < kServices; ++i)
    if (s.cost[i].v >= 0) out += fmt::format("{}_ns = {}\n", kServiceKeys[i], s.cost[i].v);
  return out;
}

}  // namespace

Nanos Machine::ServiceCost(Service s) const {
  if (Nanos given = service.cost[static_cast<size_t>(s)]; given.v >= 0) return given;
  switch (s) {
    case Service::kDsqInsert:
    case Service::kDsqMove: return dsq_op;
    case Service::kKick:
    case Service::kKickSelf: return kick;
    case Service::kDsqInsertVtime: return ServiceCost(Service::kDsqInsert);
    case Service::kDsqEmpty: return {0};
    default: return service.general;
  }
}

Machine AsKernelClass(const Machine& machine) {
  Machine m = machine;
  m.hook = m.dsq_op = m.remote = m.sched_ext_switch = m.dsq_lock_hold = {0};
  m.service = {};
  m.service.cost.fill({0});
  m.service.cost[static_cast<size_t>(Service::kKick)] = machine.ServiceCost(Service::kKick);
  return m;
}

Machine CostlessMachine(int cpus) {
  Machine m;
  m.name = "costless";
  m.cpus = cpus;
  m.tick = {0};
  m.context_switch = m.wakeup = m.ipi = m.idle_exit = m.migration_core = m.migration_llc = m.migration_node = {0};
  m.hook = m.dsq_op = m.remote = m.kick = {0};
  return m;
}

Machine WithCpus(const Machine& machine, int cpus) {
  Machine m = machine;
  m.cpus = cpus;
  if (cpus < m.smt) m.smt = 1;  // one hardware thread has its core to itself
  if (m.cpus_per_node >= cpus) m.cpus_per_node = 0;
  if (m.cpus_per_llc >= cpus) m.cpus_per_llc = m.cpus_per_node = 0;
  return m;
}

namespace {
Result<Machine> ParseText(std::string_view text, const std::string& file, bool alone) {
  OSE_ASSIGN(TomlDoc doc, TomlDoc::Parse(text, file, kExitBadMachine, "docs/machines.md"));
  if (alone) doc.RefuseFiles();
  TomlTable root = doc.root();
  Machine m;
  m.name = Stem(file);
  int format = kMachineFormat;
  root.Require("format");
  if (root.Int("format", &format, 1, INT32_MAX) && format > kMachineFormat)
    root.Fail("format",
              fmt::format("the file has format {}, this OS-Evolve reads formats up to {}; use a newer "
                          "OS-Evolve",
                          format, kMachineFormat));
  if (root.String("name", &m.name) && m.name.empty())
    root.Fail("name", "'name' is empty; give the machine a name");
  root.String("description", &m.description);
  root.Require("topology");
  if (auto t = root.Table("topology")) ParseTopology(std::move(*t), &m);
  if (auto t = root.Table("kernel")) ParseKernel(std::move(*t), &m);
  if (auto t = root.Table("cost")) ParseCosts(std::move(*t), &m);
  if (auto t = root.Table("service")) ParseService(std::move(*t), &m.service);
  if (auto t = root.Table("noise")) ParseNoise(std::move(*t), &m.noise);
  root.Finish();
  OSE_TRY(doc.status());
  return m;
}
}  // namespace

Result<Machine> ParseMachine(std::string_view text, const std::string& file) { return ParseText(text, file, false); }
Result<Machine> ParseMachineAlone(std::string_view text, const std::string& file) { return ParseText(text, file, true); }

Result<Machine> LoadMachine(const std::string& path) {
  OSE_ASSIGN(std::string text, ReadFile(path, 1 << 20));
  return ParseMachine(text, path);
}

// What is off is left out: a profile from before a part of the model existed keeps its text.
std::string FormatMachine(const Machine& m) {
  std::string out = fmt::format(
      "format = {}\nname = {}\ndescription = {}\n\n[topology]\ncpus = {}\nsmt = {}\ncpus_per_llc = {}\n"
      "cpus_per_node = {}\n",
      kMachineFormat, TomlString(m.name), TomlString(m.description), m.cpus, m.smt, m.cpus_per_llc, m.cpus_per_node);
  if (m.smt_speed != 1) out += fmt::format("smt_speed = {}\n", TomlNumber(m.smt_speed));
  if (m.l2_kb > 0) out += fmt::format("l2_kb = {}\n", m.l2_kb);
  out += fmt::format("\n[kernel]\n{}\n{}\n{}\n", TomlDuration("tick", m.tick.v), TomlDuration("min_slice", m.min_slice.v),
                     TomlDuration("watchdog", m.watchdog.v));
  if (m.tick_cost.v > 0) out += fmt::format("tick_cost_ns = {}\n", m.tick_cost.v);
  if (m.charge_overhead) out += "charge_overhead = true\n";
  out += "\n[cost]\n";
  for (size_t i = 0; i < std::size(kCosts); ++i)
    if (Nanos cost = m.*kCosts[i].field; i < kPlainCosts || cost.v != 0) out += fmt::format("{}_ns = {}\n", kCosts[i].key, cost.v);
  for (const Refill& r : kRefills) out += fmt::format("{} = {}\n", r.key, TomlNumber(m.*r.field));
  out += FormatService(m.service);
  if (m.noise.rate_per_s > 0)
    out += fmt::format("\n[noise]\nrate_per_s = {}\n{}\n", TomlNumber(m.noise.rate_per_s), FormatDist("duration", m.noise.duration));
  return out;
}

Result<Machine> MachineFor(const Workload& workload, const Machine& profile) {
  Machine m = workload.cpus > 0 ? WithCpus(profile, workload.cpus) : profile;
  for (const Group& group : workload.groups)
    for (int cpu : group.affinity)
      if (cpu >= m.cpus)
        return Error{
            kExitBadWorkload,
            fmt::format("workload '{}': group '{}' may run on CPU {}, but machine '{}' has CPUs 0 to {}; "
                        "correct 'affinity' or name a larger machine",
                        workload.name, group.name, cpu, m.name, m.cpus - 1)};
  return m;
}

}  // namespace ose
