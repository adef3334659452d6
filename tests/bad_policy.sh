#!/usr/bin/env bash
# Policies that are wrong, each in its own way, with its own exit code; in a search they are one
# failed candidate, and the search goes on.
. "$(dirname -- "$0")/lib.sh"

policy() {  # policy NAME: the body of enqueue on stdin
  cat <<T >"$1.cc"
#include <osevolve/policy.h>
using namespace osevolve;

struct Bad : Policy<> {
  s32 init() { dsq_create(1); return dsq_create(0); }
  void enqueue(Task t, u64 flags) {
    $(cat)
  }
  void dispatch(s32 cpu) { dsq_move_to_local(0); }
};
OSEVOLVE_POLICY(Bad, "bad")
T
}
fails() {  # fails CODE NAME TEXT...
  local code=$1 name=$2
  shift 2
  expect "$code" eval "$name.cc" --workload "$data/small.toml"
  one_error "$name.cc" "$@"
}

echo 't.insert(0, 1000000, flags);' | policy fine
expect 0 eval fine.cc --workload "$data/small.toml"

echo 't.insert(0, slice, flags);' | policy compile
fails 11 compile compile.cc:7: "undeclared identifier 'slice'"
echo 't.insert(0, 1000000, flags)' | policy semicolon
fails 11 semicolon semicolon.cc:7: "';'"

# What could crash, run for ever or take all memory is refused before it runs.
echo '*reinterpret_cast<int*>(8) = 1;' | policy crash
fails 10 crash crash.cc:7: reinterpret_cast
echo 'while (true) {}' | policy endless
fails 10 endless endless.cc:7: while for_n
echo 'for (;;) { char* p = new char[1 << 30]; p[0] = 1; }' | policy memory
fails 10 memory memory.cc:7: heap
echo 'asm volatile("hlt");' | policy assembler
fails 10 assembler assembler.cc:7: asm
echo 'double x = 1.5; t.insert(0, static_cast<u64>(x), flags);' | policy floating
fails 10 floating floating.cc:7: floating-point
echo 'printf("hello");' | policy libc
expect 11 eval libc.cc --workload "$data/small.toml"
sed 's,^using,#include <stdio.h>\nusing,' fine.cc >include.cc
fails 10 include include.cc:2: 'osevolve/policy.h'
: >empty.cc
fails 10 empty 'osevolve/policy.h'
head -c 3000 /dev/urandom >noise.cc
fails 10 noise
head -c 150 fine.cc >cut.cc
expect 10 eval cut.cc --workload "$data/small.toml"
head -c 2000000 /dev/zero | tr '\0' '/' >huge.cc
expect 74 eval huge.cc --workload "$data/small.toml"
one_error huge.cc limit

# What only shows when it runs.
echo 'if (t.pid() != 2) t.insert(0, 1000000, flags);' | policy lost
fails 15 lost 'pid 2' 'without inserting'
echo 't.insert(0, 1000000, flags); t.insert(0, 1000000, flags);' | policy twice
fails 15 twice 'already'
echo 't.insert(7, 1000000, flags);' | policy nowhere
fails 15 nowhere 7
echo 't.insert(t.pid() == 2 ? 1 : 0, 1000000, flags);' | policy starve
fails 16 starve 'pid 2' runnable
# Starved while the others keep every CPU busy: the watchdog's business.
sed -e 's/^watchdog_s.*/watchdog_ms = 100/' "$root/machines/vm-2cpu.toml" >strict.toml
sed -e 's/^program/repeat = true\nprogram/' -e 's/horizon_ms = 200/horizon_s = 2/' -e '/^\[\[objective/,+1d' "$data/small.toml" >busy.toml
expect 16 eval starve.cc --workload ./busy.toml --machine ./strict.toml
one_error starve.cc 'pid 2' 'the watchdog ejects the policy after 0.1 s'

# Not the policy's fault: a workload that waits for itself.
cat >stuck.toml <<'T'
format = 1
[[group]]
name = "left"
program = [ { lock = "a" }, { run_ms = 5 }, { lock = "b" }, { run_ms = 1 }, { unlock = "b" }, { unlock = "a" } ]
[[group]]
name = "right"
program = [ { lock = "b" }, { run_ms = 5 }, { lock = "a" }, { run_ms = 1 }, { unlock = "a" }, { unlock = "b" } ]
T
expect 17 eval fifo --workload ./stuck.toml
one_error

# One bad policy among good ones costs only its own row; the code is the first failure's.
expect 15 eval fine.cc lost.cc fifo --workload "$data/small.toml" --json
json /rows/0/score:number /rows/1/error/outcome=rule /rows/2/score:number
# A search cannot start from a bad policy, and says so at once.
expect 15 evolve "$data/small.toml" --from lost.cc --evals 20 --no-kb --out run -q
one_error lost.cc 'pid 2'
nothing_left
