# A Slurm cluster of two nodes on this machine, in the test's folder, with its own munge; sourced after lib.sh by tests that
# need one. Everything it starts is ended by its pid.
#
#   cluster_up [CPUS]        starts it, with two CPUs a node unless told otherwise, or skips the test with the reason
#   node_up N, node_down N   starts a node; ends it as a loss of power does, with all that runs on it
#   queued                   the tasks that are waiting, running or being cleaned up after
# shellcheck shell=bash

for program in munged slurmctld slurmd sbatch squeue scancel; do
  [[ $(PATH=$PATH:/usr/sbin command -v $program) ]] || skip "no $program here: apt-get install slurm-wlm munge"
done
((EUID == 0)) || skip 'slurmctld and slurmd want root'
PATH=$PATH:/usr/sbin

declare -A daemon=()
cluster=$work/cluster
# Ports that nobody listens on now.
port() {
  local port
  for ((port = 20000 + ($$ * 7 + $1 * 131) % 12000; ; ++port)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

cluster_up() {  # cluster_up [CPUS of a node]
  local host
  host=$(hostname -s)
  mkdir -p "$cluster"/{state,n1,n2}
  cat >"$cluster/slurm.conf" <<END
ClusterName=osevolve-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port 0)
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,bf_interval=1
EnforcePartLimits=ALL
ReturnToService=2
SlurmdTimeout=6
KillWait=1
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(port 1) CPUs=${1:-2}
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(port 2) CPUs=${1:-2}
PartitionName=main Nodes=ALL Default=YES MaxTime=60
END
  export SLURM_CONF=$cluster/slurm.conf
  head -c 1024 /dev/urandom >"$cluster/munge.key"
  chmod 400 "$cluster/munge.key"
  trap cluster_down EXIT
  munged --foreground --force --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munge.pid" \
    --log-file="$cluster/munge.log" --seed-file="$cluster/munge.seed" >"$cluster/munge.out" 2>&1 &
  daemon[munged]=$!
  until [[ -S $cluster/munge.socket ]]; do
    kill -0 "${daemon[munged]}" 2>/dev/null || skip "munged does not start: $(tail -n 1 "$cluster/munge.out")"
    sleep 0.05
  done
  slurmctld -D -c >"$cluster/slurmctld.out" 2>&1 &
  daemon[slurmctld]=$!
  node_up n1
  node_up n2
  until [[ $(timeout 20 sinfo --noheader --states=idle --format=%D 2>/dev/null) == 2 ]]; do
    for name in slurmctld n1 n2; do
      kill -0 "${daemon[$name]}" 2>/dev/null || skip "$name does not start: $(tail -n 1 "$cluster/$name.out")"
    done
    sleep 0.1
  done
}

node_up() {
  # No login profile is read for jobs of ours, but the daemon's own environment is what jobs begin with.
  env -i PATH="$PATH" SLURM_CONF="$SLURM_CONF" slurmd -D -N "$1" >"$cluster/$1.out" 2>&1 &
  daemon[$1]=$!
}

# The jobs' processes on a node, by their environment.
on_node() {
  local file
  for file in $(grep -lzxF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ 2>/dev/null); do
    if grep -qzxF "SLURMD_NODENAME=$1" "$file" 2>/dev/null; then cut -d/ -f3 <<<"$file"; fi
  done
}

node_down() {
  local pid
  kill -KILL "${daemon[$1]}"
  wait "${daemon[$1]}" 2>/dev/null
  for pid in $(stepds "$1") $(on_node "$1"); do kill -KILL "$pid" 2>/dev/null; done
}

# slurmstepd of a node, which outlives its slurmd: it holds the node's log open.
stepds() { find /proc/[0-9]*/fd -lname "$cluster/$1/slurmd.log" 2>/dev/null | cut -d/ -f3 | sort -u; }

queued() { squeue --noheader --array --format='%i %T'; }

cluster_down() {
  local pid file tries name
  # The test's own programs first, while there is a cluster for what cancels their jobs.
  for pid in $(jobs -p); do
    [[ " ${daemon[*]} " == *" $pid "* ]] || kill -KILL "$pid" 2>/dev/null
  done
  for file in $(find "$work" -name lock.watch); do
    for ((tries = 0; tries < 100; ++tries)); do
      kill -0 "$(<"$file")" 2>/dev/null || break
      sleep 0.1
    done
  done
  for name in n1 n2; do
    for pid in ${daemon[$name]:-} $(stepds "$name") $(on_node "$name"); do kill -KILL "$pid" 2>/dev/null; done
  done
  for name in slurmctld munged; do
    if [[ ${daemon[$name]:-} ]]; then kill -TERM "${daemon[$name]}" 2>/dev/null; fi
  done
  wait
  rm -rf -- "$work"
}
