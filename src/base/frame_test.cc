#include "base/frame.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"

namespace ose {
namespace {

struct Pipe {
  Pipe() {
    int p[2];
    EXPECT_EQ(pipe2(p, O_CLOEXEC), 0);
    read = Fd(p[0]);
    write = Fd(p[1]);
  }
  Fd read, write;
};

Nanos In(int64_t ms) { return MonotonicNow() + Nanos::Millis(ms); }

void Raw(const Pipe& p, std::string_view bytes) {
  ASSERT_EQ(write(p.write.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

TEST(Frame, ComesBackAsItWas) {
  Pipe p;
  const std::string binary("a\0b\xff", 4);
  ASSERT_TRUE(WriteFrame(p.write.get(), binary).ok());
  ASSERT_TRUE(WriteFrame(p.write.get(), "").ok());
  p.write.reset();
  auto first = ReadFrame(p.read.get(), 100);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(**first, binary);
  auto second = ReadFrame(p.read.get(), 100);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(**second, "");
  auto end = ReadFrame(p.read.get(), 100);
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
}

TEST(Frame, LengthIsLittleEndian) {
  Pipe p;
  Raw(p, std::string_view("\x03\0\0\0abc", 7));
  auto frame = ReadFrame(p.read.get(), 3);
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(**frame, "abc");
}

// Larger than the pipe, so that both sides see partial transfers, in all four combinations of
// blocking and timed.
TEST(Frame, LargerThanThePipe) {
  const std::string big(300'000, 'x');
  for (bool non_blocking : {false, true}) {
    for (bool timed : {false, true}) {
      Pipe p;
      if (non_blocking) {
        fcntl(p.read.get(), F_SETFL, O_NONBLOCK);
        fcntl(p.write.get(), F_SETFL, O_NONBLOCK);
      }
      const Nanos deadline = timed ? In(20'000) : Nanos::Max();
      std::thread writer([&] { EXPECT_TRUE(WriteFrame(p.write.get(), big, deadline).ok()); });
      auto frame = ReadFrame(p.read.get(), 1 << 20, deadline);
      writer.join();
      ASSERT_TRUE(frame.ok()) << frame.error().message;
      EXPECT_EQ(**frame, big);
    }
  }
}

TEST(Frame, TimeOutHasItsOwnCode) {
  Pipe p;
  auto nothing = ReadFrame(p.read.get(), 100, In(5));
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().code, kFrameTimeout);
  Raw(p, std::string_view("\x05\0\0\0ab", 6));
  auto half = ReadFrame(p.read.get(), 100, In(5));
  ASSERT_FALSE(half.ok());
  EXPECT_EQ(half.error().code, kFrameTimeout);
  auto full = WriteFrame(p.write.get(), std::string(300'000, 'x'), In(5));  // nobody reads
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, kFrameTimeout);
}

TEST(Frame, PeerThatStopsWithinAFrame) {
  for (std::string_view cut : {std::string_view("\x05\0", 2), std::string_view("\x05\0\0\0ab", 6)}) {
    Pipe p;
    Raw(p, cut);
    p.write.reset();
    auto frame = ReadFrame(p.read.get(), 100);
    ASSERT_FALSE(frame.ok());
    EXPECT_EQ(frame.error().code, kFrameBroken);
  }
}

TEST(Frame, TooLargeIsRefusedUnread) {
  Pipe p;
  Raw(p, std::string_view("\xff\xff\xff\xff", 4));
  auto frame = ReadFrame(p.read.get(), 100);
  ASSERT_FALSE(frame.ok());
  EXPECT_EQ(frame.error().code, kFrameBroken);
  EXPECT_NE(frame.error().message.find("limit of 100"), std::string::npos);
}

TEST(Frame, PeerThatHasGoneIsAnErrorAndNoSignal) {
  ASSERT_EQ(signal(SIGPIPE, SIG_DFL), SIG_DFL);  // it would kill the test
  Pipe p;
  p.read.reset();
  Status s = WriteFrame(p.write.get(), "hello");
  ASSERT_FALSE(s.ok());
  EXPECT_EQ(s.error().code, kFrameBroken);
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

}  // namespace
}  // namespace ose
