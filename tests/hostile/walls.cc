#include "hostile/walls.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <set>

#include "sandbox/seccomp_filter.h"

namespace ose::hostile {
namespace {

std::set<std::string, std::less<>>& Out() {
  static std::set<std::string, std::less<>> out;
  return out;
}

}  // namespace

const std::vector<std::string>& WallNames() {
  static const std::vector<std::string> names = {"gate", "seccomp", "landlock", "limits", "group"};
  return names;
}

void TakeOut(std::string_view walls) {
  Out().clear();
  while (!walls.empty()) {
    const size_t end = std::min(walls.find('+'), walls.size());
    if (end > 0) Out().emplace(walls.substr(0, end));
    walls.remove_prefix(std::min(end + 1, walls.size()));
  }
}

bool IsOut(std::string_view wall) { return Out().contains(wall); }

}  // namespace ose::hostile

// The names that --wrap gives, with the C++ ones mangled: InstallFilter(const SeccompProgram&) and
// EnforceLandlock(int) of src/sandbox.
extern "C" {

using ose::hostile::IsOut;

int __real__ZN3ose13InstallFilterERKSt6vectorI11sock_filterSaIS1_EE(const ose::SeccompProgram& program);
int __wrap__ZN3ose13InstallFilterERKSt6vectorI11sock_filterSaIS1_EE(const ose::SeccompProgram& program) {
  return IsOut("seccomp") ? 0 : __real__ZN3ose13InstallFilterERKSt6vectorI11sock_filterSaIS1_EE(program);
}

int __real__ZN3ose15EnforceLandlockEi(int ruleset);
int __wrap__ZN3ose15EnforceLandlockEi(int ruleset) {
  return IsOut("landlock") ? 0 : __real__ZN3ose15EnforceLandlockEi(ruleset);
}

int __real_setrlimit(int resource, const rlimit* limit);
int __wrap_setrlimit(int resource, const rlimit* limit) {
  return IsOut("limits") ? 0 : __real_setrlimit(resource, limit);
}

int __real_timer_settime(timer_t timer, int flags, const itimerspec* at, itimerspec* old);
int __wrap_timer_settime(timer_t timer, int flags, const itimerspec* at, itimerspec* old) {
  return IsOut("limits") ? 0 : __real_timer_settime(timer, flags, at, old);
}

int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal) {
  return IsOut("group") && pid < 0 ? 0 : __real_kill(pid, signal);
}
}
