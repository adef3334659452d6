#include "core/live_protocol.h"

#include <gtest/gtest.h>

#include "core/exit_code.h"

namespace ose {
namespace {

TEST(LiveProtocol, ARequestSurvivesTheTrip) {
  LiveRequest r{LiveRequest::Do::kDeploy, "/tmp/a.o", true, "work.slice", 700, {{"slice_ns", -5}}};
  auto back = DecodeLiveRequest(EncodeLiveRequest(r));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->what, r.what);
  EXPECT_EQ(back->object, r.object);
  EXPECT_TRUE(back->partial);
  EXPECT_EQ(back->cgroup, "work.slice");
  EXPECT_EQ(back->timeout_ms, 700u);
  EXPECT_EQ(back->tunables, r.tunables);
  for (auto what : {LiveRequest::Do::kRollback, LiveRequest::Do::kStop, LiveRequest::Do::kStatus}) {
    LiveRequest plain;
    plain.what = what;
    EXPECT_EQ(DecodeLiveRequest(EncodeLiveRequest(plain))->what, what);
  }
}

TEST(LiveProtocol, RefusesWhatIsNoRequest) {
  for (const char* text : {"", "[]", "{}", R"({"do": "deploy", "object": "relative"})", R"({"do": 3})", R"({"do": "dance"})", R"({"do": "deploy"})", R"({"do": "deploy", "object": 1})",
                           R"({"do": "deploy", "object": "a", "timeout_ms": 0})", R"({"do": "deploy", "object": "a", "timeout_ms": 30001})",
                           R"({"do": "deploy", "object": "a", "timeout_ms": -1})", R"({"do": "deploy", "object": "a", "partial": 1})",
                           R"({"do": "deploy", "object": "a", "tunables": {"x": 0.5}})", R"({"do": "deploy", "object": "a", "tunables": []})"})
    EXPECT_FALSE(DecodeLiveRequest(text).ok()) << text;
}

TEST(LiveProtocol, Replies) {
  auto status = DecodeLiveReply(EncodeLiveReply(std::string(R"({"policy":"fifo"})")));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(*status, R"({"policy":"fifo"})");
  auto error = DecodeLiveReply(EncodeLiveReply(Error{kExitVerifier, "refused"}));
  ASSERT_FALSE(error.ok());
  EXPECT_EQ(error.error().code, kExitVerifier);
  EXPECT_EQ(error.error().message, "refused");
  for (const char* text : {"", "{}", R"({"ok": true})", R"({"ok": false, "code": "x", "error": "y"})"})
    EXPECT_EQ(DecodeLiveReply(text).error().code, kExitIo) << text;
}

TEST(LiveProtocol, FindsTheStalledTask) {
  StalledTask t = FindStalledTask("sys bench[4711] failed to run for 5.081s", "");
  EXPECT_EQ(t.comm, "sys bench");
  EXPECT_EQ(t.pid, 4711);
  EXPECT_DOUBLE_EQ(t.waited_s, 5.081);
  EXPECT_EQ(FindStalledTask("kworker/0:1[x][12] failed to run for 6.000s", "").comm, "kworker/0:1[x]");
  for (const char* text : {"", "failed to run for 3s", "[12] failed to run for 3s", "a[b] failed to run for 3s", "watchdog failed to check in for 5.0s"})
    EXPECT_EQ(FindStalledTask(text, "").pid, 0) << text;
  const std::string dump = "CPU 1   : nr_run=2\n\n  R kworker/1:1[33] -5888ms\n      dsq_id=0x0\n *R sys bench[64] -6410ms\n"
                           "  S idle[3] -9000ms\n  R new[65] +0ms\n    f+0x1/0x2] -7\n";
  t = FindStalledTask("watchdog failed to check in for 5.0s", dump);
  EXPECT_EQ(t.comm, "sys bench");
  EXPECT_EQ(t.pid, 64);
  EXPECT_DOUBLE_EQ(t.waited_s, 6.41);
}

}  // namespace
}  // namespace ose
