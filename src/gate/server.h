// The gate as a server (core/gate_protocol.h): each request is checked in a forked child with
// limits, so that source which crashes, starves or takes over clang takes only that child. The
// child inherits libclang and the precompiled header from its parent and so starts in a
// millisecond.
#ifndef OSEVOLVE_GATE_SERVER_H_
#define OSEVOLVE_GATE_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "ast/parser.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "base/time.h"
#include "core/gate_protocol.h"

namespace ose {

struct GateServerOptions {
  std::string include_dir;
  uint64_t cpu_seconds = 5;
  uint64_t memory_bytes = 2ull << 30;  // beyond what the server has mapped
  Nanos wall = Nanos::Seconds(10);
};

class GateServer {
 public:
  // Loads and warms up libclang and prepares the sandbox.
  static Result<GateServer> Create(GateServerOptions options);

  // Answers one request. Never fails: what goes wrong becomes a violation of the rule "internal".
  GateResponse Check(const GateRequest& request) const;

  // Serves frames from `in` to `out` until `in` ends.
  Status Serve(int in, int out) const;

 private:
  GateServer(GateServerOptions options, std::unique_ptr<ast::Parser> parser, ChildHook sandbox)
      : options_(std::move(options)), parser_(std::move(parser)), sandbox_(std::move(sandbox)) {}

  GateServerOptions options_;
  std::unique_ptr<ast::Parser> parser_;
  ChildHook sandbox_;
};

}  // namespace ose

#endif  // OSEVOLVE_GATE_SERVER_H_
