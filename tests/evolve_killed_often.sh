#!/usr/bin/env bash
# kill -9 at 50 random moments (OSEVOLVE_KILLS), from the start of a search to the end of its proof: nothing is lost and
# nothing repeated. Searches are killed and resumed until they are complete, and end as an undisturbed one.
. "$(dirname -- "$0")/lib.sh"
toy_root
kills=${OSEVOLVE_KILLS:-50} evals=60 killed=0 runs=0 early=0 late=0
RANDOM=4711
evolve=("$bin/osevolve" evolve small --evals "$evals" --seed 3 --quiet --json)
run 0 "${evolve[@]}" --kb whole.kb --out whole
dump whole >whole.dump

moment() {  # moment PID: waits for some evaluations and some milliseconds, or just some milliseconds
  local now more=$((RANDOM % 5)) pause=$((RANDOM % 200))
  now=$(evaluated killed)
  if ((more > 1)); then
    until (($(evaluated killed) >= (now + more < evals ? now + more : evals))); do
      kill -0 "$1" 2>/dev/null || return
      sleep 0.01
    done
  fi
  sleep "0.$(printf %03d "$pause")"
}

while ((killed < kills)); do
  rm -rf killed kb.db
  while :; do
    how=()
    # What was killed before it had a database is started anew.
    if [[ -e killed/run.db ]] && (($(evaluated killed) > 0)); then how=(--resume); else rm -rf killed; fi
    before=$(evaluated killed)
    if [[ ${how[*]} ]]; then command=("$bin/osevolve" evolve --resume --quiet --json); else command=("${evolve[@]}"); fi
    last="${command[*]} (after $killed kills)"
    "${command[@]}" --kb kb.db --out killed >out 2>err </dev/null &
    pid=$!
    moment "$pid"
    if ((killed < kills)) && kill -KILL "$pid" 2>/dev/null; then
      status=0
      wait "$pid" 2>/dev/null || status=$?
      if ((status == 137)); then
        killed=$((killed + 1))
        now=$(evaluated killed)
        ((now >= before)) || fail "$now evaluations of $before are left"
        if ((now == 0)); then early=$((early + 1)); elif ((now >= evals)); then late=$((late + 1)); fi
        continue
      fi
      ((status == 0)) || fail "exit code $status"
    else
      wait "$pid" || fail "exit code $?"
    fi
    break
  done
  runs=$((runs + 1))
  json "/evaluations=$evals"
  dump killed | diff whole.dump - >diff || fail "the run differs after $killed kills: $(head -c 2000 diff)"
  for file in best.cc best.diff evolve.log; do cmp "whole/$file" "killed/$file" || fail "$file differs"; done
done
# Folders of the killed go with the next process once they are older than a minute.
find temporary -mindepth 1 -maxdepth 1 -exec touch -d '2 minutes ago' {} +
run 0 "$bin/osevolve" evolve --resume --quiet --kb kb.db --out killed --evals $((evals + 5))
nothing_left
echo "$killed kills ($early before the first evaluation was stored, $late after the last) in $runs searches"
