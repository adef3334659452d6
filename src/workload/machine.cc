#include "workload/machine.h"

#include <fmt/format.h>

#include "base/file.h"
#include "core/exit_code.h"
#include "workload/toml_reader.h"
#include "workload/workload.h"

namespace ose {

namespace {

constexpr double kMaxRefillNs = 1e6;  // per KiB

// The costs in the order of the file; one list for reading and writing.
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
};
struct Refill {
  const char* key;
  double Machine::* field;
};
constexpr Refill kRefills[] = {
    {"refill_ns_per_kb_llc", &Machine::refill_ns_per_kb_llc},
    {"refill_ns_per_kb_far", &Machine::refill_ns_per_kb_far},
};

void ParseTopology(TomlTable t, Machine* m) {
  t.Require("cpus");
  t.Int("cpus", &m->cpus, 1, kMaxCpus);
  t.Int("smt", &m->smt, 1, 2);
  t.Int("cpus_per_llc", &m->cpus_per_llc, 0, kMaxCpus);
  t.Int("cpus_per_node", &m->cpus_per_node, 0, kMaxCpus);
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
}

void ParseKernel(TomlTable t, Machine* m) {
  t.Duration("tick", &m->tick, {0}, Nanos::Seconds(1));
  t.Duration("min_slice", &m->min_slice, {0}, Nanos::Seconds(1));
  // The kernel's limit for sched_ext_ops.timeout_ms (SCX_WATCHDOG_MAX_TIMEOUT) is 30 s.
  t.Duration("watchdog", &m->watchdog, Nanos::Millis(1), Nanos::Seconds(30));
  t.Finish();
  if (m->tick.v == 0 && m->min_slice.v == 0)
    t.Fail("min_slice",
           "without a tick, 'min_slice' must be above 0; give the shortest timer, like min_slice_us = 1");
}

void ParseCosts(TomlTable t, Machine* m) {
  for (const Cost& c : kCosts) t.Duration(c.key, &(m->*c.field), {0}, Nanos::Seconds(1));
  for (const Refill& r : kRefills) t.Double(r.key, &(m->*r.field), 0, kMaxRefillNs);
  t.Finish();
}

}  // namespace

Result<Machine> ParseMachine(std::string_view text, const std::string& file) {
  OSE_ASSIGN(TomlDoc doc, TomlDoc::Parse(text, file, kExitBadMachine, "docs/machines.md"));
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
  root.Finish();
  OSE_TRY(doc.status());
  return m;
}

Result<Machine> LoadMachine(const std::string& path) {
  OSE_ASSIGN(std::string text, ReadFile(path, 1 << 20));
  return ParseMachine(text, path);
}

std::string FormatMachine(const Machine& m) {
  std::string out = fmt::format(
      "format = {}\nname = {}\ndescription = {}\n\n[topology]\ncpus = {}\nsmt = {}\ncpus_per_llc = {}\n"
      "cpus_per_node = {}\n\n[kernel]\n{}\n{}\n{}\n\n[cost]\n",
      kMachineFormat, TomlString(m.name), TomlString(m.description), m.cpus, m.smt, m.cpus_per_llc,
      m.cpus_per_node, TomlDuration("tick", m.tick.v), TomlDuration("min_slice", m.min_slice.v),
      TomlDuration("watchdog", m.watchdog.v));
  for (const Cost& c : kCosts) out += fmt::format("{}_ns = {}\n", c.key, (m.*c.field).v);
  for (const Refill& r : kRefills) out += fmt::format("{} = {}\n", r.key, TomlNumber(m.*r.field));
  return out;
}

Result<Machine> MachineFor(const Workload& workload, const Machine& profile) {
  Machine m = profile;
  if (workload.cpus > 0) m.cpus = workload.cpus;
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
