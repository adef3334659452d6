#!/usr/bin/env bash
# Every command explains itself, with an example.
. "$(dirname -- "$0")/lib.sh"

for command in evolve eval compare explain "bench engine" eval-batch sweep bound load calibrate record import workloads policies doctor mcp \
  'plot cdf' 'plot load' 'plot gantt' 'plot run' \
  vm 'vm build' build-bpf deploy undeploy status observe validate 'validate theory' 'validate real' 'validate kernel' \
  gkb 'gkb list' 'gkb show' 'gkb query' plot; do
  # shellcheck disable=SC2086  # words of the command
  expect 0 $command --help
  out_has Usage "Example:  " "osevolve $command"
  if [[ $command != gkb && $command != validate && $command != plot ]]; then out_has --json --quiet; fi
done

expect 0 --help
out_has evolve eval compare explain sweep bound load calibrate record import workloads policies gkb plot doctor mcp
expect 0
out_has 'osevolve evolve workloads/hol.toml'
expect 0 --version
out_has osevolve
