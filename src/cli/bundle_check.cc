#include "cli/bundle_check.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "core/exit_code.h"
#include "store/bundle_fields.h"
#include "workload/alone.h"
#include "workload/signature.h"

namespace ose {
namespace {

// Escapes of TOML may hide what the text of the bundle was checked for.
std::string WhyUnsafe(const Workload& w) {
  if (std::string why = WhyNoName(w.name); !why.empty()) return "its name " + why;
  if (std::string why = WhyUnprintable(w.description, true); !why.empty()) return "its description " + why;
  for (const Group& g : w.groups)
    if (std::string why = WhyUnprintable(g.name, false); !why.empty()) return "the name of a group, '" + Shown(g.name, 40) + "', " + why;
  return "";
}

std::string WhyUnsafe(const Machine& m) {
  if (std::string why = WhyNoName(m.name); !why.empty()) return "its name " + why;
  if (std::string why = WhyUnprintable(m.description, true); !why.empty()) return "its description " + why;
  return "";
}

std::string WhyTheyDoNotFit(const Workload& w, const Machine& m) {
  for (const Group& g : w.groups)
    for (int cpu : g.affinity)
      if (cpu >= m.cpus) return "group '" + Shown(g.name, 40) + "' is bound to CPU " + std::to_string(cpu) + " of " + std::to_string(m.cpus);
  return "";
}

}  // namespace

Status CheckBundle(Bundle* bundle, const std::string& file) {
  const auto refuse = [&](const std::string& what) { return Error{kExitDatabase, file + ": " + what}; };
  std::map<std::string, Workload> workloads;
  std::map<std::string, Machine> machines;
  for (const WorkloadRecord& w : bundle->workloads) {
    const std::string label = "workload '" + w.name + "'";
    auto parsed = ParseWorkloadAlone(w.text, label);
    if (!parsed.ok()) return refuse(Shown(parsed.error().message, 400));
    if (WorkloadHash(*parsed) != w.hash) return refuse(label + ": its hash is not that of its text");
    if (std::string why = WhyUnsafe(*parsed); !why.empty()) return refuse(fmt::format("{}: {}", label, why));
    workloads.emplace(w.hash, std::move(*parsed));
  }
  for (MachineRecord& m : bundle->machines) {
    const std::string label = "machine '" + m.name + "'";
    auto parsed = ParseMachineAlone(m.text, label);
    if (!parsed.ok()) return refuse(Shown(parsed.error().message, 400));
    if (std::string why = WhyUnsafe(*parsed); !why.empty()) return refuse(fmt::format("{}: {}", label, why));
    m.cpus = parsed->cpus;
    machines.emplace(m.hash, std::move(*parsed));
  }
  std::set<std::pair<std::string, std::string>> pairs;
  for (const EvaluationRecord& e : bundle->evaluations) pairs.emplace(e.workload, e.machine);
  for (const VeteranClaim& c : bundle->claims) pairs.emplace(c.workload, c.machine);
  std::map<std::string, Signature> signatures;
  for (const auto& [workload, machine] : pairs) {
    const Workload& w = workloads.at(workload);
    const Machine& m = machines.at(machine);
    if (std::string why = WhyTheyDoNotFit(w, m); !why.empty()) return refuse("workload '" + w.name + "' does not fit machine '" + m.name + "': " + why);
    if (!signatures.contains(workload)) signatures.emplace(workload, ComputeSignature(w, m));
  }
  for (WorkloadRecord& w : bundle->workloads) {
    const auto signature = signatures.find(w.hash);
    if (signature == signatures.end()) return refuse("workload '" + w.name + "' is used by no evaluation and no claim");
    w.signature.assign(signature->second.begin(), signature->second.end());
    w.signature_version = kSignatureVersion;
  }
  return {};
}

}  // namespace ose
