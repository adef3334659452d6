// What the evaluator says to osevolve-gate and what it answers.
//
// osevolve-gate INCLUDE_DIR is a server: it reads requests from stdin and writes one response
// per request to stdout, in order, until stdin ends (exit code 0). A message is a frame: four
// bytes of little-endian length, then that many bytes of UTF-8 JSON.
//
//   request   {"source": "...", "file": "fifo.cc", "hosted": false, "skeleton_of": "..."}
//             "hosted" (default false): sources that declare OSEVOLVE_HOSTED are welcome.
//             "skeleton_of" (optional): a parent's source; only its evolve blocks and the
//             defaults of its tunables may differ.
//   response  {"ok": true, "violations": []}
//             {"ok": false, "violations": [{"rule": "loop", "line": 12, "column": 5,
//                                           "message": "..."}]}
//             A message is one sentence: the construct, why the kernel refuses it, what to write
//             instead. Line and column count from 1; 0 is the file as a whole. The rule "compile"
//             is the compiler's own error, "internal" a check that died or ran out of its limits
//             (CPU 5 s, 2 GB, 10 s of wall time). Violations are in the order of the source.
#ifndef OSEVOLVE_CORE_GATE_PROTOCOL_H_
#define OSEVOLVE_CORE_GATE_PROTOCOL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose {

// Frames larger than this are refused by both sides.
inline constexpr uint32_t kMaxGateFrame = 4u << 20;

struct GateRequest {
  std::string source;
  std::string file = "policy.cc";  // for messages only, never opened
  bool hosted = false;
  std::optional<std::string> skeleton_of;
};

struct GateViolation {
  std::string rule;
  int line = 0, column = 0;
  std::string message;
  friend bool operator==(const GateViolation&, const GateViolation&) = default;
};

struct GateResponse {
  bool ok = false;
  std::vector<GateViolation> violations;
  // "fifo.cc:12:5: loop: ..." one per line, at most `limit` of them.
  std::string Text(std::string_view file, int limit = 5) const;
};

std::string EncodeGateRequest(const GateRequest& request);
Result<GateRequest> DecodeGateRequest(std::string_view json);
std::string EncodeGateResponse(const GateResponse& response);
Result<GateResponse> DecodeGateResponse(std::string_view json);

}  // namespace ose

#endif  // OSEVOLVE_CORE_GATE_PROTOCOL_H_
