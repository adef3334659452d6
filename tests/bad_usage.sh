#!/usr/bin/env bash
# What is wrong on the command line: one message with the bad word and the way on.
. "$(dirname -- "$0")/lib.sh"

expect 2 evl
one_error "unknown command 'evl'" "did you mean 'eval'?" 'osevolve --help'
expect 2 gkb lst
one_error "unknown command 'gkb lst'" "did you mean 'list'?" 'osevolve gkb --help'
expect 2 gkb
one_error 'gkb --help'
expect 2 eval fifo
one_error --workload 'osevolve eval --help'
expect 2 eval fifo --worklod hol
one_error --worklod "did you mean '--workload'?"
expect 2 eval fifo -w hol --jobs 0
one_error --jobs '1 to 256'
expect 2 eval fifo -w hol --jobs many
one_error --jobs many
expect 2 evolve hol --evals -3
one_error --evals

for bad in final: final:0 final:x final:-1 final:1x 100001; do
  expect 2 eval fifo -w "$data/small.toml" --seeds "$bad"
  one_error "$bad" 'final:64'
done
expect 2 eval fifo -w "$data/small.toml" --seeds :3
one_error "''" 'final:64'
expect 2 eval fifo -w "$data/small.toml" --seeds last:3
one_error "'last'" 'search, select or final'

expect 40 bound hool
one_error "no workload 'hool'" "did you mean 'hol'?" 'osevolve workloads'
expect 40 bound ./hol.toml
one_error ./hol.toml
expect 40 eval fif0 -w hol
one_error "no policy 'fif0'" "did you mean 'fifo'?" 'osevolve policies'
expect 40 bound hol --machine vm-2cpus
one_error "vm-2cpus" "did you mean 'vm-2cpu'?"
expect 40 eval kb:0123 -w "$data/small.toml"
one_error knowledge

expect 2 evolve
one_error 'osevolve evolve hol' 'osevolve workloads'
expect 2 evolve --resume
one_error --out
expect 40 evolve --resume --out nothing --no-kb
one_error nothing/run.db
[[ ! -e nothing ]] || fail '--resume of nothing made a folder'
expect 0 evolve "$data/small.toml" --evals 8 --no-kb --out run -q
dump run >before
expect 2 evolve "$data/small.toml" --evals 8 --no-kb --out run
one_error 'run/run.db already holds a run' --resume --out
dump run | cmp - before || fail 'the run that was there has changed'

expect 2 record -o x.toml
one_error 'osevolve record -o my.toml -- COMMAND'
echo kept >x.toml
expect 2 record -o x.toml -- true
one_error x.toml --force
expect 2 import trace.txt -o x.toml
one_error x.toml --force
[[ $(<x.toml) == kept ]] || fail 'x.toml was overwritten'

# stdout that cannot take the result.
if [[ -c /dev/full ]]; then
  status=0 last='policies >/dev/full'
  "$bin/osevolve" policies >/dev/full 2>err || status=$?
  [[ $status == 74 ]] || fail "exit code $status, not 74"
  one_error stdout
fi
