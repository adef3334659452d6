#include "live/watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "core/exit_code.h"
#include "live/bpf_words.h"
#include "live/privilege.h"

namespace ose {
namespace {

using nlohmann::json;

// As in watch.bpf.c.
constexpr int kMaxCpus = 256;
constexpr int kBurstBuckets = 176;
struct alignas(64) CpuCounts {
  uint64_t cpu_ns, begun, bursts, burst_ns, burst_us2, sleeps, wakes, yields, locks, open_ns, arrivals, gap_ns, gap_us2, tasks;
  uint64_t burst_hist[kBurstBuckets];
};
struct Data {
  CpuCounts counts[kMaxCpus];
  uint32_t nice_seen[40];
  uint64_t last_arrival;
};

struct ObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct LinkCloser {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

bpf_map* Section(bpf_object* object, std::string_view name) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object)
    if (std::string_view(bpf_map__name(map)).ends_with(name)) return map;
  return nullptr;
}

json CountsJson(const Data& d, bpf_object* object, double window_s, int cpus) {
  CpuCounts sum{};
  for (const CpuCounts& c : d.counts) {
    const auto* from = reinterpret_cast<const uint64_t*>(&c);
    auto* to = reinterpret_cast<uint64_t*>(&sum);
    for (size_t i = 0; i < sizeof(CpuCounts) / sizeof(uint64_t); ++i) to[i] += from[i];
  }
  std::set<int32_t> wakers;
  uint64_t pairs = 0;
  if (bpf_map* map = bpf_object__find_map_by_name(object, "pairs")) {
    int32_t key[2], next[2];
    void* at = nullptr;
    while (bpf_map_get_next_key(bpf_map__fd(map), at, next) == 0) {
      wakers.insert(next[0]);
      ++pairs;
      memcpy(key, next, sizeof key);
      at = key;
    }
  }
  json nice = json::array();
  for (int i = 0; i < 40; ++i)
    if (d.nice_seen[i]) nice.push_back(i - 20);
  json hist = json::array();
  int last = kBurstBuckets;
  while (last > 0 && sum.burst_hist[last - 1] == 0) --last;
  for (int i = 0; i < last; ++i) hist.push_back(sum.burst_hist[i]);
  return {{"format", 1},         {"cpus", cpus},           {"window_s", window_s},     {"tasks", sum.tasks},     {"cpu_ns", sum.cpu_ns},
          {"begun", sum.begun}, {"bursts", sum.bursts}, {"burst_ns", sum.burst_ns}, {"burst_us2", sum.burst_us2}, {"burst_hist", hist},  {"sleeps", sum.sleeps},
          {"wakes", sum.wakes},   {"waker_pairs", pairs},   {"wakers", wakers.size()},  {"yields", sum.yields},   {"locks", sum.locks},
          {"open_ns", sum.open_ns}, {"arrivals", sum.arrivals}, {"gap_ns", sum.gap_ns}, {"gap_us2", sum.gap_us2}, {"nice", nice}};
}

int QuietLibbpf(enum libbpf_print_level, const char*, va_list) { return 0; }

}  // namespace

Result<std::string> WatchCounts(const WatchOptions& o) {
  if (geteuid() != 0) return Error{kExitNoTracing, "counting in the kernel takes root: sudo"};
  OSE_TRY(CheckBpf(kExitNoTracing));
  libbpf_set_print(QuietLibbpf);
  std::unique_ptr<bpf_object, ObjectCloser> object(bpf_object__open_file(o.object.c_str(), nullptr));
  if (!object) return Error{kExitInternal, o.object + " cannot be read: build again"};
  OSE_ASSIGN(Fd signals, CatchEndSignals());

  // A shell that becomes the command waits for a line until the counters stand.
  std::optional<Subprocess> command;
  if (!o.command.empty()) {
    SubprocessOptions run;
    run.argv = {"/bin/sh", "-c", "read -r go && exec \"$@\"", "sh"};
    run.argv.insert(run.argv.end(), o.command.begin(), o.command.end());
    OSE_ASSIGN(Subprocess started, Subprocess::Start(run));
    command = std::move(started);
    size_t size = 0;
    bpf_map* constants = Section(object.get(), ".rodata");
    auto* data = constants ? static_cast<char*>(bpf_map__initial_value(constants, &size)) : nullptr;
    const uint32_t pid = static_cast<uint32_t>(command->pid());
    if (!data || size < sizeof pid) return Error{kExitInternal, o.object + " is of another version: build again"};
    memcpy(data, &pid, sizeof pid);
  }
  bpf_map* bss = Section(object.get(), ".bss");
  size_t size = 0;
  if (!bss || !bpf_map__initial_value(bss, &size) || size < sizeof(Data)) return Error{kExitInternal, o.object + " is of another version: build again"};
  if (const int failure = bpf_object__load(object.get()); failure != 0)
    return Error{kExitNoTracing, fmt::format("the kernel refuses the counters: {}", strerror(-failure))};

  std::vector<std::unique_ptr<bpf_link, LinkCloser>> links;
  json missing = json::array();
  for (const char* name : {"on_switch", "on_waking", "on_fork"}) {
    bpf_program* program = bpf_object__find_program_by_name(object.get(), name);
    links.emplace_back(program ? bpf_program__attach(program) : nullptr);
    if (!links.back()) return Error{kExitNoTracing, fmt::format("the kernel refuses a counter ({}): {}", name, strerror(errno))};
  }
  for (auto [name, syscall] : {std::pair{"on_yield", "sched_yield"}, {"on_futex", "futex"}}) {
    bpf_program* program = o.system_calls ? bpf_object__find_program_by_name(object.get(), name) : nullptr;
    links.emplace_back(program ? bpf_program__attach_ksyscall(program, syscall, nullptr) : nullptr);
    if (!links.back()) missing.push_back(syscall);
  }

  const Nanos start = MonotonicNow();
  if (command) {
    (void)!write(command->in(), "go\n", 3);
    command->CloseIn();
  }
  int output = command ? command->out() : -1, exit_code = 0;
  while (MonotonicNow() - start < o.time || command) {
    pollfd watched[2] = {{signals.get(), POLLIN, 0}, {output, POLLIN, 0}};
    poll(watched, 2, 50);
    if (watched[0].revents) break;
    if (!command) continue;
    char buffer[65536];
    ssize_t got = -1;
    while (output >= 0 && (got = read(output, buffer, sizeof buffer)) > 0)
      if (write(STDERR_FILENO, buffer, static_cast<size_t>(got)) != got) break;
    if (got == 0) output = -1;
    if (auto end = command->Wait(Nanos{})) {
      exit_code = end->exit_code >= 0 ? end->exit_code : 128 + end->signal;
      break;
    }
  }
  links.clear();
  const double window_s = (MonotonicNow() - start).s();
  // Once loaded, the section is memory that the kernel shares with us.
  const auto* data = static_cast<const Data*>(bpf_map__initial_value(bss, &size));
  json j = CountsJson(*data, object.get(), window_s, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  j["exit_code"] = exit_code;
  j["not_counted"] = missing;
  return j.dump();
}

}  // namespace ose
