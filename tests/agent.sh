#!/usr/bin/env bash
# Policies in user space (agent mode) on a real kernel: they rule, take turns without a gap, and whatever happens to
# them, tasks go on. In a throw-away VM; skipped where its kernel has not been made (osevolve vm build).
. "$(dirname -- "$0")/lib.sh"
[[ -x $bin/osevolve-live ]] || skip 'there is no osevolve-live (linux-source-6.12 is not installed)'
command -v qemu-system-x86_64 >/dev/null && command -v sysbench >/dev/null || skip 'no qemu or no sysbench'
export OSEVOLVE_ROOT=$root
"$bin/osevolve" vm --quiet --timeout 60 -- true 2>err || { grep -q 'vm build' err && skip 'the kernel has not been made'; fail 'the VM does not start'; }

for policy in fifo vtime cfs; do expect 0 build-agent "$policy" -o "$PWD/$policy.so"; done
expect 0 build-agent "$root/tests/policies/hosted/map_queue.cc" -o "$PWD/map_queue.so" --json
json /hosted=true
# What the gate would refuse.
for policy in crash endless twice; do cp -- "$bin/../tests/policies/$policy.so" .; done

cat >words <<SCRIPT
set -u
cd $PWD
live=$bin/osevolve-live
threads='sysbench threads --threads=4 --time=1 run'
cpu='sysbench cpu --threads=4 --time=1 run'
die() { echo "\$*"; cat /run/report /run/out /run/err; exit 1; }
# agent CODE ARGUMENTS: runs it; the report must have the FIELD=VALUE that follow in \$want
agent() {
  local code=\$1 status=0
  shift
  \$live agent --report /run/report "\$@" >/run/out 2>/run/err || status=\$?
  [[ \$status == "\$code" ]] || die "agent \$*: exit code \$status, not \$code"
  $tools/json_check /run/report \$want || die "agent \$*: \$want"
}
threads_finished() { grep -q 'total number of events' /run/out || die 'sysbench did not finish'; }
kernel_again() { [[ \$(</sys/kernel/sched_ext/state) == disabled ]] || die 'still attached'; }
SCRIPT

cat >rule <<SCRIPT
. $PWD/words
want='/always_enabled=true /detached=false /exit/kind=64 /rules/0/lost=0 /rules/0/end=stopped'
for policy in fifo vtime cfs map_queue; do
  for load in "\$threads" "\$cpu"; do
    agent 0 --policy \$policy.so -- \$load
    threads_finished
    kernel_again
  done
  echo "\$policy ruled"
done
SCRIPT
run 0 "$bin/osevolve" vm --quiet --timeout 120 -- bash "$PWD/rule"
[[ $(grep -c ruled out) == 4 ]] || fail 'not every policy ruled'

# Turns under load: attached all the time, nobody lost.
cat >turns <<SCRIPT
. $PWD/words
want='/always_enabled=true /detached=false /exit/kind=64 /swaps=50'
(while [[ ! -e /run/enough ]]; do sysbench threads --threads=4 --time=1 run >/run/load || exit 1; done) &
agent 0 --policy vtime.so --then fifo.so --every 0.02 --swaps 50
: >/run/enough
wait \$! || die 'sysbench did not finish'
grep -q 'total number of events' /run/load || die 'sysbench did not finish'
grep -o '"lost": [0-9]*' /run/report | sort | uniq -c
SCRIPT
run 0 "$bin/osevolve" vm --quiet --timeout 120 -- bash "$PWD/turns"
[[ $(<out) =~ ^\ *51\ \"lost\":\ 0$ ]] || fail 'tasks were lost'

# Failures: contained, named, and somebody goes on scheduling.
cat >failures <<SCRIPT
. $PWD/words
killer='kill -9 \$(pgrep -f [a]gent-child); sysbench cpu --threads=4 --time=0 --events=200 run'
want='/detached=true /rules/0/failed=true /exit_code=0'
agent 12 --policy fifo.so -- bash -c "\$killer"
threads_finished
grep -q 'the agent was killed.*kernel.s own scheduler took over' /run/err || die 'the reason is not told'
kernel_again
echo killed

agent 12 --policy crash.so -- \$cpu
threads_finished
grep -q 'crashed\|SIGSEGV' /run/err || die 'the reason is not told'
kernel_again
echo crashed

# The one that ruled before takes over again, without a gap.
for bad in crash endless twice; do
  want='/detached=false /always_enabled=true /rules/0/end=swapped /rules/1/failed=true /rules/2/end=stopped /rules/2/lost=0'
  agent 0 --policy vtime.so --then \$bad.so --every 0.2 -- sysbench cpu --threads=4 --time=5 run
  threads_finished
  grep -q "\$bad.so: the agent .*; its predecessor took over" /run/err || die 'the reason is not told'
  kernel_again
  echo "\$bad contained"
done

want='/detached=false /always_enabled=true'
agent 0 --partial --policy fifo.so -- \$threads
threads_finished
kernel_again
echo partial

# Without its supervisor the kernel takes everything back.
\$live agent --policy fifo.so &
until [[ \$(</sys/kernel/sched_ext/state) == enabled ]]; do :; done
kill -9 \$!
until [[ \$(</sys/kernel/sched_ext/state) == disabled ]]; do :; done
echo released
agent 12 --policy nothing.so -- true
SCRIPT
sed -i 's/^agent 12 --policy nothing.so.*/\$live agent --policy nothing.so -- true 2>\/run\/err; [[ $? == 40 ]] || die "a missing file"/' failures
run 0 "$bin/osevolve" vm --quiet --timeout 200 -- bash "$PWD/failures"
out_has killed crashed 'crash contained' 'endless contained' 'twice contained' partial released
