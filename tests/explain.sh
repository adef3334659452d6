#!/usr/bin/env bash
# osevolve explain: a policy with one change that pays and one that does nothing, a run with its lineage, bad input.
. "$(dirname -- "$0")/lib.sh"
toy_root
cp -- "$data/slow_fifo.cc" toy/policies/slow.cc
rm toy/policies/cfs.cc
cp -- "$root/policies/fifo.cc" toy/policies/

# Short turns pay; the count of rare wake-ups does nothing.
sed -e 's|100.000.000, 1|1'"'"'000'"'"'000, 1|' -e 's|^    t.insert(kQueue|    if (t.nr_wakeups() > 1000) count(1);\n&|' "$data/slow_fifo.cc" >quick.cc
expect 0 explain quick.cc --workload small --seeds select:3 -o made
out_has 'quick against slow on small' '1. slice_ns 100 ms -> 1 ms' 'short.latency_p95' ': pays' 'One change does not help' 'line 16: enqueue: `if (t.nr_wakeups() > 1000) count(1);`'
[[ $(<made/quick.min.cc) == "$(sed "s|100.000.000, 1|1'000'000, 1|" "$data/slow_fifo.cc")" ]] || fail 'the smaller policy is not the seed policy with the other slice'
has made/explanation.md '# quick' 'Evolved from `slow`' '## What pays' '**slice_ns 100 ms -> 1 ms**' 'osevolve explain quick.cc --against slow --workload small --seeds select:3' "+TUNABLE(slice_ns, 1'000'000"

expect 0 explain quick.cc --against slow --workload small --seeds select:3 --as-it-is --json
json /policy=quick /seed_policy=slow /workload=small /machine=vm-2cpu /cpus=2 /seeds=select:3 /whole/gain_pct:number /whole/ci95:interval \
  /hunks/0/changes/0/kind=tunable /hunks/0/effect/gain_pct:number /hunks/0/effect/metrics/short.latency_p95/change_pct:number /hunks/0/verdict=pays \
  /hunks/0/alone/ci95:interval /hunks/1/effect/gain_pct=0.0 '/hunks/1/verdict=does nothing' /hunks/1/changes/0/line=16 /interaction/excess/gain_pct:number

# A run, explained from its folder alone.
expect 0 evolve small --from slow --evals 60 --out run --no-kb -q
expect 0 explain --run run --seeds select:3 -o shipped --name winner
has shipped/explanation.md '# winner' '## Lineage' 'candidate ' ', seed: ' 'osevolve explain --run run --seeds select:3'
[[ -s shipped/winner.min.cc ]] || fail 'no smaller policy'

expect 2 explain toy/policies/slow.cc --against slow --workload small
one_error 'does not differ'
expect 2 explain quick.cc --against fifo --workload small
one_error 'does not descend from' 'its root may be slow'
expect 40 explain quick.cc --against slwo --workload small
one_error "did you mean 'slow'"
expect 2 explain quick.cc
one_error --workload
expect 2 explain --run run --workload small
one_error --run
expect 40 explain --run nowhere
one_error 'no run in'
sed 's|^    t.insert(kQueue|    if (t.weight() == 0) t.insert(kQueue|' "$data/slow_fifo.cc" >lost.cc
expect 15 explain lost.cc --workload small --seeds select:2
one_error lost
sed 's|SlowFifo|Other|' quick.cc >other.cc
expect 2 explain other.cc --workload small
one_error --against
nothing_left
