#include "sim/charged_services.h"

#include <optional>
#include <string_view>

#include "sim/kernel.h"  // completes the task for services.h

#include "native/services.h"

namespace ose {
namespace {

using namespace osevolve;

// What a call is charged as before it is made; nothing for those that charge by what they do (queue
// operations, idle picking, kicks) and for loops, which are the policy's own work as all that is no call.
constexpr std::optional<Service> ServiceOf(std::string_view name) {
  for (std::string_view own : {"dsq_create", "dsq_insert", "dsq_insert_vtime", "dsq_move_to_local", "keep_running", "pick_idle",
                               "pick_idle_in", "claim_idle", "select_dfl", "kick_cpu", "iter_new", "iter_next", "iter_destroy"})
    if (name == own) return std::nullopt;
  if (name == "now") return Service::kNow;
  if (name == "random") return Service::kRandom;
  if (name == "cpu_llc" || name == "cpu_node" || name == "cpu_sibling") return Service::kTopology;
  if (name == "cpu_running") return Service::kCpuRunning;
  if (name == "cpu_idle") return Service::kCpuIdle;
  if (name == "cpu_state") return Service::kCpuState;
  if (name == "dsq_nr_queued") return Service::kDsqLength;
  if (name == "dsq_peek" || name == "dsq_peek_vtime") return Service::kDsqPeek;
  if (name == "timer_start") return Service::kTimerStart;
  if (name == "count") return Service::kCount;
  if (name == "task_state") return Service::kTaskState;
  if (name.starts_with("task_")) return Service::kTaskField;
  return Service::kBasic;
}

Kernel& Host() { return *current_host<Kernel>; }

// The CPU whose local queue it is; the calling one for queues that are nobody's.
s32 HomeOf(u64 dsq) { return (dsq & kDsqLocalOn) == kDsqLocalOn ? static_cast<s32>(dsq) : Host().this_cpu(); }

constexpr OsvHost Charged() {
  OsvHost h{};
  h.abi = kAbiVersion;
#define OSE_CHARGED(ret, name, params, args)                                    \
  h.name = [] params -> ret {                                                   \
    if constexpr (constexpr auto service = ServiceOf(#name); service.has_value()) Host().Charge(*service); \
    return kHostServices<Kernel>.name args;                                     \
  };
  OSV_SERVICES(OSE_CHARGED)
#undef OSE_CHARGED
  // These look at what may belong to another CPU.
#define OSE_CHARGED_FOR(name, parameter, cpu)                                   \
  h.name = [](decltype(parameter) arg) {                                        \
    constexpr Service service = *ServiceOf(#name);                              \
    Host().ChargeFor(service, cpu);                                             \
    return kHostServices<Kernel>.name(arg);                                     \
  };
  OSE_CHARGED_FOR(cpu_running, s32{}, arg)
  OSE_CHARGED_FOR(cpu_state, s32{}, arg)
  OSE_CHARGED_FOR(dsq_nr_queued, u64{}, HomeOf(arg))
  OSE_CHARGED_FOR(dsq_peek, u64{}, HomeOf(arg))
  OSE_CHARGED_FOR(dsq_peek_vtime, u64{}, HomeOf(arg))
#undef OSE_CHARGED_FOR
  return h;
}

// Those that the table charges; the kernel charges the others itself.
constexpr Service kOfTable[] = {Service::kBasic,    Service::kNow,       Service::kRandom, Service::kTopology, Service::kCpuRunning,
                                Service::kCpuIdle,  Service::kCpuState,  Service::kTaskField, Service::kTaskState,
                                Service::kCount,    Service::kTimerStart, Service::kDsqLength, Service::kDsqPeek};

}  // namespace

constinit const OsvHost kChargedServices = Charged();

bool ServicesAreFree(const Machine& machine) {
  bool free = machine.service.remote.v == 0 && machine.service.remote_far.v == 0;
  for (Service s : kOfTable) free = free && machine.ServiceCost(s).v == 0;
  return free;
}

}  // namespace ose
