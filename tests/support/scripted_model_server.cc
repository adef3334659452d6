// scripted-model-server SCRIPT.json [REQUESTS]: plays the models' part for end-to-end tests. Prints its
// port, then serves what the script says (model_replies.h) until SIGTERM, SIGINT or the end of its parent. Each
// request goes as a line of JSON to the file REQUESTS: format, target, headers and body.
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "support/model_replies.h"

int main(int argc, char** argv) {
  using nlohmann::json;
  const pid_t parent = getppid();
  if (argc < 2 || argc > 3) {
    std::fputs("usage: scripted-model-server SCRIPT.json [REQUESTS]\n", stderr);
    return 2;
  }
  std::ifstream file(argv[1]);
  json script = json::parse(file, nullptr, false);
  if (!script.is_object()) {
    std::fprintf(stderr, "%s: no JSON object\n", argv[1]);
    return 2;
  }
  for (const auto& [name, list] : script.items()) {
    static constexpr std::string_view kNames[] = {"openai", "responses", "anthropic", "gemini", "bedrock", "key"};
    if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) continue;
    std::fprintf(stderr, "%s: \"%s\" is no wire format\n", argv[1], name.c_str());
    return 2;
  }
  std::ofstream log;
  if (argc == 3) log.open(argv[2]);

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before there are threads, which inherit it
  // A test that is killed runs no trap, and must not leave its server behind.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) return 0;  // it ended before the line above

  ose::ScriptedServer server;
  server.Handle("/", [&log, replies = ose::ModelReplies(std::move(script))](const ose::ScriptedRequest& request) mutable {
    if (log.is_open()) {
      json headers = json::object();
      for (const auto& [name, value] : request.headers) headers[name] = value;
      const json body = json::parse(request.body, nullptr, false);
      const json line = {{"format", ose::ModelFormat(request.target)}, {"target", request.target}, {"headers", headers},
                         {"body", body.is_discarded() ? json(request.body) : body}};
      log << line.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    }
    return replies(request);
  });
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
