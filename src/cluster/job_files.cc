#include "cluster/job_files.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr size_t kMaxDiagnosis = 64 << 10;

json Text(const std::string& text) { return IsValidUtf8(text) ? json(text) : json{{"base64", ToBase64(text)}}; }

std::string TextOf(const json& j) {
  if (j.is_string()) return j.get<std::string>();
  auto text = FromBase64(j.at("base64").get<std::string>());
  if (!text) throw std::invalid_argument("not base64");
  return *text;
}

json Parse(std::string_view text) {
  json j = json::parse(text);
  if (j.at("format") != kFormat) throw std::invalid_argument("another format; use the same osevolve everywhere");
  return j;
}

// A node may say anything, for a terminal to obey.
std::string WithoutControls(std::string text) {
  for (char& c : text)
    if ((static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  return text;
}

Error Bad(const char* what, const std::exception& e) { return {kExitInternal, std::string("malformed ") + what + ": " + OneLine(e.what(), 200)}; }

json JobJson(const EvalJob& job) {
  json seeds = json::array();
  for (uint64_t seed : job.seeds) seeds.push_back(std::to_string(seed));
  json j = {{"source", Text(job.source)}, {"file", Text(job.file)}, {"seeds", std::move(seeds)}};
  if (job.skeleton_of) j["skeleton_of"] = Text(*job.skeleton_of);
  if (job.quick_seeds > 0) j.update({{"quick_seeds", job.quick_seeds}, {"quick_score", job.quick_score}});
  if (job.max_events > 0) j["max_events"] = job.max_events;
  if (!job.workload.empty()) j["workload"] = Text(job.workload);
  return j;
}

std::vector<uint64_t> Seeds(const json& j) {
  std::vector<uint64_t> seeds;
  for (const json& seed : j) seeds.push_back(std::stoull(seed.get<std::string>()));
  return seeds;
}

}  // namespace

std::string EncodeProblem(const ClusterProblem& p) {
  return json{{"format", kFormat}, {"engine", p.engine}, {"workload", Text(p.workload)}, {"machine", Text(p.machine)}}.dump();
}

Result<ClusterProblem> DecodeProblem(std::string_view text) {
  try {
    const json j = Parse(text);
    return ClusterProblem{j.at("engine"), TextOf(j.at("workload")), TextOf(j.at("machine"))};
  } catch (const std::exception& e) {
    return Bad("problem of a cluster job", e);
  }
}

std::string EncodeTask(const ClusterTask& task) {
  json jobs = json::array();
  for (const EvalJob& job : task.jobs) jobs.push_back(JobJson(job));
  return json{{"format", kFormat}, {"problem", task.problem}, {"jobs", std::move(jobs)}}.dump();
}

Result<ClusterTask> DecodeTask(std::string_view text) {
  try {
    const json j = Parse(text);
    ClusterTask task{j.at("problem"), {}};
    for (const json& k : j.at("jobs")) {
      EvalJob job{.source = TextOf(k.at("source")), .file = TextOf(k.at("file")), .seeds = Seeds(k.at("seeds")), .skeleton_of = {}};
      if (k.contains("skeleton_of")) job.skeleton_of = TextOf(k["skeleton_of"]);
      job.quick_seeds = k.value("quick_seeds", 0);
      job.quick_score = k.value("quick_score", 0.0);
      job.max_events = k.value("max_events", uint64_t{0});
      if (k.contains("workload")) job.workload = TextOf(k["workload"]);
      task.jobs.push_back(std::move(job));
    }
    return task;
  } catch (const std::exception& e) {
    return Bad("task of a cluster job", e);
  }
}

std::string EncodeResult(const std::string& key, const Evaluation& e) {
  json seeds = json::array();
  for (const SeedResult& s : e.seeds) seeds.push_back({{"seed", std::to_string(s.seed)}, {"metrics", s.metrics}});
  json evaluation = {{"outcome", OutcomeName(e.outcome)}, {"diagnosis", Text(e.diagnosis)}, {"object_hash", e.object_hash}, {"seeds", std::move(seeds)}};
  const std::string checksum = Sha256Hex(evaluation.dump());
  return json{{"format", kFormat}, {"key", key}, {"checksum", checksum}, {"evaluation", std::move(evaluation)}}.dump();
}

Result<Evaluation> DecodeResult(std::string_view text, const std::string& key) {
  try {
    const json j = Parse(text);
    const json& r = j.at("evaluation");
    if (j.at("key") != key) throw std::invalid_argument("it is of another job");
    if (j.at("checksum") != Sha256Hex(r.dump())) throw std::invalid_argument("its checksum is wrong");
    Evaluation e;
    auto outcome = OutcomeFromName(r.at("outcome").get<std::string>());
    if (!outcome || *outcome == Outcome::kInternal) throw std::invalid_argument("its outcome is none of a policy");
    e.outcome = *outcome;
    e.diagnosis = WithoutControls(TextOf(r.at("diagnosis")));
    if (e.diagnosis.size() > kMaxDiagnosis) throw std::invalid_argument("its diagnosis is too long");
    e.object_hash = r.at("object_hash");
    for (const json& s : r.at("seeds")) e.seeds.push_back({std::stoull(s.at("seed").get<std::string>()), s.at("metrics").get<Metrics>(), 0});
    return e;
  } catch (const std::exception& e) {
    return Bad("result of a cluster job", e);
  }
}

std::string EncodeFailure(const Error& error) { return json{{"code", error.code}, {"message", Text(error.message)}}.dump(); }

Error DecodeFailure(std::string_view text) {
  try {
    const json j = json::parse(text);
    return {j.at("code").get<int>(), OneLine(TextOf(j.at("message")), 4096)};
  } catch (const std::exception& e) {
    return Bad("failure of a cluster job", e);
  }
}

std::string JobKey(const std::string& problem, const EvalJob& job) { return Sha256Hex(problem + JobJson(job).dump()); }

std::string ProblemPath(const std::string& folder, const std::string& hash) { return folder + "/problems/" + hash + ".json"; }
std::string ResultPath(const std::string& folder, const std::string& key) { return folder + "/results/" + key.substr(0, 2) + "/" + key + ".json"; }
std::string TaskPath(const std::string& batch_dir, int index) { return batch_dir + "/" + std::to_string(index) + ".json"; }
std::string FailurePath(const std::string& batch_dir, int index) { return batch_dir + "/" + std::to_string(index) + ".error"; }
std::string HeartbeatPath(const std::string& batch_dir, int index) { return batch_dir + "/" + std::to_string(index) + ".beat"; }

Result<std::string> EngineHash(const std::string& program_dir, const std::string& include_dir) {
  std::string all;
  for (const std::string& path : {JoinPath(program_dir, "osevolve-gate"), JoinPath(program_dir, "osevolve-worker"), JoinPath(include_dir, "osevolve/policy.h")}) {
    OSE_ASSIGN(std::string bytes, ReadFile(path));
    all += Sha256Hex(bytes);
  }
  return Sha256Hex(all);
}

}  // namespace ose
