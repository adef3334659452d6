#include "gate/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/frame.h"

namespace ose {
namespace {

GateServerOptions Options() {
  GateServerOptions o;
  o.include_dir = OSE_SOURCE_DIR "/include";
  return o;
}

TEST(GateServerTest, AnswersFramesInOrder) {
  auto server = GateServer::Create(Options());
  ASSERT_TRUE(server.ok()) << server.error().message;
  int in[2], out[2];
  ASSERT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
  Fd in_read(in[0]), in_write(in[1]), out_read(out[0]), out_write(out[1]);
  std::string fifo = *ReadFile(OSE_SOURCE_DIR "/policies/fifo.cc");
  ASSERT_TRUE(WriteFrame(in[1], EncodeGateRequest({fifo, "fifo.cc", false, fifo})).ok());
  ASSERT_TRUE(WriteFrame(in[1], EncodeGateRequest({fifo + "int x;\n", "fifo.cc", false, {}})).ok());
  ASSERT_TRUE(WriteFrame(in[1], "rubbish").ok());
  in_write.reset();
  EXPECT_TRUE(server->Serve(in[0], out[1]).ok());
  std::vector<GateResponse> responses;
  for (int i = 0; i < 3; ++i) {
    auto frame = ReadFrame(out[0], kMaxGateFrame);
    ASSERT_TRUE(frame.ok() && frame->has_value());
    auto response = DecodeGateResponse(**frame);
    ASSERT_TRUE(response.ok());
    responses.push_back(*response);
  }
  EXPECT_TRUE(responses[0].ok) << responses[0].Text("fifo.cc");
  ASSERT_EQ(responses[1].violations.size(), 1u);
  EXPECT_EQ(responses[1].violations[0].rule, "global");
  EXPECT_EQ(responses[2].violations[0].rule, "internal");
}

TEST(GateServerTest, SurvivesWhatExhaustsTheParser) {
  GateServerOptions options = Options();
  options.cpu_seconds = 1;
  options.wall = Nanos::Seconds(3);
  auto server = GateServer::Create(options);
  ASSERT_TRUE(server.ok()) << server.error().message;
  std::string fifo = *ReadFile(OSE_SOURCE_DIR "/policies/fifo.cc");
  // Unary operators nest without brackets: too deep for a recursive parser's stack.
  std::string deep = fifo + "constexpr int x = " + std::string(200'000, '~') + "1;\n";
  GateResponse r = server->Check({deep, "deep.cc", false, {}});
  EXPECT_FALSE(r.ok);
  // Compile-time evaluation is cut off by clang itself.
  std::string bomb = fifo +
                     "constexpr unsigned F(unsigned n) { return n < 2 ? n : F(n - 1) + F(n - 2); "
                     "}\nstatic_assert(F(40) > 1);\n";
  r = server->Check({bomb, "bomb.cc", false, {}});
  EXPECT_FALSE(r.ok);
  // And the server still serves.
  EXPECT_TRUE(server->Check({fifo, "fifo.cc", false, {}}).ok);
}

TEST(GateServerTest, NeedsTheHeader) {
  GateServerOptions options;
  options.include_dir = "/nowhere";
  EXPECT_FALSE(GateServer::Create(options).ok());
}

}  // namespace
}  // namespace ose
