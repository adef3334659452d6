#include "core/topology.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace ose {
namespace {

constexpr int kMost = 8192;

std::string Text(const std::string& path) {
  auto text = ReadFile(path, 4096);
  return text.ok() ? *text : "";
}

}  // namespace

std::vector<int> ParseCpuList(const std::string& text) {
  std::vector<int> cpus;
  const char *at = text.data(), *end = text.data() + text.size();
  while (at < end) {
    int from = 0, to = 0;
    auto first = std::from_chars(at, end, from);
    if (first.ec != std::errc()) break;
    at = first.ptr;
    to = from;
    if (at < end && *at == '-') {
      auto last = std::from_chars(at + 1, end, to);
      if (last.ec != std::errc()) break;
      at = last.ptr;
    }
    if (from < 0 || to >= kMost) break;
    for (int c = from; c <= to; ++c) cpus.push_back(c);
    if (at < end && *at == ',') ++at;
    else break;
  }
  return cpus;
}

Topology ReadTopology(const std::string& root) {
  Topology t;
  const std::vector<int> possible = ParseCpuList(Text(root + "/cpu/possible"));
  t.cpus.resize(possible.empty() ? 1 : static_cast<size_t>(*std::max_element(possible.begin(), possible.end())) + 1);
  t.online = ParseCpuList(Text(root + "/cpu/online"));
  if (t.online.empty())
    for (size_t c = 0; c < t.cpus.size(); ++c) t.online.push_back(static_cast<int>(c));
  for (size_t c = 0; c < t.cpus.size(); ++c) {
    CpuPlace& place = t.cpus[c];
    place.sibling = static_cast<int32_t>(c);
    const std::string cpu = root + "/cpu/cpu" + std::to_string(c);
    for (int s : ParseCpuList(Text(cpu + "/topology/thread_siblings_list")))
      if (s != static_cast<int>(c)) {
        place.sibling = s;
        break;
      }
    // The highest level that there is, of data.
    int highest = 0;
    for (int index = 0; index < 8; ++index) {
      const std::string cache = cpu + "/cache/index" + std::to_string(index);
      const int level = atoi(Text(cache + "/level").c_str());
      if (level <= highest || Text(cache + "/type").starts_with("Instruction")) continue;
      const std::vector<int> shared = ParseCpuList(Text(cache + "/shared_cpu_list"));
      if (shared.empty()) continue;
      highest = level;
      if (static_cast<int>(c) == t.online[0]) {
        const int64_t kb = atoll(Text(cache + "/size").c_str());  // "512K", always in this unit
        (level == 1 ? t.l1_kb : level == 2 ? t.l2_kb : t.llc_kb) = kb;
        t.llc_kb = kb;
      }
      place.llc = *std::min_element(shared.begin(), shared.end());
    }
  }
  for (int node : ParseCpuList(Text(root + "/node/possible")))
    for (int c : ParseCpuList(Text(root + "/node/node" + std::to_string(node) + "/cpulist")))
      if (c < static_cast<int>(t.cpus.size())) t.cpus[static_cast<size_t>(c)].node = node;
  return t;
}

}  // namespace ose
