#!/usr/bin/env bash
# A loop that is bounded, and still never ends: the worker's CPU limit.
. "$(dirname -- "$0")/lib.sh"

cat >loop.cc <<'T'
#include <osevolve/policy.h>
using namespace osevolve;

struct Loop : Policy<> {
  u64 sum;
  s32 init() { return dsq_create(0); }
  void enqueue(Task t, u64 flags) {
    for_n(65536, [&](u32 i) {
      for_n(65536, [&](u32 j) { sum = sum * 3 + i + j; return true; });
      return true;
    });
    t.insert(0, 1'000'000 + (sum & 1), flags);
  }
  void dispatch(s32 cpu) { dsq_move_to_local(0); }
};
OSEVOLVE_POLICY(Loop, "loop")
T
expect 13 eval loop.cc --workload "$data/small.toml"
one_error loop.cc
