#!/usr/bin/env bash
# A small run: its files and its JSON, and a winner that the other commands take.
. "$(dirname -- "$0")/lib.sh"

expect 0 evolve "$data/small.toml" --evals 24 --seed 5 --out run --json --quiet
[[ ! -s err ]] || fail '--quiet is not quiet'
json /run=run /workload=small /evaluations=24 /compile_failures:integer /wall_s:number /best/policy=run/best.cc \
  /best/score:number /best/diff_lines:integer /baselines/*/policy:string /baselines/*/score:number \
  /gain_pct_vs_seed:number /gain_pct_vs_best_baseline:number /ci95:interval /final_seeds=8 /pct_of_bound:number \
  /veteran:boolean /interrupted=false /resumed=0
cmp -s out run/metrics.json || fail 'metrics.json is not what was printed'
for file in best.cc evolve.log metrics.json run.db; do [[ -s run/$file ]] || fail "no run/$file"; done
[[ -f run/best.diff && ! -e run/run.db-wal && ! -e run/run.db.lock ]] || fail "$(ls run)"
[[ $(wc -l <run/evolve.log) == 24 ]] || fail 'the log has not a line for each evaluation'
lines=$(json_get run/metrics.json /best/diff_lines)
[[ $lines == "$(grep -c '^[+-][^+-]' run/best.diff)" || $lines == "$(grep -c '^[+][^+]' run/best.diff)" ]] ||
  echo "note: diff_lines is $lines"

# The path it names is a policy, and its claim can be checked.
best=$(json_get run/metrics.json /best/policy)
score=$(json_get run/metrics.json /best/score)
expect 0 eval "$best" --workload "$data/small.toml" --json
json /rows/0/policy=best
expect 0 compare cfs "$best" --workload "$data/small.toml" --seed 5 --json
json /rows/1/vs/policy=cfs "/rows/1/score=$score"

# Without --json, a table; the default folder is new each time.
expect 0 evolve "$data/small.toml" --evals 9 --no-kb
out_has 'gain over' '% of bound' runs/small-1/best.cc 'not archived: --no-kb'
expect 0 evolve "$data/small.toml" --evals 9 --no-kb --from fifo --islands 1 --json -q
json /run=runs/small-2 /seed_policy=fifo /veteran=false
nothing_left
