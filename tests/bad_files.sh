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

m=$root/machines/vm-2cpu.toml
sed 's/^tick_ms/tik_ms/' "$m" | bad 4 mkey.toml "unknown key 'tik_ms'" "did you mean 'tick_ms'?"
sed 's/^cpus = 2/cpus = "two"/' "$m" | bad 4 mtype.toml "'cpus'" 'whole number'
sed 's/^cpus = 2/cpus = 99999/' "$m" | bad 4 mrange.toml "'cpus' is 99999" '1 to 512'
sed 's/^ipi_ns = 10000/ipi_ns = -5/' "$m" | bad 4 mneg.toml mneg.toml:22: "is -5"

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
