#!/usr/bin/env bash
# Ctrl-C ends a run with the best so far; --resume completes it as if nothing had been.
. "$(dirname -- "$0")/lib.sh"
toy_root

"$bin/osevolve" evolve small --evals 60 --seed 3 --no-kb --quiet --json --out whole >out 2>err || fail 'evolve'
for signal in INT TERM HUP; do
  # A terminal sends it to the whole process group.
  setsid "$bin/osevolve" evolve small --evals 60 --seed 3 --no-kb --quiet --json --out "$signal" >out 2>err </dev/null &
  pid=$! last="evolve, with SIG$signal"
  until (($(evaluated "$signal") >= 8)); do
    kill -0 "$pid" 2>/dev/null || fail 'over too soon'
    sleep 0.02
  done
  kill "-$signal" -- "-$pid"
  status=0
  wait "$pid" || status=$?
  [[ $status == 0 ]] || fail "exit code $status after SIG$signal"
  json /interrupted=true /best/policy="$signal/best.cc" /best/score:number
  done_before=$(json_get out /evaluations)
  ((done_before < 60)) || fail 'nothing was interrupted'
  expect 0 eval "$signal/best.cc" --workload small -q

  expect 0 evolve --resume --no-kb --quiet --json --out "$signal"
  json /interrupted=false /evaluations=60 "/resumed=$done_before"
  diff <(dump whole) <(dump "$signal") >diff || fail "the resumed run differs: $(head -c 2000 diff)"
  cmp whole/evolve.log "$signal/evolve.log" || fail 'evolve.log differs'
done
nothing_left
