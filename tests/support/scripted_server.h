// ScriptedServer: an HTTP/1.1 server on the loopback interface for tests, which answers what the test
// says and misbehaves where it says so: stalls, cuts off, closes without an answer. Each connection
// takes one request. It keeps every request for the test to look at.
#ifndef OSEVOLVE_TESTS_SUPPORT_SCRIPTED_SERVER_H_
#define OSEVOLVE_TESTS_SUPPORT_SCRIPTED_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ose {

using ScriptedHeaders = std::vector<std::pair<std::string, std::string>>;

struct ScriptedRequest {
  std::string method, target;  // as on the request line
  ScriptedHeaders headers;     // names in lower case
  std::string body;
  std::string Header(std::string_view lower_case_name) const;  // "" when absent
};

struct ScriptedReply {
  enum class End {
    kWhole,
    kCut,         // the connection closes after the last piece, in the middle of the body
    kReset,       // the same with a reset
    kStall,       // after the last piece nothing comes until Release(), then the end
    kStallFirst,  // not even the status line comes before Release()
    kSilent,      // the connection closes without a byte
  };
  int status = 200;
  ScriptedHeaders headers = {{"Content-Type", "text/event-stream"}};
  std::vector<std::string> pieces = {};  // of the body; each is one chunk and one write
  int repeat = 1;                   // the pieces, that many times
  std::string interim = {};         // sent as it is before the status line
  bool chunked = true;              // false: Content-Length
  End end = End::kWhole;
};

class ScriptedServer {
 public:
  using Handler = std::function<ScriptedReply(const ScriptedRequest&)>;
  ScriptedServer();
  ~ScriptedServer();  // lets go of stalled connections

  int port() const;
  std::string url() const;  // "http://127.0.0.1:PORT"

  // For targets that begin with `prefix`; the longest prefix counts. What is not scripted, or no longer,
  // is answered with 418.
  void Script(const std::string& prefix, std::vector<ScriptedReply> replies);
  void Handle(const std::string& prefix, Handler handler);  // called on several threads, one at a time

  std::vector<ScriptedRequest> requests() const;
  // Blocks until `n` connections in all have come to their stall.
  void AwaitStalls(int n);
  void Release();  // this stall and all later ones

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ose

#endif  // OSEVOLVE_TESTS_SUPPORT_SCRIPTED_SERVER_H_
