#!/usr/bin/env bash
# Every shipped policy in a real kernel: built to BPF, verified, attached, ruling while sysbench runs, taken out.
# In a throw-away VM; skipped where its kernel has not been made (osevolve vm build).
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/vm_lib.sh"

# The VM itself: status, output, and ends that are not the command's.
expect 7 vm --quiet -- bash -c 'echo out; echo err >&2; exit 7'
[[ $(<out) == out && $(<err) == err ]] || fail 'output of the command is not passed through'
expect 34 vm --quiet --timeout 5 -- sleep 100
grep -q 'did not finish within 5 s' err || fail 'no word of the time-out'
expect 34 vm --quiet -- bash -c 'echo c >/proc/sysrq-trigger'
grep -q 'Kernel panic' err || fail 'no word of the panic'

# Equal sources, equal objects.
expect 0 build-bpf vtime -o one.o
expect 0 build-bpf vtime -o two.o
cmp -s one.o two.o || fail 'two builds of a policy differ'

policies=()
for policy in "$root"/policies/*.cc; do
  name=$(basename "$policy" .cc)
  expect 0 build-bpf "$policy" -o "$PWD/$name.bpf.o"
  policies+=("$name")
done
cat >each <<SCRIPT
for policy in ${policies[*]}; do
  $bin/osevolve-live run --object $PWD/\$policy.bpf.o -- sysbench threads --threads=4 --time=1 run >/run/text || exit 1
  grep -q 'total number of events' /run/text || exit 2
  dmesg | grep -q "BPF scheduler \"\$policy\" enabled" || exit 3
  [ "\$(cat /sys/kernel/sched_ext/state)" = disabled ] || exit 4
  echo "\$policy ruled"
done
SCRIPT
expect 0 vm --quiet --timeout 600 -- bash "$PWD/each"
[[ $(grep -c ruled out) == "${#policies[@]}" ]] || fail 'not every policy ruled'
nothing_left
