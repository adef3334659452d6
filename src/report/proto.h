// ProtoMessage: writes the fields of one protobuf message (protobuf.dev/programming-guides/encoding).
#ifndef OSEVOLVE_REPORT_PROTO_H_
#define OSEVOLVE_REPORT_PROTO_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/varint.h"

namespace ose {

class ProtoMessage {
 public:
  ProtoMessage& Int(int field, uint64_t v) {
    Tag(field, 0);
    PutVarint(bytes_, v);
    return *this;
  }
  ProtoMessage& Fixed64(int field, uint64_t v) {
    Tag(field, 1);
    for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(v >> (8 * i));
    return *this;
  }
  ProtoMessage& Text(int field, std::string_view v) {
    Tag(field, 2);
    PutVarint(bytes_, v.size());
    bytes_ += v;
    return *this;
  }
  ProtoMessage& Message(int field, const ProtoMessage& m) { return Text(field, m.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  void Tag(int field, unsigned wire_type) { PutVarint(bytes_, static_cast<uint64_t>(field) << 3 | wire_type); }
  std::string bytes_;
};

}  // namespace ose

#endif  // OSEVOLVE_REPORT_PROTO_H_
