#!/usr/bin/env bash
# Policies beside the kernel's own scheduler, in the VM: rows, pairing, failures, repeatability, a search's last stage.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/vm_lib.sh"
cat >tiny.toml <<'TOML'
format = 1
name = "tiny"
machine = "vm-2cpu"
horizon_ms = 200
[[objective]]
metric = "throughput"
[[group]]
name = "worker"
count = 3
repeat = true
program = [ { run_us = { uniform = [900, 1100] } }, { sleep_us = 300 } ]
TOML
sed 's/^horizon_ms.*/horizon_ms = 4000/' tiny.toml >long.toml

# The kernel first, then the others in their order; a policy that the kernel ejects is a row and the exit code.
expect 16 compare vtime "$root/tests/policies/stalled.cc" --workload long.toml --host vm --rounds 1 --quiet --json
json /host=vm /cpus=2 /seeds=final:1 /rows/0/policy=kernel /rows/0/score=100.0 /rows/1/policy=vtime /rows/1/score:number \
  /rows/1/vs/policy=kernel /rows/1/vs/ci95:interval /rows/1/metrics/throughput/mean:number /rows/2/error/outcome=stall
expect 10 compare "$root/tests/policies/sockets.cc" --workload tiny.toml --host vm --rounds 1 --quiet --json
json /rows/1/error/outcome=gate

# Counted instructions: the same bytes again.
expect 0 compare vtime --workload tiny.toml --host vm --repeatable --vcpus 1 --rounds 2 --quiet
cp out first
expect 0 compare vtime --workload tiny.toml --host vm --repeatable --vcpus 1 --rounds 2 --quiet
cmp -s out first || fail "not repeatable: $(diff first out)"

# A real program's report; one that cannot be read is said.
sed 's/^\[\[objective/[real]\ncommand = ["sysbench", "cpu", "--threads=2", "--time=1", "run"]\noutput = "sysbench"\n[[objective/' tiny.toml >real.toml
expect 0 eval kernel --workload real.toml --host vm --rounds 1 --quiet --json
json /rows/0/metrics/throughput/mean:number /rows/0/metrics/latency_p95/mean:number
sed -i 's/"sysbench", "cpu".*/"true"]/' real.toml
expect 1 eval kernel --workload real.toml --host vm --rounds 1 --quiet
one_error 'no report of sysbench'

expect 0 evolve tiny.toml --no-kb --evals 12 --host vm --rounds 1 --quiet --json --out run
json /confirmed/host=vm /confirmed/rows/0/policy=kernel /confirmed/rows/2/policy=best
[[ -s run/confirmed.json ]] || fail 'no confirmed.json'
nothing_left
