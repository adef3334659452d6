#!/usr/bin/env bash
# kill -9 of helper processes at any moment, a read-only disk, two processes on one run.
. "$(dirname -- "$0")/lib.sh"
toy_root
evolve=("$bin/osevolve" evolve small --evals 24 --seed 5 --no-kb --quiet --json)
run 0 "${evolve[@]}" --out whole

# Helpers and compilers die under it in turn: the same end as undisturbed.
helpers() {  # helpers PID NAME...: processes below PID of those names
  local file kids kid comm up=$1
  shift
  for file in /proc/"$up"/task/*/children; do
    kids=''  # it may have ended
    { read -r kids <"$file"; } 2>/dev/null
    for kid in $kids; do
      { read -r comm <"/proc/$kid/comm"; } 2>/dev/null || continue
      [[ " $* " == *" $comm "* ]] && echo "$kid"
      helpers "$kid" "$@"
    done
  done
}
"${evolve[@]}" --out helpers >out 2>err &
pid=$! last='evolve, whose helpers are killed'
killed=0 next=2  # a compiler that is killed thrice gives its source up: not more than one in three evaluations
while kill -0 "$pid" 2>/dev/null; do
  if ((killed < 5 && $(evaluated helpers) >= next)); then
    case $((killed % 3)) in
      0) victims=$(helpers "$pid" osevolve-worker) ;;
      1) victims=$(helpers "$pid" clang++-19) ;;
      2) victims=$(helpers "$pid" osevolve-gate) ;;
    esac
    victim=${victims%%$'\n'*}
    if [[ $victim ]] && kill -KILL "$victim" 2>/dev/null; then
      killed=$((killed + 1))
      next=$((next + 3))
    fi
  fi
  sleep 0.01
done
wait "$pid" || fail "exit code $? after $killed kills"
((killed >= 3)) || fail "only $killed helpers could be killed"
json /evaluations=24
diff <(dump whole) <(dump helpers) >diff || fail "a run whose helpers were killed ($killed times) differs: $(head -c 2000 diff)"

# A run in a folder that cannot be written, seen by somebody without rights: said as such, kept as it is.
if can_be_nobody; then
  chmod -R a+rX . && chmod -R a-w whole
  before=$(dump whole)
  status=0
  last='evolve --resume of a read-only run'
  nobody "$bin/osevolve" evolve --resume --no-kb --quiet --out "$work/whole" >out 2>err </dev/null || status=$?
  [[ $status == 74 ]] || fail "exit code $status, not 74, for a read-only run"
  one_error whole
  chmod -R u+w whole
  [[ $(dump whole) == "$before" ]] || fail 'a read-only run was changed'
fi

# Two that start at once on one folder: one runs, the other is told its pid, and neither harms the other.
"${evolve[@]}" --out both >out.1 2>err.1 &
first=$!
"${evolve[@]}" --out both >out.2 2>err.2 &
second=$!
codes=()
for pid in "$first" "$second"; do
  status=0
  wait "$pid" || status=$?
  codes+=("$status")
done
last="two runs at once: ${codes[*]}"
[[ " ${codes[*]} " == *' 0 '* ]] || fail "none succeeded: $(cat err.1 err.2)"
for code in "${codes[@]}"; do [[ $code == 0 || $code == 2 || $code == 21 ]] || fail "an exit code $code"; done
[[ ${codes[*]} != '0 0' ]] || fail 'both wrote one run'
diff <(dump whole) <(dump both) >diff || fail "the run that was fought over differs: $(head -c 2000 diff)"
nothing_left
