#!/usr/bin/env bash
# A workload on this machine's kernel: its fields, its errors, and that Ctrl-C leaves nothing behind.
. "$(dirname -- "$0")/lib.sh"

cat >tiny.toml <<'T'
format = 1
name = "tiny"
horizon_s = 60
[[group]]
name = "a"
count = 3
program = [ { loop = 5, program = [ { lock = "m" }, { run_us = 50 }, { unlock = "m" }, { sleep_us = 50 } ] } ]
T
expect 0 load tiny.toml --json
json /workload=tiny /host=live /cpus:integer /seed:string /metrics/events/value=3.0 /metrics/events/unit=1 /metrics/*/value:number \
  /metrics/*/unit:string /metrics/span/unit=us /requested_us=750.0 /notes:array /wall_s:number /iterations_per_ns:number
expect 0 load tiny.toml --seed final:3 --cpus 1 --quiet
out_has 'workload tiny on this machine with 1 CPUs, seed final:3' 'throughput *' 'wakeup_p99'
[[ ! -s err ]] || fail 'not quiet'
# The simulator agrees on what does not depend on time.
expect 0 eval fifo --workload ./tiny.toml --seeds search:1 --json
json /rows/0/metrics/events/mean=3.0 /rows/0/metrics/cpu_time/mean=750.0
expect 0 load tiny.toml --cpus 512 --json
json /notes/0:string
err_has '512 CPUs are asked for'

expect 40 load tinny
one_error "'tinny'"
expect 2 load
sed 's/count/cout/' tiny.toml >bad.toml
expect 3 load bad.toml
one_error 'bad.toml:6' "did you mean 'count'?"
expect 2 load tiny.toml --seed final
one_error "'final'" search:0
expect 2 load tiny.toml --cpus 0

cat >stuck.toml <<'T'
format = 1
[[group]]
name = "a"
program = [ { lock = "x" }, { barrier = "b" }, { lock = "y" }, { unlock = "y" }, { unlock = "x" } ]
[[group]]
name = "b"
program = [ { lock = "y" }, { barrier = "b" }, { lock = "x" }, { unlock = "x" }, { unlock = "y" } ]
T
expect 17 load stuck.toml --json
json /error/code=17
one_error "stuck.toml:4: workload 'stuck' cannot finish" "a[0] waits for lock 'y' (operation 3 of its program)"
expect 17 eval fifo --workload stuck.toml --seeds search:1
one_error "stuck.toml:4: workload 'stuck' cannot finish" "a[0] waits for lock 'y' (operation 3 of its program)"

# Threads that sleep in every way there is, and one that runs.
cat >long.toml <<'T'
format = 1
horizon_s = 1000
[[group]]
name = "a"
program = [ { run_s = 900 }, { put = "q" }, { signal = "s" }, { barrier = "b" } ]
[[group]]
name = "q"
program = [ { take = "q" } ]
[[group]]
name = "s"
program = [ { wait = "s" }, { barrier = "b" } ]
[[group]]
name = "t"
program = [ { sleep_s = 900 } ]
T
last='load long.toml and SIGINT'
: >err
# In a script, what runs in the background ignores SIGINT; env gives it back.
env --default-signal=INT "$bin/osevolve" load long.toml >out 2>err </dev/null &
pid=$!
until grep -q running err; do
  kill -0 "$pid" || fail 'it has ended'
  sleep 0.02
done
kill -INT "$pid"
status=0
wait "$pid" || status=$?
[[ $status == 130 ]] || fail "exit code $status, not 130"
one_error interrupted
kill -0 "$pid" 2>/dev/null && fail 'it is still there'
nothing_left

# The workloads that are sized for real kernels, in the simulator and, shortened, here.
for file in "$root"/workloads/{*-4x2,*-8x2,*-2cpu}.toml; do
  name=${file##*/}
  expect 0 eval fifo --workload "$file" --seeds search:1 --quiet
  sed 's/^horizon_s = [135]$/horizon_ms = 200/; s/^warmup_ms = .*/warmup_ms = 20/' "$file" >"$name"
  expect 0 load "$name" --json
  json /workload="${name%.toml}" /metrics/events/value:number /metrics/cpu_time/value:number /metrics/throughput/value:number
done
