#!/usr/bin/env bash
# The same seed and budget give the same database and files, for any number of workers.
. "$(dirname -- "$0")/lib.sh"

for jobs in 1 2 3; do
  mkdir "j$jobs"
  (cd "j$jobs" && exec "$bin/osevolve" evolve "$data/small.toml" --evals 24 --seed 7 --jobs "$jobs" --out run --kb kb.db -q >table) ||
    fail "evolve with --jobs $jobs"
  dump "j$jobs/run" >"j$jobs/dump"
  sed '/"wall_s"/d' "j$jobs/run/metrics.json" >"j$jobs/metrics"
done
for jobs in 2 3; do
  diff j1/dump "j$jobs/dump" >diff || fail "the database differs: $(head -c 2000 diff)"
  diff j1/metrics "j$jobs/metrics" >diff || fail "metrics.json differs: $(head -c 2000 diff)"
  for file in best.cc best.diff evolve.log; do cmp "j1/run/$file" "j$jobs/run/$file" || fail "$file differs"; done
done
[[ $(wc -l <j1/dump) -gt 24 ]] || fail 'the dump is too small to say anything'

# Another seed is another run.
expect 0 evolve "$data/small.toml" --evals 24 --seed 8 --out other --no-kb -q
! cmp -s j1/run/evolve.log other/evolve.log || fail 'the seed changes nothing'
