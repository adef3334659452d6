// Any bytes as JSON that a user or a program hands back to us: a sweep to plot, results of benchmarks, counts of a
// kernel, a schedule, a recorded conversation with a model. The first byte picks the reader. What is taken makes sense.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "core/schedule_log.h"
#include "lab/measure.h"
#include "llm/exchange.h"
#include "report/charts.h"
#include "workload/signature_counts.h"

namespace {

void Check(bool holds) {
  if (!holds) abort();
}

void Plot(std::string_view text) {
  ose::LoadCurves curves;
  const size_t half = text.find('\n');
  for (std::string_view part : {text.substr(0, half), half == text.npos ? text : text.substr(half + 1)}) {
    const auto j = nlohmann::json::parse(part, nullptr, false);
    if (j.is_discarded() || !ose::AddLoadCurves(j, "f.json", "latency_p99", curves).ok()) return;
    Check(!curves.curves.empty());
    (void)ose::LoadChart(curves, "latency_p99");
  }
}

// A file in memory, so that nothing is left by a fuzzer that is killed.
void Replay(std::string_view text) {
  const ose::Fd file(memfd_create("recording", MFD_CLOEXEC));
  Check(write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const auto http = ose::MakeReplayHttp("/proc/self/fd/" + std::to_string(file.get()));
  if (!http.ok()) return;
  for (int i = 0; i < 3; ++i) {
    const ose::HttpResponse r = (*http)->Post({.url = "http://x/v1", .body = "{}"}, [](std::string_view) { return true; }, nullptr);
    if (r.end == ose::HttpEnd::kConnect) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {  // '0' is 48: a multiple of 8
    case 0: Plot(text); break;
    case 1: (void)ose::ParseBench(ose::BenchOutput::kLoad, text); break;
    case 2: (void)ose::ParseBench(ose::BenchOutput::kSysbench, text); break;
    case 3: (void)ose::ParseBench(ose::BenchOutput::kSeconds, text); break;
    case 4: (void)ose::ParseBench(ose::BenchOutput::kRedis, text); break;
    case 5:
      if (const auto counts = ose::ParseSignatureCounts(text); counts.ok())
        for (const double feature : ose::SignatureOfCounts(*counts)) Check(std::isfinite(feature));
      break;
    case 6: Replay(text); break;
    case 7:
      if (const auto log = ose::DecodeScheduleLog(text); log.ok()) {
        const auto again = ose::DecodeScheduleLog(ose::EncodeScheduleLog(*log));
        Check(again.ok() && again->events.size() == log->events.size());
        (void)ose::GanttChart(*log, "p");
      }
  }
  return 0;
}
