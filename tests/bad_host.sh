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

# Recording as somebody who may not.
can_be_nobody || skip 'cannot run as another user here'
mkdir -m 777 open
run 30 nobody "$bin/osevolve" record -o open/x.toml -- true
one_error root
[[ ! -e open/x.toml ]] || fail 'a workload came of nothing'
run 30 nobody "$bin/osevolve" record -o open/x.toml --json -- true
json /error/code=30
