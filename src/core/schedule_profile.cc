#include "core/schedule_profile.h"

#include <algorithm>

#include "base/json.h"
#include "core/exit_code.h"

namespace ose {

using nlohmann::json;

// The names in JSON are those of the fields.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileTimes, count, total_ns, p50_ns, p99_ns, max_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileCpu, useful_ns, overhead_ns, idle_ns)
// Profiles from before a cause was told apart lack its key.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ProfileOverhead, policy_ns, switch_ns, wakeup_ns, migration_ns, interrupt_ns,
                                                system_call_ns, noise_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileTurnEnds, slept, exited, yielded, slice_used_up, preempted)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileGroup, name, tasks, cpu_ns, waits, wakeups, turns, ends, migrations)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileStretch, cpu, who, begin_ns, ns, turns, tasks)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProfileEpisode, task, is_event, begin_ns, end_ns, ended, why, queue, cpu, start_ns, work_ns, meanwhile)

ProfileCpu ScheduleProfile::Total() const {
  ProfileCpu sum;
  for (const ProfileCpu& c : cpus) {
    sum.useful_ns += c.useful_ns;
    sum.overhead_ns += c.overhead_ns;
    sum.idle_ns += c.idle_ns;
  }
  return sum;
}

std::string EncodeProfile(const ScheduleProfile& p) {
  json j = {{"workload", p.workload},
            {"machine", p.machine},
            {"seed", std::to_string(p.seed)},
            {"time_ns", p.time_ns},
            {"cpus", p.cpus},
            {"overhead", p.overhead},
            {"idle_while_waiting_ns", p.idle_while_waiting_ns},
            {"some_waiting_ns", p.some_waiting_ns},
            {"waiting_task_ns", p.waiting_task_ns},
            {"max_waiting", p.max_waiting},
            {"some_idle_waiting_ns", p.some_idle_waiting_ns},
            {"groups", p.groups},
            {"episodes", p.episodes}};
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ScheduleProfile> DecodeProfile(std::string_view text) {
  try {
    const json j = json::parse(text);
    ScheduleProfile p;
    p.seed = std::stoull(j.at("seed").get<std::string>());
    p.workload = j.at("workload");
    p.machine = j.at("machine");
    p.time_ns = j.at("time_ns");
    p.cpus = j.at("cpus").get<std::vector<ProfileCpu>>();
    p.overhead = j.at("overhead").get<ProfileOverhead>();
    p.idle_while_waiting_ns = j.at("idle_while_waiting_ns");
    p.some_waiting_ns = j.at("some_waiting_ns");
    p.waiting_task_ns = j.at("waiting_task_ns");
    p.max_waiting = j.at("max_waiting");
    p.some_idle_waiting_ns = j.at("some_idle_waiting_ns");
    p.groups = j.at("groups").get<std::vector<ProfileGroup>>();
    p.episodes = j.at("episodes").get<std::vector<ProfileEpisode>>();
    return p;
  } catch (const std::exception& e) {
    return Error{kExitInternal, std::string("malformed schedule profile: ") + e.what()};
  }
}

}  // namespace ose
