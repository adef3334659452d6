#!/usr/bin/env bash
# rt-app's JSON, with every command that takes a workload, and on the machine's kernel.
. "$(dirname -- "$0")/lib.sh"

cat >tiny.json <<'T'
{ /* two threads that wake each other */
  "tasks" : {
    "a" : { "loop" : 5, "run" : 300, "resume" : "b", "timer" : { "ref" : "unique", "period" : 20000 } },
    "b" : { "loop" : 5, "suspend", "run" : 200, },
  },
  "global" : { "duration" : -1 }
}
T
expect 0 eval fifo eevdf --workload tiny.json --seeds search:1 --json
json /workload=tiny /rows/*/metrics/events/mean=10.0 /rows/*/metrics/cpu_time/mean=2500.0 /rows/*/metrics/span/mean:number
expect 0 bound tiny.json --seeds search:1 --json
json /bounds/latency_p99/objective=true
# On a busy machine a resume may come before its suspend, and is lost; a semaphore remembers.
sed 's/"resume" : "b"/"sem_post" : "s"/; s/"suspend"/"sem_wait" : "s"/' tiny.json >remembers.json
expect 0 load remembers.json --json
json /workload=remembers /metrics/events/value=10.0 /requested_us=2500.0
sed 's/"duration" : 4/"duration" : 1/' "$root/workloads/rtapp-ui-2cpu.json" >ui.json
expect 0 load ui.json --json
json /workload=ui /metrics/latency_p99/value:number /metrics/throughput/value:number
expect 0 workloads
out_has rtapp-ui-2cpu
expect 0 eval fifo --workload rtapp-audio-2cpu --seeds search:1 --quiet
expect 0 compare fifo vtime --workload rtapp-build-2cpu --seeds search:2 --json

sed 's/"run" : 200/"rum" : 200/' tiny.json >bad.json
expect 3 eval fifo --workload bad.json
one_error "bad.json:4: unknown key 'rum' in task 'b'; did you mean 'run'?"
sed 's/"loop" : 5, "run" : 300/"policy" : "SCHED_FIFO", "run" : 300/' tiny.json >fifo.json
expect 3 load fifo.json
one_error "fifo.json:3: 'policy' is SCHED_FIFO"
echo '{ "tasks" : ' >cut.json
expect 3 eval fifo --workload cut.json
one_error 'cut.json:'
expect 40 eval fifo --workload none.json
