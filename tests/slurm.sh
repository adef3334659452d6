#!/usr/bin/env bash
# --executor slurm on a cluster of this machine: the same log as without, also when a node dies under it; no job is left,
# no key gets out.
. "$(dirname -- "$0")/lib.sh"
. "$root/tests/slurm_lib.sh"
export ANTHROPIC_API_KEY=canary-$$-$RANDOM$RANDOM
cluster_up

slurm=(--executor slurm --slurm-batch 2)
evolve=(evolve "$data/small.toml" --evals 16 --seed 5 --no-kb --quiet --json)
expect 0 "${evolve[@]}" --out here

# Stops the tasks on a node, if there are any, so that they do not end meanwhile.
caught() {  # caught NODE
  local pid
  for pid in $(on_node "$1"); do kill -STOP "$pid" 2>/dev/null && stopped=$pid; done
  [[ ${stopped:-} ]]
}

# The last tasks take a moment to be cleaned up after.
none_queued() {
  local tries
  for ((tries = 0; ; ++tries)); do
    [[ ! $(queued) ]] && return
    ((tries < 300)) || fail "jobs are left: $(queued)"
    sleep 0.1
  done
}

"$bin/osevolve" "${evolve[@]}" "${slurm[@]}" --out there >out 2>err &
pid=$!
last="evolve on Slurm"
until caught n1; do
  kill -0 "$pid" 2>/dev/null || fail 'over before a task ran on n1'
  sleep 0.05
done
# The key is nowhere: not in the job's environment, which is there, not in Slurm's files.
tr '\0' '\n' <"/proc/$stopped/environ" >environ || fail "$stopped has no environment"
grep -q '^SLURM_ARRAY_TASK_ID=' environ || fail 'not the environment of a task'
[[ $(find "$cluster/state" -name environment) ]] || fail 'slurmctld has no environments'
! grep -rqF "$ANTHROPIC_API_KEY" environ "$cluster" there || fail "the key got out: $(grep -rlF "$ANTHROPIC_API_KEY" environ "$cluster" there)"
node_down n1
until [[ $(sinfo --noheader --nodes=n1 --format=%T) == down* ]]; do sleep 0.1; done
node_up n1
wait "$pid" || fail "exit code $?"
grep -qE 'Killing JobId=.* on failed node n1' "$cluster/slurmctld.log" || fail "no task was lost with n1: $(tail "$cluster/slurmctld.log")"
for file in evolve.log best.cc best.diff; do cmp "here/$file" "there/$file" || fail "$file differs"; done
dump here >here.dump
dump there >there.dump
diff here.dump there.dump >diff || fail "the run differs: $(head -c 2000 diff)"
none_queued
[[ ! $(ls -A there/slurm/batches) ]] || fail "$(ls -A there/slurm/batches)"


# By nodes that have only a copy of the program; and with a folder that goes when it is over.
expect 0 eval cfs fifo --workload "$data/small.toml" --json
cp out local.json
expect 0 eval cfs fifo --workload "$data/small.toml" --json "${slurm[@]}" --slurm-copy --slurm-folder shared
cmp out local.json || fail 'eval differs'
[[ -x $(echo shared/programs/*/bin/osevolve) ]] || fail "$(find shared)"
expect 0 eval cfs --workload "$data/small.toml" --json "${slurm[@]}"
[[ ! -e $(echo osevolve-slurm-*) ]] || fail 'the temporary folder is left'

# However it ends, no job is left.
for signal in INT KILL; do
  "$bin/osevolve" eval --workload "$data/small.toml" --seeds search:3 --quiet "${slurm[@]}" --slurm-folder "ended-$signal" >out 2>err &
  pid=$!
  last="eval, to be ended by SIG$signal"
  stopped=''
  until caught n1 || caught n2; do
    kill -0 "$pid" 2>/dev/null || fail 'over too early'
    sleep 0.05
  done
  kill "-$signal" "$pid"
  status=0
  wait "$pid" 2>/dev/null || status=$?
  [[ $status == $([[ $signal == INT ]] && echo 130 || echo 137) ]] || fail "exit code $status"
  none_queued
done

# What cannot work says so before there is a folder.
expect 37 evolve "$data/small.toml" "${slurm[@]}" --slurm-partition nope --out none
one_error '--slurm-partition nope' sinfo
expect 37 evolve "$data/small.toml" "${slurm[@]}" --slurm-time 61 --out none
one_error '--slurm-time 61'
[[ ! -e none ]] || fail 'a folder is left'
touch file
expect 74 eval cfs --workload "$data/small.toml" "${slurm[@]}" --slurm-folder file/x
one_error file/x --slurm-folder
run 37 env PATH=/nowhere "$bin/osevolve" eval cfs --workload "$data/small.toml" "${slurm[@]}"
one_error 'there is no sbatch in PATH'
expect 2 eval cfs --workload "$data/small.toml" --slurm-copy
one_error '--executor slurm'
