#include "store/bundle.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "core/exit_code.h"
#include "store/bundle_fields.h"
#include "store/identity.h"

namespace ose {

namespace {

using nlohmann::json;

constexpr char kKind[] = "osevolve knowledge bundle";

// Limits. A base of hundreds of workloads stays far below them.
constexpr int kMaxDepth = 8;
constexpr size_t kMaxValues = 4'000'000;  // each costs some 50 bytes once it is read
constexpr size_t kMaxPolicies = 10'000, kMaxWorkloads = 2'000, kMaxMachines = 1'000, kMaxEvaluations = 50'000, kMaxClaims = 2'000;
constexpr size_t kMaxSource = 256 << 10;  // as the gate takes them
constexpr size_t kMaxWorkloadText = 8 << 20, kMaxMachineText = 64 << 10;
constexpr size_t kMaxLine = 128, kMaxMetrics = 1'000, kMaxVersions = 16, kMaxSignature = 64;
constexpr int64_t kMaxSeeds = 100'000;

std::string Canonical(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

// --- Writing -------------------------------------------------------------------------------------

// A text of a column, as the value that it is; null when somebody broke it.
json Embedded(const std::string& text) {
  json j = json::parse(text, nullptr, false);
  return j.is_discarded() ? json() : j;
}

json PolicyJson(const PolicyRecord& p) {
  return {{"hash", p.hash}, {"source", p.source}, {"name", p.name}, {"author", p.author}, {"parent", p.parent}};
}

json WorkloadJson(const WorkloadRecord& w) {
  return {{"hash", w.hash}, {"name", w.name}, {"text", w.text}, {"signature", w.signature}, {"signature_version", w.signature_version}};
}

json MachineJson(const MachineRecord& m) { return {{"hash", m.hash}, {"name", m.name}, {"text", m.text}}; }

json EvaluationJson(const EvaluationRecord& e) {
  return {{"id", EvaluationId(e)}, {"policy", e.policy}, {"workload", e.workload}, {"machine", e.machine}, {"host", e.host},
          {"family", SeedFamilyName(e.family)}, {"seeds", e.seeds}, {"seed_base", e.seed_base}, {"score", e.score},
          {"metrics", Embedded(e.metrics_json)}, {"versions", Embedded(e.versions_json)}};
}

json ClaimJson(const VeteranClaim& c) {
  return {{"id", ClaimId(c)}, {"policy", c.policy}, {"workload", c.workload}, {"machine", c.machine}, {"incumbent", c.incumbent},
          {"gain_pct", c.gain_pct.mean}, {"gain_lo_pct", c.gain_pct.lo}, {"gain_hi_pct", c.gain_pct.hi},
          {"family", SeedFamilyName(c.family)}, {"seeds", c.seeds}, {"seed_base", c.seed_base}, {"score", c.score}, {"pct_of_bound", c.pct_of_bound}};
}

// By the field that names them.
template <class Record>
json Sorted(const std::vector<Record>& records, const char* key, json (*convert)(const Record&)) {
  std::vector<json> rows;
  for (const Record& r : records) rows.push_back(convert(r));
  std::sort(rows.begin(), rows.end(), [&](const json& a, const json& b) { return a[key] < b[key]; });
  return rows;
}

// --- Reading -------------------------------------------------------------------------------------

// What a text would cost to read, found out without reading it.
std::string WhyTooMuch(std::string_view text) {
  int depth = 0;
  size_t values = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth, ++values;
    if (c == ']' || c == '}') --depth;
    if (c == ',' || c == ':') ++values;
    if (depth > kMaxDepth) return "is nested deeper than " + std::to_string(kMaxDepth) + " levels, which no bundle is";
    if (values > kMaxValues) return "has more than " + std::to_string(kMaxValues) + " values";
  }
  return "";
}

// {"NAME":{"mean":m,"ci95":[lo,hi],"unit":"us"},...}; a number that is not finite is null.
bool IsMetric(const std::string& name, const json& m) {
  const auto number = [](const json& j) { return j.is_number() || j.is_null(); };
  if (name.size() > kMaxLine || !WhyUnprintable(name, false).empty()) return false;
  if (!m.is_object() || m.size() != 3 || !m.contains("mean") || !m.contains("ci95") || !m.contains("unit")) return false;
  const json &ci = m["ci95"], &unit = m["unit"];
  return number(m["mean"]) && ci.is_array() && ci.size() == 2 && number(ci[0]) && number(ci[1]) && unit.is_string() &&
         unit.get_ref<const std::string&>().size() <= 16 && WhyUnprintable(unit.get_ref<const std::string&>(), false).empty();
}

bool IsVersion(const std::string& name, const json& v) {
  return v.is_string() && name.size() <= kMaxLine && v.get_ref<const std::string&>().size() <= kMaxLine && WhyUnprintable(name, false).empty() &&
         WhyUnprintable(v.get_ref<const std::string&>(), false).empty();
}

struct Reader {
  std::string error;  // the first
  Bundle bundle;
  std::set<std::string> policies, workloads, machines;

  void Wrong(const std::string& what) {
    if (error.empty()) error = what;
  }

  // Calls body(fields, "LIST[i]") for each object of a list.
  template <class Body>
  void Each(BundleFields& contents, const char* list, size_t max, Body body) {
    const json* rows = contents.Array(list, max);
    for (size_t i = 0; rows && i < rows->size() && error.empty(); ++i) {
      const std::string where = std::string(list) + "[" + std::to_string(i) + "]";
      BundleFields f((*rows)[i], where, &error);
      body(f, where);
      f.Finish();
    }
  }

  void Unique(std::set<std::string>& seen, const std::string& id, const std::string& where) {
    if (error.empty() && !seen.insert(id).second) Wrong(where + " is there twice");
  }
  void Known(const std::set<std::string>& known, const std::string& hash, const std::string& where, const char* what) {
    if (!known.contains(hash)) Wrong(where + "." + what + " is not in the bundle");
  }
  void SameHash(const std::string& stated, const std::string& content, const std::string& where, const char* of) {
    if (error.empty() && stated != content) Wrong(where + ": its hash is not that of its " + of);
  }

  void Policy(BundleFields& f, const std::string& where) {
    PolicyRecord p{.hash = f.Hash("hash"), .source = f.Text("source", kMaxSource), .name = f.Name("name"), .author = f.Line("author", kMaxLine), .parent = f.Line("parent", 64)};
    if (!p.parent.empty() && !IsSha256(p.parent)) f.Fail("parent", "is no SHA-256");
    SameHash(p.hash, Sha256Hex(p.source), where, "source");
    Unique(policies, p.hash, where);
    bundle.policies.push_back(std::move(p));
  }

  void Workload(BundleFields& f, const std::string& where) {
    WorkloadRecord w{.hash = f.Hash("hash"), .name = f.Name("name"), .text = f.Text("text", kMaxWorkloadText)};
    if (const json* signature = f.Array("signature", kMaxSignature))
      for (const json& x : *signature) {
        if (!x.is_number() || !std::isfinite(x.get<double>())) f.Fail("signature", "has what is no finite number");
        else w.signature.push_back(x.get<double>());
      }
    w.signature_version = static_cast<int>(f.Integer("signature_version", 0, INT32_MAX));
    Unique(workloads, w.hash, where);
    bundle.workloads.push_back(std::move(w));
  }

  void Machine(BundleFields& f, const std::string& where) {
    MachineRecord m{.hash = f.Hash("hash"), .name = f.Name("name"), .text = f.Text("text", kMaxMachineText)};
    SameHash(m.hash, Sha256Hex(m.text), where, "text");
    Unique(machines, m.hash, where);
    bundle.machines.push_back(std::move(m));
  }

  void Evaluation(BundleFields& f, const std::string& where, std::set<std::string>& seen) {
    const std::string id = f.Hash("id");
    EvaluationRecord e{.policy = f.Hash("policy"), .workload = f.Hash("workload"), .machine = f.Hash("machine"), .host = f.Line("host", kMaxLine),
                       .family = f.Family("family"), .seeds = static_cast<int>(f.Integer("seeds", 1, kMaxSeeds)), .seed_base = f.Unsigned("seed_base"),
                       .score = f.Number("score"), .imported = true};
    const auto all = [&](const char* key, size_t max, bool (*good)(const std::string&, const json&)) {
      const json* entries = f.Object(key);
      if (entries && entries->size() > max) f.Fail(key, "has more than " + std::to_string(max) + " entries");
      if (!entries) return entries;
      for (const auto& [name, value] : entries->items())
        if (!good(name, value)) f.Fail(key, "has an entry '" + Shown(name, 60) + "' that is none");
      return entries;
    };
    const json* metrics = all("metrics", kMaxMetrics, IsMetric);
    const json* versions = all("versions", kMaxVersions, IsVersion);
    if (!error.empty()) return;
    e.metrics_json = Canonical(*metrics);
    e.versions_json = Canonical(*versions);
    Known(policies, e.policy, where, "policy");
    Known(workloads, e.workload, where, "workload");
    Known(machines, e.machine, where, "machine");
    SameHash(id, EvaluationId(e), where, "content");
    Unique(seen, id, where);
    e.id = id;
    bundle.evaluations.push_back(std::move(e));
  }

  void Claim(BundleFields& f, const std::string& where, std::set<std::string>& places) {
    const std::string id = f.Hash("id");
    VeteranClaim c{.policy = f.Hash("policy"), .workload = f.Hash("workload"), .machine = f.Hash("machine"), .incumbent = f.Hash("incumbent"),
                   .gain_pct = {f.Number("gain_pct"), f.Number("gain_lo_pct"), f.Number("gain_hi_pct")}, .family = f.Family("family"),
                   .seeds = static_cast<int>(f.Integer("seeds", 2, kMaxSeeds)), .seed_base = f.Unsigned("seed_base"), .score = f.Number("score"),
                   .pct_of_bound = f.Number("pct_of_bound")};
    if (!error.empty()) return;
    Known(policies, c.policy, where, "policy");
    Known(policies, c.incumbent, where, "incumbent");
    Known(workloads, c.workload, where, "workload");
    Known(machines, c.machine, where, "machine");
    const Interval& gain = c.gain_pct;
    if (!(gain.lo > 0 && gain.lo <= gain.mean && gain.mean <= gain.hi)) Wrong(where + ": its gain is no interval above zero");
    SameHash(id, ClaimId(c), where, "content");
    // Many claims for one place would be many tries, of which one succeeds by luck.
    if (error.empty() && !places.insert(c.workload + c.machine).second) Wrong(where + " is a second one for its workload and machine");
    bundle.claims.push_back(std::move(c));
  }

  void Contents(const json& j) {
    BundleFields f(j, "", &error);
    Each(f, "policies", kMaxPolicies, [&](BundleFields& row, const std::string& where) { Policy(row, where); });
    Each(f, "workloads", kMaxWorkloads, [&](BundleFields& row, const std::string& where) { Workload(row, where); });
    Each(f, "machines", kMaxMachines, [&](BundleFields& row, const std::string& where) { Machine(row, where); });
    std::set<std::string> evaluations, places;
    Each(f, "evaluations", kMaxEvaluations, [&](BundleFields& row, const std::string& where) { Evaluation(row, where, evaluations); });
    Each(f, "claims", kMaxClaims, [&](BundleFields& row, const std::string& where) { Claim(row, where, places); });
    f.Finish();
  }
};

}  // namespace

std::string FormatBundle(const Bundle& bundle) {
  const json contents = {{"policies", Sorted(bundle.policies, "hash", PolicyJson)},
                         {"workloads", Sorted(bundle.workloads, "hash", WorkloadJson)},
                         {"machines", Sorted(bundle.machines, "hash", MachineJson)},
                         {"evaluations", Sorted(bundle.evaluations, "id", EvaluationJson)},
                         {"claims", Sorted(bundle.claims, "id", ClaimJson)}};
  const json whole = {{"kind", kKind}, {"format", kBundleFormat}, {"sha256", Sha256Hex(Canonical(contents))}, {"contents", contents}};
  return whole.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Bundle> ParseBundle(std::string_view text, const std::string& file) {
  const auto refuse = [&](const std::string& what) { return Error{kExitDatabase, file + ": " + what}; };
  if (text.size() > kMaxBundleBytes) return refuse("has more than " + std::to_string(kMaxBundleBytes) + " bytes, which no bundle has");
  if (std::string why = WhyTooMuch(text); !why.empty()) return refuse(why);
  const json whole = json::parse(text, nullptr, false);
  if (whole.is_discarded()) return refuse("is no JSON: it is cut short, damaged or something else");
  if (!whole.is_object() || whole.value("kind", json()) != kKind) return refuse("is no bundle of a knowledge base; `osevolve gkb export -o FILE` writes one");
  // Before all else: a newer format may have other fields.
  const json format = whole.value("format", json());
  if (format.is_number_unsigned() && format.get<uint64_t>() > kBundleFormat)
    return Error{kExitDatabaseNewer, file + ": a newer OS-Evolve wrote this bundle: it has format " + std::to_string(format.get<uint64_t>()) +
                                         ", this one reads format " + std::to_string(kBundleFormat) + "; use that OS-Evolve, or have the bundle exported by this one"};
  if (format != kBundleFormat) return refuse("its format is no format of a bundle");

  Reader reader;
  BundleFields f(whole, "", &reader.error);
  f.Integer("format", kBundleFormat, kBundleFormat);
  f.Line("kind", kMaxLine);
  reader.bundle.sha256 = f.Hash("sha256");
  const json* contents = f.Object("contents");
  f.Finish();
  if (reader.error.empty() && Sha256Hex(Canonical(*contents)) != reader.bundle.sha256)
    return refuse("its contents do not have the checksum that it states: it was damaged or changed");
  if (reader.error.empty()) reader.Contents(*contents);
  if (!reader.error.empty()) return refuse(reader.error);
  return std::move(reader.bundle);
}

Bundle WithoutPolicies(Bundle bundle, const std::vector<std::string>& policies) {
  const std::set<std::string> out(policies.begin(), policies.end());
  std::erase_if(bundle.policies, [&](const PolicyRecord& p) { return out.contains(p.hash); });
  std::erase_if(bundle.evaluations, [&](const EvaluationRecord& e) { return out.contains(e.policy); });
  std::erase_if(bundle.claims, [&](const VeteranClaim& c) { return out.contains(c.policy) || out.contains(c.incumbent); });
  std::set<std::string> used;
  for (const EvaluationRecord& e : bundle.evaluations) used.insert({e.workload, e.machine});
  for (const VeteranClaim& c : bundle.claims) used.insert({c.workload, c.machine});
  std::erase_if(bundle.workloads, [&](const WorkloadRecord& w) { return !used.contains(w.hash); });
  std::erase_if(bundle.machines, [&](const MachineRecord& m) { return !used.contains(m.hash); });
  return bundle;
}

}  // namespace ose
