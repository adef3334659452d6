#include "hostile/witness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace ose::hostile {
namespace {

constexpr char kSecret[] = "canary-5f2d";

Error Failed(const char* what) { return {74, std::string(what) + ": " + strerror(errno)}; }

// State and parent of a process; 0 when it is gone.
pid_t ParentOf(pid_t pid, char* state) {
  char path[64], line[512] = {};
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE* file = fopen(path, "re");
  if (!file) return 0;
  const size_t n = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[n] = 0;
  const char* after = strrchr(line, ')');
  int parent = 0;
  if (!after || sscanf(after + 1, " %c %d", state, &parent) != 2) return 0;
  return parent;
}

}  // namespace

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> out;
  DIR* dir = opendir("/proc");
  if (!dir) return out;
  while (dirent* entry = readdir(dir)) {
    const pid_t pid = atoi(entry->d_name);
    char state = 0;
    if (pid > 0 && ParentOf(pid, &state) == parent && state != 'Z' && state != 'X') out.push_back(pid);
  }
  closedir(dir);
  return out;
}

Result<std::unique_ptr<Witness>> Witness::Create(const std::string& dir) {
  std::unique_ptr<Witness> w(new Witness);
  w->canary_ = JoinPath(dir, "canary");
  OSE_TRY(MakeDirs(w->canary_));
  OSE_TRY(WriteFileAtomic(JoinPath(w->canary_, "secret"), std::string(kSecret) + "\n"));
  w->inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!w->inotify_ || inotify_add_watch(w->inotify_.get(), w->canary_.c_str(),
                                        IN_OPEN | IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVE) < 0)
    return Failed("watching the canary");

  w->socket_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (!w->socket_ || bind(w->socket_.get(), plain, size) != 0 || listen(w->socket_.get(), 8) != 0 ||
      getsockname(w->socket_.get(), plain, &size) != 0)
    return Failed("listening on the loopback");
  w->port_ = ntohs(address.sin_port);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return Failed("becoming a subreaper");
  return w;
}

std::vector<std::string> Witness::Take(const std::vector<pid_t>& known) {
  std::vector<std::string> out;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t n; (n = read(inotify_.get(), buffer, sizeof buffer)) > 0;)
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      const std::string name = event->len ? event->name : "the folder";
      const char* what = event->mask & (IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVE | IN_ATTRIB) ? " was changed" : " was opened";
      if (std::string line = "canary: " + name + what; std::find(out.begin(), out.end(), line) == out.end()) out.push_back(line);
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  for (int fd; (fd = accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0; close(fd)) out.push_back("network: a connection");

  std::vector<pid_t> parents = known;
  parents.push_back(getpid());
  for (pid_t parent : parents)
    for (pid_t pid : ChildrenOf(parent)) {
      if (std::find(known.begin(), known.end(), pid) != known.end()) continue;
      // The compiler's helpers may be on their way out: what is to stay stays longer than this.
      char state = 0;
      for (int i = 0; i < 100 && ParentOf(pid, &state) != 0 && state != 'Z'; ++i) poll(nullptr, 0, 1);
      if (ParentOf(pid, &state) == 0 || state == 'Z') continue;
      out.push_back("process: one was left");
      kill(pid, SIGKILL);
    }
  for (pid_t pid : ChildrenOf(getpid()))
    if (std::find(known.begin(), known.end(), pid) == known.end()) waitpid(pid, nullptr, 0);
  return out;
}

}  // namespace ose::hostile
