#include "core/worker_protocol.h"

#include "base/json.h"
#include "base/utf8.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr size_t kMaxDiagnosis = 4096;

Error BadMessage(const char* what, const std::exception& e) {
  return {kExitInternal, std::string("malformed ") + what + ": " + e.what()};
}

// The texts may hold what a candidate wrote; invalid UTF-8 must not make them unsendable.
std::string Dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string EncodeLoad(const WorkerLoad& load) {
  return Dump({{"load", {{"slot", load.slot}, {"workload", load.workload}, {"machine", load.machine}}}});
}

std::string EncodeRun(const WorkerRun& run) {
  json steps = json::array();
  for (const WorkerStep& s : run.steps) {
    json seeds = json::array();
    for (uint64_t seed : s.seeds) seeds.push_back(std::to_string(seed));
    steps.push_back({{"slot", s.slot}, {"checked", s.checked}, {"report", s.report}, {"profile", s.watch.profile}, {"seeds", seeds}});
    if (s.max_events > 0) steps.back()["max_events"] = s.max_events;
    if (!s.watch.distributions.empty()) steps.back()["distributions"] = s.watch.distributions;
    if (auto& log = s.watch.log)
      steps.back()["log"] = {{"from_ns", log->from_ns}, {"to_ns", log->to_ns}, {"max_events", log->max_events}};
  }
  return Dump({{"run",
                {{"object", run.object},
                 {"tunables", run.tunables},
                 {"steps", steps},
                 {"cpu_ms", run.limits.cpu_ms},
                 {"wall_ms", run.limits.wall_ms},
                 {"memory_mb", run.limits.memory_mb}}}});
}

Result<std::variant<WorkerLoad, WorkerRun>> DecodeWorkerRequest(std::string_view text) {
  using Request = std::variant<WorkerLoad, WorkerRun>;
  try {
    json j = json::parse(text);
    if (j.contains("load")) {
      const json& l = j.at("load");
      WorkerLoad load{l.at("slot"), l.at("workload"), l.at("machine")};
      if (load.slot < 0 || load.slot >= kMaxWorkerSlots) return Error{kExitInternal, "worker slot out of range"};
      return Request(std::move(load));
    }
    const json& r = j.at("run");
    WorkerRun run;
    run.object = r.at("object");
    run.tunables = r.at("tunables").get<Tunables>();
    run.limits = {r.at("cpu_ms"), r.at("wall_ms"), r.at("memory_mb")};
    for (const json& s : r.at("steps")) {
      WorkerStep step{s.at("slot"), s.at("checked"), s.at("report"), {}, {.profile = s.value("profile", false)}};
      step.max_events = s.value("max_events", uint64_t{0});
      step.watch.distributions = s.value("distributions", std::vector<std::string>());
      if (s.contains("log")) step.watch.log = {s["log"].at("from_ns"), s["log"].at("to_ns"), s["log"].at("max_events")};
      for (const json& seed : s.at("seeds")) step.seeds.push_back(std::stoull(seed.get<std::string>()));
      run.steps.push_back(std::move(step));
    }
    return Request(std::move(run));
  } catch (const std::exception& e) {
    return BadMessage("request to the worker", e);
  }
}

std::string EncodeLoadReply(const Status& status) {
  if (status.ok()) return Dump({{"ok", true}});
  return Dump({{"ok", false}, {"code", status.error().code}, {"error", status.error().message}});
}

Status DecodeLoadReply(std::string_view text) {
  try {
    json j = json::parse(text);
    if (j.at("ok").get<bool>()) return {};
    return Error{j.at("code").get<int>(), j.at("error").get<std::string>()};
  } catch (const std::exception& e) {
    return BadMessage("reply of the worker", e);
  }
}

std::string EncodeReply(const WorkerReply& reply) {
  json results = json::array();
  for (const WorkerSeed& s : reply.results) {
    results.push_back({{"seed", std::to_string(s.seed)}, {"metrics", s.metrics}, {"counters", s.counters}});
    if (s.profile) results.back()["profile"] = json::parse(EncodeProfile(*s.profile));
    if (s.log) results.back()["log"] = EncodeScheduleLog(*s.log);
    for (const auto& [name, d] : s.distributions) results.back()["distributions"][name] = {{"count", d.count}, {"values", d.values}};
  }
  return Dump({{"outcome", OutcomeName(reply.outcome)},
               {"diagnosis", reply.diagnosis},
               {"cpu_ms", reply.cpu_ms},
               {"results", results}});
}

Result<WorkerReply> DecodeReply(std::string_view text) {
  try {
    json j = json::parse(text);
    WorkerReply reply;
    reply.outcome = OutcomeFromName(j.at("outcome").get<std::string>()).value_or(Outcome::kInternal);
    // A candidate may have written this, for a terminal to obey.
    reply.diagnosis = OneLine(j.at("diagnosis").get<std::string>(), kMaxDiagnosis);
    reply.cpu_ms = j.at("cpu_ms");
    for (const json& s : j.at("results")) {
      reply.results.push_back({std::stoull(s.at("seed").get<std::string>()), s.at("metrics").get<Metrics>(),
                               s.at("counters").get<std::vector<uint64_t>>(), {}});
      if (s.contains("profile")) {
        const std::string profile = s.at("profile").dump();
        if (profile.find("\\u00") != std::string::npos || profile.find('\x7f') != std::string::npos)
          return Error{kExitInternal, "malformed reply of the worker: control characters in a profile"};
        OSE_ASSIGN(reply.results.back().profile, DecodeProfile(profile));
      }
      const json distributions = s.value("distributions", json::object());
      for (const auto& [name, d] : distributions.items()) {
        Distribution& distribution = reply.results.back().distributions[name];
        distribution = {d.at("count"), d.at("values")};
        if (distribution.values.size() != kQuantiles) return Error{kExitInternal, "a distribution with another number of quantiles"};
      }
      if (s.contains("log")) {
        OSE_ASSIGN(reply.results.back().log, DecodeScheduleLog(s.at("log").get<std::string>()));
      }
    }
    return reply;
  } catch (const std::exception& e) {
    return BadMessage("reply of the worker", e);
  }
}

}  // namespace ose
