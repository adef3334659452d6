# Sourced after lib.sh by tests that run in the VM; skips where there is none.
#   in_vm NAME <<SCRIPT    runs a script in a VM of its own, with the words below; it must end with 0
# In the script: osevolve and osevolve-live are there, W is the test's folder (read-only), state and rules say what
# sched_ext does, die TEXT fails.
# shellcheck shell=bash
[[ -x $bin/osevolve-live ]] || skip 'there is no osevolve-live (linux-source-6.12 is not installed)'
command -v qemu-system-x86_64 >/dev/null && command -v sysbench >/dev/null || skip 'no qemu or no sysbench'
"$bin/osevolve" vm --quiet --timeout 60 -- true 2>err || { grep -q 'vm build' err && skip 'the kernel has not been made'; fail 'the VM does not start'; }

in_vm() {
  {
    cat <<EOF
PATH=$bin:\$PATH W=$PWD
export OSEVOLVE_ROOT=$root OSEVOLVE_STATE=/run/state TMPDIR=/run
die() { echo "FAILED: \$*" >&2; exit 99; }
state() { cat /sys/kernel/sched_ext/state; }
rules() { cat /sys/kernel/sched_ext/root/ops 2>/dev/null; }
EOF
    cat
  } >"$1.vm"
  expect 0 vm --quiet --timeout "${vm_timeout:-600}" -- bash "$PWD/$1.vm"
}
