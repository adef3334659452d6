#!/usr/bin/env bash
# A policy as a machine's scheduler: deployed, swapped under load, rolled back, ejected, killed. In a throw-away VM.
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/vm_lib.sh"
for name in vtime fifo; do expect 0 build-bpf "$name" -o "$PWD/$name.bpf.o"; done
expect 0 build-bpf "$root/tests/policies/stalled.cc" -o "$PWD/stalled.bpf.o"
chmod 644 -- *.bpf.o

# Deployed from source, as root inside; what rules is said; a second policy swaps in; then back.
in_vm deploy <<'SCRIPT'
osevolve status | grep -q 'no policy of OS-Evolve rules' || die 'status before'
osevolve deploy vtime || die "deploy"
[[ $(state) == enabled && $(rules) == vtime ]] || die "vtime does not rule"
osevolve deploy fifo --good-after 0 || die "swap"
[[ $(rules) == fifo ]] || die "fifo does not rule"
osevolve status | grep -q 'before: vtime' || die 'status forgets'
osevolve deploy --rollback || die "rollback"
[[ $(rules) == vtime ]] || die "no way back"
# What cannot be done leaves the policy that rules.
osevolve deploy no-such-policy && die 'a policy that is not there'
osevolve deploy cfs --set no_such=1 && die 'a tunable that is not there'
chmod 666 $W/vtime.bpf.o && osevolve deploy $W/vtime.bpf.o && die 'a file that others may write to'
[[ $(rules) == vtime ]] || die "a refusal took vtime out"
osevolve-live run --object $W/fifo.bpf.o -- true && die 'two schedulers'
osevolve undeploy || die undeploy
[[ $(state) == disabled ]] || die "still there"
osevolve status | grep -q stopped || die 'status after'
osevolve undeploy && die 'undeploy of nothing'
true
SCRIPT

# kill -9: back on the fair class (within 0.1 s, docs/kernel-results.md), and the load never notices.
in_vm killed <<'SCRIPT'
sysbench threads --threads=4 --events=300 --time=0 run >/run/load &
load=$!
osevolve deploy $W/vtime.bpf.o || die deploy
kill -9 "$(osevolve status --json | grep -o '"pid": [0-9]*' | grep -o '[0-9]*')"
for ((i = 0; i < 100; ++i)); do
  if [[ $(state) == disabled ]]; then break; fi
  sleep 0.1
done
[[ $(state) == disabled ]] || die 'still enabled'
osevolve status | grep -q 'supervisor is gone' || die 'status does not say so'
wait $load && grep -q 'number of events: *300' /run/load || die 'the load did not finish'
osevolve deploy $W/fifo.bpf.o || die 'no new start'
osevolve undeploy
SCRIPT

# A policy that starves tasks is ejected, the task is named, and the last good policy takes over.
in_vm stalled <<'SCRIPT'
osevolve deploy $W/vtime.bpf.o --good-after 0.2 --journal /run/journal || die deploy
sleep 0.5
osevolve deploy $W/stalled.bpf.o --timeout-ms 1000
for ((i = 0; i < 300; ++i)); do
  if [[ $(rules) == vtime ]]; then break; fi
  sleep 0.1
done
[[ $(rules) == vtime ]] || die 'no fallback'
osevolve status --json >/run/json
grep -q '"what": "stall"' /run/json && grep -q '"stalled_task"' /run/json || die "no word of the stall: $(cat /run/json)"
grep -q 'fallen back to' /run/journal || die 'not in the journal'
osevolve undeploy
SCRIPT

# A kernel without BTF, and one that is locked down: named by deploy and by doctor; nothing rules.
in_vm no_btf <<'SCRIPT'
mount -t tmpfs none /sys/kernel/btf || die mount
osevolve deploy $W/vtime.bpf.o 2>/run/err && die 'without BTF'
grep -q CONFIG_DEBUG_INFO_BTF /run/err || die "not named: $(cat /run/err)"
osevolve observe -- true 2>/run/err && die 'observed without BTF'
grep -q CONFIG_DEBUG_INFO_BTF /run/err || die "not named: $(cat /run/err)"
[[ $(state) == disabled ]] || die "it rules"
SCRIPT
in_vm lockdown <<'SCRIPT'
echo integrity >/sys/kernel/security/lockdown || die 'no lockdown'
osevolve deploy $W/vtime.bpf.o || die 'integrity is no obstacle'
osevolve undeploy || die undeploy
echo confidentiality >/sys/kernel/security/lockdown
osevolve deploy $W/vtime.bpf.o 2>/run/err && die 'in spite of confidentiality'
grep -q 'lockdown=integrity' /run/err || die "not named: $(cat /run/err)"
osevolve observe -- true 2>/run/err && die 'observed in spite of confidentiality'
grep -q 'lockdown' /run/err || die "not named: $(cat /run/err)"
[[ $(state) == disabled ]] || die "it rules"
SCRIPT

# Partial: the command is scheduled by the policy, the others stay on the fair class.
in_vm partial <<'SCRIPT'
osevolve-live run --partial --object $W/vtime.bpf.o -- bash -c 'chrt -p $$; cat /sys/kernel/sched_ext/state; chrt -p '$$ >/run/text || die run
grep -q enabled /run/text || die "not enabled"
[[ $(grep -c SCHED_OTHER /run/text) == 1 ]] || die "both or none: $(cat /run/text)"
SCRIPT

# A control group: what is in it is ruled by the policy, what is started in it, too, and all is given back.
in_vm cgroup <<'SCRIPT'
osevolve deploy $W/vtime.bpf.o --cgroup no/such && die 'a group that is not there'
mkdir /sys/fs/cgroup/work
sleep 100 & in=$!
sleep 100 & out=$!
echo $in >/sys/fs/cgroup/work/cgroup.procs
osevolve deploy $W/vtime.bpf.o --cgroup work || die deploy
class() { chrt -p $1 | grep -q "$2" || die "$1 is not $2: $(chrt -p $1)"; }
[[ $(state) == enabled ]] || die 'not enabled'
chrt -p $in | grep -q SCHED_OTHER && die 'not taken over'
class $out SCHED_OTHER
osevolve status | grep -q 'tasks of /sys/fs/cgroup/work' || die status
osevolve undeploy || die undeploy
class $in SCHED_OTHER
kill $in $out
SCRIPT

# Swaps under load: every event is done, each gap is measured, and nobody was lost.
swaps=${OSEVOLVE_SWAPS:-60}
in_vm swaps <<SCRIPT
osevolve-live run --object \$W/vtime.bpf.o --then \$W/fifo.bpf.o --every 0.001 --swaps $swaps --report /run/report -- bash -c '
  sysbench threads --threads=8 --events=1500 --time=0 run >/run/load || exit 1
  until [ "\$(cat /sys/kernel/sched_ext/enable_seq)" -gt $swaps ]; do sysbench threads --threads=8 --events=200 --time=0 run >/dev/null || exit 1; done' || die 'run'
grep -q 'number of events: *1500' /run/load || die 'events were lost'
grep -q '"swaps": $swaps' /run/report || die "swaps: \$(grep swaps /run/report)"
grep -q '"ejected": false' /run/report || die 'a policy was ejected'
echo "gaps_ms \$(grep -o '"gap_ms": [0-9.]*' /run/report | awk '{ print \$2 }' | sort -n | tr '\n' ' ')"
SCRIPT
grep gaps_ms out || fail 'no gaps'

# Counters say what ran: a signature and a workload, of a command alone.
in_vm observe <<'SCRIPT'
osevolve observe --json -o /run/counted.toml -- sysbench threads --threads=4 --events=200 --time=0 run >/run/json 2>/run/err || die "observe: $(cat /run/err)"
grep -q 'number of events: *200' /run/err || die 'no output of the command'
grep -q '"tasks": 5,' /run/json || die "not the main thread and four workers: $(grep tasks /run/json)"
yields=$(grep -o '"yields": [0-9]*' /run/json | grep -o '[0-9]*$')
((yields == 200000)) || die "$yields yields, not 200 times 1000"
osevolve bound /run/counted.toml >/run/text || die 'the workload is none'
SCRIPT
