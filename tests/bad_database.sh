#!/usr/bin/env bash
# Databases that are busy, newer, damaged or not ours: refused, and left as they are.
. "$(dirname -- "$0")/lib.sh"
toy_root
refused() {  # refused CODE FILE TEXT... -- ARGUMENTS...
  local code=$1 file=$2 texts=()
  shift 2
  while [[ $1 != -- ]]; do
    texts+=("$1")
    shift
  done
  shift
  cp -- "$file" before
  expect "$code" "$@" -q
  one_error "$file" "${texts[@]}"
  cmp "$file" before || fail "$file was changed"
}

expect 0 evolve small --evals 8 --seed 1 --kb kb.db --out run -q

# Newer.
cp kb.db newer.db
cp -r run newer
"$tools/db_tool" version newer.db 99
"$tools/db_tool" version newer/run.db 99
refused 22 newer.db 99 -- evolve small --evals 8 --kb newer.db --out never
refused 22 newer.db 99 -- gkb list --kb newer.db
refused 22 newer/run.db 99 -- evolve --resume --no-kb --out newer
[[ ! -e never ]] || fail 'a run that could not begin left its folder behind'

# Damaged, cut, or something else.
head -c 4000 /dev/urandom >noise.db
refused 20 noise.db -- gkb list --kb noise.db
refused 20 noise.db -- evolve small --evals 8 --kb noise.db --out never
head -c 10000 kb.db >cut.db
refused 20 cut.db -- gkb list --kb cut.db
cp -r run wrong
cp kb.db wrong/run.db
refused 20 wrong/run.db 'not a' -- evolve --resume --no-kb --out wrong
refused 20 run/run.db 'not a' -- gkb list --kb run/run.db

# Busy: another process holds the lock of the knowledge base ...
mkfifo release
"$tools/db_tool" hold kb.db <release >held &
holder=$!
exec 8>release
until [[ -s held ]]; do kill -0 "$holder" || fail 'no lock'; sleep 0.02; done
expect 21 evolve small --evals 8 --seed 2 --kb kb.db --out second -q
one_error kb.db 'another process'
exec 8>&-
wait "$holder"
# ... and the run is complete but for the archiving: nothing is lost.
if [[ -e second ]]; then
  expect 0 evolve --resume --kb kb.db --out second --json -q
  json /evaluations=8
fi

# ... or writes the run.
"$bin/osevolve" evolve small --evals 100000 --time 60 --no-kb --out busy -q >/dev/null 2>&1 &
pid=$!
until (($(evaluated busy) >= 2)); do kill -0 "$pid" || fail 'no run'; sleep 0.02; done
expect 21 evolve --resume --no-kb --out busy
one_error busy/run.db "$pid"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
expect 0 evolve --resume --no-kb --out busy --evals 10 --json -q
