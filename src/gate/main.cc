// osevolve-gate INCLUDE_DIR: checks policy sources; see core/gate_protocol.h.
#include <cstdio>

#include "gate/server.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(
        stderr,
        "usage: osevolve-gate INCLUDE_DIR  (requests on stdin, responses on stdout, as frames of JSON)\n");
    return 2;
  }
  ose::GateServerOptions options;
  options.include_dir = argv[1];
  auto server = ose::GateServer::Create(options);
  if (!server.ok()) {
    std::fprintf(stderr, "osevolve-gate: %s\n", server.error().message.c_str());
    return server.error().code;
  }
  ose::Status status = server->Serve(0, 1);
  if (!status.ok()) {
    std::fprintf(stderr, "osevolve-gate: %s\n", status.error().message.c_str());
    return status.error().code;
  }
  return 0;
}
