#!/usr/bin/env bash
# The fields of docs/json.md that scripts rely on.
. "$(dirname -- "$0")/lib.sh"

expect 0 eval fifo cfs --workload "$data/small.toml" --json
json /workload=small /host=sim /machine:string /rows/0/policy=fifo /rows/1/policy=cfs /rows/*/seeds=2 \
  /rows/*/score:number /rows/*/metrics/*/mean:number /rows/*/metrics/*/ci95:interval /rows/*/metrics/*/unit:string \
  /rows/0/metrics/short.latency_p95/unit=us

expect 0 eval fifo cfs --workload "$data/small.toml" --profile --json
json /rows/*/profile/workload=small /rows/*/profile/seed:string /rows/*/profile/time_ns:integer \
  /rows/*/profile/cpus/*/useful_ns:integer /rows/*/profile/cpus/*/overhead_ns:integer /rows/*/profile/cpus/*/idle_ns:integer \
  /rows/*/profile/overhead/policy_ns:integer /rows/*/profile/idle_while_waiting_ns:integer \
  /rows/0/profile/groups/0/name=long /rows/0/profile/groups/1/tasks=6 /rows/*/profile/groups/*/waits/p99_ns:integer \
  /rows/*/profile/groups/*/ends/slice_used_up:integer /rows/*/profile/episodes/*/why:string \
  /rows/*/profile/episodes/*/meanwhile/*/who:string
expect 0 eval fifo --workload "$data/small.toml" --profile
out_has 'Schedule of small on vm-2cpu' 'Longest waits' 'short['
# Of a policy that fails there is none.
expect 15 eval "$root/tests/policies/lost.cc" --workload "$data/small.toml" --profile --json
json /rows/0/error/outcome=rule

expect 0 compare fifo cfs rr --workload "$data/small.toml" --seeds final:4 --json
json /workload=small /seeds=final:4 /rows/*/seeds=4 /rows/*/pct_of_bound:number /rows/*/score:number \
  /rows/*/metrics/*/ci95:interval /rows/1/vs/policy=fifo /rows/2/vs/policy=fifo /rows/1/vs/diff_pct:number \
  /rows/1/vs/ci95:interval
# A policy against itself.
expect 0 compare fifo fifo --workload "$data/small.toml" --json
json /rows/*/seeds=8 /rows/1/vs/diff_pct=0.0

expect 0 bound "$data/small.toml" --seeds final:3 --json
json /workload=small /machine:string /cpus=2 /seeds=final:3 /bounds/*/mean:number /bounds/*/ci95:interval \
  /bounds/*/unit:string /bounds/*/argument:string /bounds/short.latency_p95/objective=true

expect 0 workloads --json
json /workloads/*/name:string /workloads/*/file:string /workloads/*/tasks:integer /workloads/*/cpus:integer \
  /workloads/*/machine:string /workloads/*/objectives:array /workloads/*/description:string
out_has '"hol"'

expect 0 policies --json
json /policies/*/name:string /policies/*/file:string /policies/*/what:string /policies/*/tunables:array \
  /policies/*/blocks:array
out_has '"fifo"' '"cfs"' '"load_balance"'

expect 0 doctor --json
json /ok=true /checks/*/check:string /checks/*/ok:boolean /checks/*/needed:boolean /checks/*/detail:string

# Errors, those of the command line itself included.
expect 40 bound nothing --json
json /error/code=40 /error/message:string
expect 2 bound --json
json /error/code=2 /error/message:string
# A policy that fails leaves its row, and the others theirs.
expect 15 eval "$root/tests/policies/lost.cc" fifo --workload "$data/small.toml" --json
json /rows/0/error/outcome=rule /rows/0/error/message:string /rows/0/score=0 /rows/1/score:number
