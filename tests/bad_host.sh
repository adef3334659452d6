#!/usr/bin/env bash
# What this machine may lack: tracing, the compiler, parts of the installation.
. "$(dirname -- "$0")/lib.sh"

# No compiler: a PATH without it.
mkdir path
for tool in bash ld; do ln -s "$(command -v "$tool")" path/; done
for command in "eval fifo --workload $data/small.toml" "evolve $data/small.toml --no-kb --out run"; do
  # shellcheck disable=SC2086  # words of the command
  run 31 env PATH="$work/path" "$bin/osevolve" $command
  one_error clang++-19 'apt-get install'
done
[[ ! -e run ]] || fail 'a run that could not begin left its folder behind'
run 1 env PATH="$work/path" "$bin/osevolve" doctor
out_has FAIL 'apt-get install clang-19'
# What needs none, works.
run 0 env PATH="$work/path" "$bin/osevolve" bound "$data/small.toml"

# No checkout around the program.
cp -- "$bin/osevolve" .
run 40 env -u OSEVOLVE_ROOT ./osevolve policies
one_error OSEVOLVE_ROOT
# No programs beside it.
run 70 ./osevolve eval fifo --workload "$data/small.toml"
one_error osevolve-gate ./osevolve

# Kernels: what cannot be, is named with the way out; nothing is tried.
[[ -e /sys/kernel/sched_ext/state ]] || {
  expect 0 status
  out_has 'nothing deployed' 'sched_ext is not there'
  if ((EUID == 0)) && [[ -x $bin/osevolve-live ]]; then
    expect 35 deploy vtime
    one_error 'no sched_ext' 'osevolve vm'
    expect 35 compare vtime --workload "$data/small.toml" --host live
    one_error 'no sched_ext' '--host vm'
  fi
}
expect 33 vm --kernel /no/such -- true
one_error /no/such 'osevolve vm build'
expect 2 vm
expect 2 deploy
expect 2 eval fifo --workload "$data/small.toml" --host moon
expect 2 eval fifo --workload "$data/small.toml" --host vm --profile
one_error --profile
expect 2 eval fifo --workload "$data/small.toml" --host vm --seeds 3
one_error --rounds
expect 2 eval program:/bin/true --workload "$data/small.toml"
one_error '--host vm'
expect 40 eval program:/no/such --workload "$data/small.toml" --host vm
expect 40 build-bpf no-such-policy
expect 10 build-bpf "$root/tests/policies/sockets.cc" -o out.o
[[ ! -e out.o ]] || fail 'an object of a policy that was refused'

# Recording as somebody who may not.
can_be_nobody || skip 'cannot run as another user here'
mkdir -m 777 open
run 30 nobody "$bin/osevolve" record -o open/x.toml -- true
one_error root
[[ ! -e open/x.toml ]] || fail 'a workload came of nothing'
run 35 nobody "$bin/osevolve" deploy vtime
one_error root 'osevolve vm'
run 35 nobody "$bin/osevolve" undeploy
run 30 nobody "$bin/osevolve" observe
one_error root
run 35 nobody "$bin/osevolve" compare vtime --workload "$data/small.toml" --host live
one_error root
run 30 nobody "$bin/osevolve" record -o open/x.toml --json -- true
json /error/code=30
