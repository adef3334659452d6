// Reads a Perfetto trace for the end-to-end tests.
//   trace_check TRACE           checks that it is whole (report/trace_testing.h) and prints what is in it
//   trace_check TRACE EVAL.json ... and that each CPU did what the profile of `eval --profile --json` says
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/trace_testing.h"

int main(int argc, char** argv) {
  using namespace ose::testing_trace;
  try {
    if (argc < 2) throw std::runtime_error("usage: trace_check TRACE [EVAL.json]");
    std::ifstream file(argv[1], std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    const Trace trace = Read(bytes.str());
    std::cout << "tracks " << trace.tracks.size() << ", slices " << trace.slices.size() << ", counts " << trace.counts.size() << ", arrows "
              << trace.flow_out.size() << '\n';
    if (argc < 3) return 0;
    std::ifstream in(argv[2]);
    const nlohmann::json profile = nlohmann::json::parse(in).at("rows").at(0).at("profile");
    int cpu = 0;
    for (const nlohmann::json& want : profile.at("cpus")) {
      const CpuTime time = TimeOf(trace.On("cpu " + std::to_string(cpu)));
      int64_t overhead = 0;
      for (auto& [cause, ns] : time.overhead) overhead += ns;
      std::cout << "cpu " << cpu << ": useful " << time.useful << ", overhead " << overhead << '\n';
      if (time.useful != want.at("useful_ns").get<int64_t>() || overhead != want.at("overhead_ns").get<int64_t>())
        throw std::runtime_error("cpu " + std::to_string(cpu) + " did something else: " + want.dump());
      ++cpu;
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "trace_check: " << e.what() << '\n';
    return 1;
  }
}
