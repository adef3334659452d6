#!/usr/bin/env bash
# osevolve sweep: loads, the search for the highest within an SLO, and what cannot be swept.
. "$(dirname -- "$0")/lib.sh"

cat >open.toml <<'T'
format = 1
name = "open"
horizon_ms = 400
warmup_ms = 40
[[objective]]
metric = "latency_p99"
[[group]]
name = "request"
count = 64
arrivals = { poisson_load = 0.7 }
program = [ { run_us = { exponential = 500 } } ]
T
expect 0 sweep fifo eevdf --workload open.toml --loads 0.2:0.8:0.3 --seeds search:3 --slo latency_p50=900 --precision 0.05 --json
json /workload=open /machine=vm-2cpu /cpus=2 /seeds=search:3 /rows/0/policy=fifo /rows/0/load=0.2 /rows/2/load=0.8 /rows/5/policy=eevdf \
  /rows/*/outcome=ok /rows/*/metrics/latency_p999/mean:number /rows/*/metrics/slowdown_p99/ci95:interval \
  /slo/metric=latency_p50 /slo/limit=900.0 /slo/rows/*/load/mean:number /slo/rows/*/load/ci95:interval /slo/rows/0/by_seed/2:number /slo/rows/1/vs/policy=fifo
# The higher the load, the longer the wait.
for first in 0 3; do
  low=$(json_get out "/rows/$first/metrics/latency_p99/mean") high=$(json_get out "/rows/$((first + 2))/metrics/latency_p99/mean")
  awk -v low="$low" -v high="$high" 'BEGIN { exit !(low < high) }' || fail "latency does not rise with the load: $low, $high"
done
for row in 0 1; do
  json_get out "/slo/rows/$row/load/mean" | awk '{ exit !($1 >= 0.2 && $1 <= 0.8) }' || fail 'a load outside'
done
expect 0 sweep fifo --workload open.toml --loads 0.3,0.5 --seeds search:2 --slo latency_p50=1e9
out_has 'latency_p999 [us]' 'highest load from 0.3 to 0.5' '>= 0.500'
expect 0 sweep fifo --workload open.toml --loads 0.3,0.5 --seeds search:2 --slo latency_p50=1
out_has '0.000'
# It is the workload itself that is swept: at its own load, what eval says.
expect 0 sweep fifo --workload open.toml --loads 0.7 --seeds search:2 --json
swept=$(json_get out /rows/0/metrics/latency_p99/mean)
expect 0 eval fifo --workload open.toml --seeds search:2 --json
[[ $(json_get out /rows/0/metrics/latency_p99/mean) == "$swept" ]] || fail "not $swept"

expect 2 sweep fifo --workload hol --loads 0.5
one_error 'has no arrivals'
expect 2 sweep fifo --workload open.toml --loads 0.9:0.1:0.1
one_error 'bad --loads'
expect 2 sweep fifo --workload open.toml --loads 0:0.9:x
one_error "'x'"
expect 2 sweep fifo --workload open.toml --slo latency_p99
one_error METRIC=LIMIT
expect 2 sweep fifo --workload open.toml --slo latncy=5
one_error 'is no metric'
expect 2 sweep --workload open.toml
expect 40 sweep fifo --workload opn
expect 40 sweep fifoo --workload open.toml
expect 15 sweep "$root/tests/policies/lost.cc" --workload open.toml --loads 0.5 --seeds search:1
err_has 'lost'
