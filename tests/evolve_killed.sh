#!/usr/bin/env bash
# kill -9 in the middle, then --resume: the same end as undisturbed, and nothing evaluated twice.
. "$(dirname -- "$0")/lib.sh"
toy_root
evolve=("$bin/osevolve" evolve small --evals 60 --seed 3 --kb kb.db --quiet --json)

run 0 "${evolve[@]}" --out whole
rm kb.db
for at in 5 30; do
  "${evolve[@]}" --out killed >/dev/null 2>&1 &
  pid=$!
  until (($(evaluated killed) >= at)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  kill -KILL "$pid" 2>/dev/null || fail "over before $at evaluations were in"
  wait "$pid" 2>/dev/null
  evolve=("$bin/osevolve" evolve --resume --kb kb.db --quiet --json)
done
before=$(evaluated killed)
((before < 60)) || fail 'killed too late to say anything'

run 0 "${evolve[@]}" --out killed
json /evaluations=60 "/resumed=$before"
dump whole >whole.dump
dump killed >killed.dump
diff whole.dump killed.dump >diff || fail "the resumed run differs: $(head -c 2000 diff)"
for file in best.cc best.diff evolve.log; do cmp "whole/$file" "killed/$file" || fail "$file differs"; done
[[ ! -e killed/run.db.lock && ! -e killed/run.db-wal ]] || fail "$(ls killed)"

# Once more changes nothing; a larger budget goes on.
run 0 "${evolve[@]}" --out killed
json /evaluations=60 /resumed=60
dump killed | cmp - whole.dump || fail 'resuming a finished run changed it'
run 0 "${evolve[@]}" --out killed --evals 70
json /evaluations=70 /resumed=60
