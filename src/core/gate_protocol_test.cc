#include "core/gate_protocol.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(GateProtocolTest, RoundTrip) {
  GateRequest q{"int x;\n\"\\", "fifo.cc", true, "parent"};
  auto q2 = DecodeGateRequest(EncodeGateRequest(q));
  ASSERT_TRUE(q2.ok());
  EXPECT_EQ(q2->source, q.source);
  EXPECT_EQ(q2->file, q.file);
  EXPECT_TRUE(q2->hosted);
  EXPECT_EQ(q2->skeleton_of, "parent");

  GateResponse r{false, {{"loop", 12, 5, "a 'for' \xff"}}};
  auto r2 = DecodeGateResponse(EncodeGateResponse(r));
  ASSERT_TRUE(r2.ok());
  EXPECT_FALSE(r2->ok);
  EXPECT_EQ(r2->violations[0].line, 12);
  EXPECT_EQ(r2->Text("x.cc"), "x.cc:12:5: loop: a 'for' \xEF\xBF\xBD\n");
}

TEST(GateProtocolTest, Malformed) {
  EXPECT_FALSE(DecodeGateRequest("{").ok());
  EXPECT_FALSE(DecodeGateRequest("{\"file\":\"x\"}").ok());
  EXPECT_FALSE(DecodeGateRequest("{\"source\":3}").ok());
  EXPECT_FALSE(DecodeGateResponse("[]").ok());
  EXPECT_FALSE(DecodeGateResponse("{\"ok\":true}").ok());
}

}  // namespace
}  // namespace ose
