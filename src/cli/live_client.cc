#include "cli/live_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"
#include "base/frame.h"
#include "base/subprocess.h"
#include "core/exit_code.h"

namespace ose {

Result<std::string> FindLiveProgram(const Context& context) {
  std::string path = JoinPath(context.programs, "osevolve-live");
  if (FileExists(path)) return path;
  return Error{kExitNoSchedExt, path + " was not built, since packages of tools/packages-vm.txt are missing: run ./osevolve deploy, which installs them, or install them and build again"};
}

Result<std::string> RunLiveProgram(const Context& context, const std::vector<std::string>& arguments, ChildOutput stderr_to) {
  OSE_ASSIGN(std::string live, FindLiveProgram(context));
  CommandOptions run;
  run.argv = {live};
  run.argv.insert(run.argv.end(), arguments.begin(), arguments.end());
  run.stderr_to = stderr_to;
  OSE_ASSIGN(CommandResult result, RunCommand(run));
  if (result.exit.ok()) return std::move(result.out);
  std::string words = result.err;
  if (const std::string prefix = "osevolve-live: error: "; words.starts_with(prefix)) words = words.substr(prefix.size());
  while (words.ends_with('\n')) words.pop_back();
  return Error{result.exit.exit_code > 0 ? result.exit.exit_code : kExitInternal, words};
}

bool SupervisorLives(const std::string& dir) {
  Fd lock(open(JoinPath(dir, "lock").c_str(), O_RDONLY | O_CLOEXEC));
  return lock && flock(lock.get(), LOCK_SH | LOCK_NB) != 0;
}

Result<std::string> AskSupervisor(const std::string& dir, const LiveRequest& request) {
  const std::string path = JoinPath(dir, "control");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{kExitUsage, dir + ": the path is too long for a socket"};
  memcpy(address.sun_path, path.c_str(), path.size());
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES) return Error{kExitNoSchedExt, "only root may change what rules the kernel: sudo"};
    return Error{kExitNoSchedExt, "no policy of OS-Evolve is deployed here (osevolve deploy POLICY)"};
  }
  OSE_TRY(WriteFrame(fd.get(), EncodeLiveRequest(request)));
  // Loading a policy can take seconds, on a loaded machine many.
  OSE_ASSIGN(std::optional<std::string> answer, ReadFrame(fd.get(), kMaxLiveFrame, MonotonicNow() + Nanos::Seconds(120)));
  if (!answer) return Error{kExitIo, "the supervisor ended without an answer; its last words: " + JoinPath(dir, "log")};
  return DecodeLiveReply(*answer);
}

Status StartSupervisor(const Context& context, const std::string& dir, const std::string& journal, double good_after_s,
                       const LiveRequest& first) {
  std::vector<std::string> arguments = {"serve", "--detach", "--dir", dir, "--object", first.object, "--timeout-ms",
                                        std::to_string(first.timeout_ms), "--good-after", fmt::format("{}", good_after_s)};
  if (!journal.empty()) arguments.insert(arguments.end(), {"--journal", journal});
  if (!first.cgroup.empty()) arguments.insert(arguments.end(), {"--cgroup", first.cgroup});
  if (first.partial) arguments.push_back("--partial");
  for (const auto& [name, value] : first.tunables) arguments.insert(arguments.end(), {"--set", fmt::format("{}={}", name, value)});
  OSE_TRY(RunLiveProgram(context, arguments, ChildOutput::kCapture));
  return {};
}

}  // namespace ose
