#!/usr/bin/env bash
# Workload, machine and trace files that are wrong: file, line, what and fix.
. "$(dirname -- "$0")/lib.sh"

bad() {  # bad CODE FILE TEXT... with FILE on stdin
  local code=$1 file=$2
  shift 2
  cat >"$file"
  if [[ $code == 3 ]]; then expect "$code" eval fifo --workload "./$file"; else expect "$code" bound hol --machine "./$file"; fi
  one_error "$file" "$@"
  [[ $(wc -l <err) == 1 ]] || fail 'more than one line for one mistake'
}

sed 's/horizon_ms/horizn_ms/' "$data/small.toml" | bad 3 key.toml key.toml:6: "unknown key 'horizn_ms'" "did you mean 'horizon_ms'?"
sed 's/count = 2/cout = 2/' "$data/small.toml" | bad 3 key2.toml "'cout'" "did you mean 'count'?"
sed 's/count = 2/count = "two"/' "$data/small.toml" | bad 3 type.toml 'type.toml:18:' "'count'" 'whole number'
sed 's/count = 2/count = 0/' "$data/small.toml" | bad 3 range.toml 'range.toml:18:' "'count' is 0" '1 to '
sed 's/final = 8/final = 1000000/' "$data/small.toml" | bad 3 seeds.toml "'final'" 100000
sed 's/\[40, 50\]/[50, 40]/' "$data/small.toml" | bad 3 order.toml 'order.toml:19:'
sed 's/short.latency_p95/short.latency_p96/' "$data/small.toml" | bad 3 metric.toml latency_p96
sed 's/machine = .*/machine = "none"/' "$data/small.toml" >machine.toml
expect 40 bound ./machine.toml
one_error "'none'"
head -c 300 "$data/small.toml" | bad 3 cut.toml
printf 'format = 1\n[[group]\n' | bad 3 syntax.toml syntax.toml:2
head -c 2000 /dev/urandom | bad 3 noise.toml
: | bad 3 empty.toml
printf 'format = 2\n' | bad 3 format.toml format
mkdir folder.toml
expect 74 bound ./folder.toml
one_error folder.toml

# Workloads that cannot be: each is named with file and line, before the run where that can be told.
group() {  # group LINES...: a workload with one group, whose keys begin at line 8
  printf 'format = 1\nname = "w"\nmachine = "vm-2cpu"\nhorizon_ms = 50\nlocks = 2\n%s\n[[group]]\nname = "g"\n' "$objects"
  printf '%s\n' "$@"
}
objects=
group 'arrivals = { poisson_load = 0 }' 'program = [ { run_us = 1 } ]' | bad 3 noload.toml noload.toml:9: "'poisson_load' is 0"
group 'arrivals = { poisson_per_s = 0 }' 'program = [ { run_us = 1 } ]' | bad 3 norate.toml norate.toml:9: "'poisson_per_s' is 0"
group 'arrivals = { poisson_load = 0.5 }' 'program = [ { sleep_us = 1 } ]' | bad 3 nowork.toml nowork.toml: 'uses no CPU'
group 'program = [ { run_s = 5 } ]' | bad 3 long.toml long.toml: 'cannot end within the horizon'
group 'program = [ { run_s = 99999999999 } ]' | bad 3 huge.toml huge.toml:9: "'run' is 99999999999"
group 'program = [ { run_us = 1 } ]' | sed 's/^horizon_ms = 50/horizon_s = 99999999999/' | bad 3 horizon.toml horizon.toml:4: "'horizon' is 99999999999"
group 'repeat = true' 'program = [ { lock = "lock0" }, { unlock = "lock0" } ]' | bad 3 still.toml still.toml: 'can never sleep or end'
group 'program = [ { loop = 3, program = [ ] } ]' | bad 3 loop.toml loop.toml:9: 'empty loop'
group 'program = [ { wait = "s" } ]' | bad 3 nobody.toml nobody.toml:9: "which nobody signals"
group 'program = [ { fork = "none" } ]' | bad 3 child.toml child.toml:9: "there is no group 'none'"
group 'program = [ { lock = "lock0" } ]' | bad 3 unlock.toml unlock.toml:9: 'never unlocks it'
objects=$'[[barrier]]\nname = "b"\nparties = 5'
group 'count = 2' 'program = [ { barrier = "b" } ]' | bad 3 parties.toml parties.toml:6: '5 parties' '2 tasks'
objects=
# All waiting is found when it happens.
{
  group 'program = [ { lock = "lock0" }, { run_us = 9 }, { lock = "lock1" }, { unlock = "lock1" }, { unlock = "lock0" } ]'
  printf '[[group]]\nname = "h"\nprogram = [ { lock = "lock1" }, { run_us = 9 }, { lock = "lock0" }, { unlock = "lock0" }, { unlock = "lock1" } ]\n'
} >deadlock.toml
expect 17 eval fifo --workload ./deadlock.toml
err_has deadlock.toml: 'cannot finish' "waits for lock 'lock1'"

m=$root/machines/vm-2cpu.toml
sed 's/^tick_ms/tik_ms/' "$m" | bad 4 mkey.toml "unknown key 'tik_ms'" "did you mean 'tick_ms'?"
sed 's/^cpus = 2/cpus = "two"/' "$m" | bad 4 mtype.toml "'cpus'" 'whole number'
sed 's/^cpus = 2/cpus = 99999/' "$m" | bad 4 mrange.toml "'cpus' is 99999" '1 to 512'
sed 's/^ipi_ns = 10000/ipi_ns = -5/' "$m" | bad 4 mneg.toml mneg.toml:24: "is -5"

# Impossible topologies.
topology() { sed "s/^$1 = [0-9]*/$1 = $2/" "${3-$m}"; }
topology smt 2 | sed 's/^cpus = 2/cpus = 3/' | bad 4 core.toml core.toml:10: 'not whole cores'
topology cpus_per_llc 3 | bad 4 llc.toml llc.toml:11: "'cpus_per_llc' is 3"
topology cpus_per_node 3 | bad 4 node.toml node.toml:12: 'nodes that share one last-level cache'

# Traces.
trace() {
  cat <<'T'
 prog-100 [000] 10.000000: sched_process_exec: filename=/bin/prog pid=100 old_pid=100
 prog-100 [000] 10.000100: sched_switch: prev_comm=prog prev_pid=100 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
 <idle>-0 [000] 10.005000: sched_waking: comm=prog pid=100 prio=120 target_cpu=000
 <idle>-0 [000] 10.005010: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=prog next_pid=100 next_prio=120
 prog-100 [000] 10.010000: sched_switch: prev_comm=prog prev_pid=100 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
 <idle>-0 [000] 10.015000: sched_waking: comm=prog pid=100 prio=120 target_cpu=000
 <idle>-0 [000] 10.015010: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=prog next_pid=100 next_prio=120
 prog-100 [000] 10.020000: sched_process_exit: comm=prog pid=100 prio=120
 prog-100 [000] 10.020010: sched_switch: prev_comm=prog prev_pid=100 prev_prio=120 prev_state=X ==> next_comm=swapper/0 next_pid=0 next_prio=120
T
}
trace >good.txt
expect 0 import good.txt -o good.toml --json
json /file=good.toml /tasks=1 /span_us:number /cpu_us:number /runs:integer /sleeps:integer /wakeups:integer \
  /wake_edges:integer /lost_events=0 /notes:array /replay/policy=eevdf /replay/failure= /replay/lines/*/what:string \
  /replay/lines/*/recorded:number /replay/lines/*/replayed:number /replay/lines/*/diff_pct:number
expect 0 eval fifo --workload good.toml -q

trace_fails() {  # trace_fails CODE FILE TEXT...
  local code=$1 file=$2
  shift 2
  expect "$code" import "$file" -o bad.toml
  one_error "$file" "$@"
  [[ ! -e bad.toml ]] || fail 'a workload came of a bad trace'
}
trace | head -c 700 >cut.txt
trace_fails 5 cut.txt cut.txt:
printf 'hello\nworld\n' >words.txt
trace_fails 5 words.txt sched_switch
head -c 5000 /dev/urandom >noise.txt
trace_fails 5 noise.txt
: >empty.txt
trace_fails 5 empty.txt
expect 5 import good.txt -o bad.toml --comm other
one_error other
trace_fails 74 missing.txt 'No such file'
mkdir folder
trace_fails 74 folder 'not a regular file'
if can_be_nobody && ((!EUID)); then
  chmod 000 good.txt
  run 74 nobody "$bin/osevolve" import good.txt -o bad.toml
  one_error good.txt 'Permission denied'
fi
