#!/usr/bin/env bash
# Traces and charts.
. "$(dirname -- "$0")/lib.sh"

# An SVG that browsers read, with these texts in it.
svg_has() {
  local file=$1 text
  shift
  [[ $(tail -c 8 "$file") == *'</svg>'* ]] || fail "$file is cut"
  if command -v xmllint >/dev/null; then run 0 xmllint --noout --nonet "$file"; fi
  for text in "$@"; do grep -qF -e "$text" "$file" || fail "no '$text' in $file"; done
}

# --- Traces: every nanosecond of every CPU is in them.
for policy in fifo cfs shinjuku; do
  expect 0 eval $policy -w "$data/small.toml" --trace $policy.pftrace --profile --json
  json /rows/0/trace/file=$policy.pftrace /rows/0/trace/seed:string /rows/0/trace/begin_ns=0 /rows/0/trace/end_ns:integer \
    /rows/0/trace/run_ns:integer /rows/0/trace/events:integer /rows/0/trace/full=false
  cp out eval.json
  run 0 "$tools/trace_check" $policy.pftrace eval.json
  out_has 'arrows' 'cpu 1: useful'
done
# The same again, to the byte; another seed, another trace.
expect 0 eval cfs -w "$data/small.toml" --trace again.pftrace
cmp -s cfs.pftrace again.pftrace || fail 'two traces of one schedule differ'
expect 0 eval cfs -w "$data/small.toml" --seed 2 --trace other.pftrace
! cmp -s cfs.pftrace other.pftrace || fail 'the seed does not matter'
# Of any seed family: pids differ, who woke whom does not get lost.
expect 0 eval fifo -w hol-8x2 --seeds select:1 --trace select.pftrace -q
# A part of it, and no more than asked for.
expect 0 eval cfs -w "$data/small.toml" --trace part.pftrace --from-ms 2 --to-ms 4 --json
json /rows/0/trace/begin_ns=2000000 /rows/0/trace/end_ns=4000000 /rows/0/trace/full=false
run 0 "$tools/trace_check" part.pftrace
expect 0 eval cfs -w "$data/small.toml" --trace full.pftrace --max-events 100 --json
json /rows/0/trace/full=true
err_has 'full.pftrace: shows 0.000 to' '--max-events for more'
run 0 "$tools/trace_check" full.pftrace

expect 2 eval cfs fifo -w "$data/small.toml" --trace x.pftrace
one_error 'name one policy'
expect 2 eval cfs -w "$data/small.toml" --trace x.pftrace --from-ms 5 --to-ms 4
one_error '--to-ms 4 is not after --from-ms 5'
expect 2 eval cfs -w "$data/small.toml" --trace x.pftrace --from-ms 100000
one_error 'ms long'
expect 74 eval cfs -w "$data/small.toml" --trace nowhere/x.pftrace
one_error nowhere/x.pftrace
expect 15 eval "$root/tests/policies/lost.cc" -w "$data/small.toml" --trace x.pftrace
[[ ! -e x.pftrace ]] || fail 'a trace of what failed'

# --- Charts.
run 0 env PATH=/nonexistent /bin/true
mkdir -p bare
ln -s "$(command -v clang++-19)" "$(command -v ld)" bare/
run 1 env PATH="$work/bare" "$bin/osevolve" plot gantt cfs -w "$data/small.toml" -o x.svg
one_error 'apt-get install gnuplot-nox'
[[ ! -e x.svg ]] || fail 'a chart without gnuplot'
command -v gnuplot >/dev/null || skip 'no gnuplot: charts are not drawn'

expect 0 plot cdf fifo cfs -w "$data/small.toml" -o cdf.svg --json
json /file=cdf.svg /title:string /subtitle:string /series/0=fifo /series/1=cfs
svg_has cdf.svg 'Distribution of short.latency on small' 'short.latency' '>p75<' '>fifo<' 'vm-2cpu'
expect 0 plot cdf fifo cfs -w "$data/small.toml" -o again.svg
cmp -s cdf.svg again.svg || fail 'two charts of the same differ'
expect 0 plot cdf fifo -w "$data/small.toml" --metric wakeup --seeds final:3 -o wakeup.svg
svg_has wakeup.svg 'Distribution of wakeup on small' '3 final seeds'
expect 2 plot cdf fifo -w "$data/small.toml" --metric latncy -o x.svg
one_error "--metric latncy" "did you mean 'latency'"
expect 15 plot cdf "$root/tests/policies/lost.cc" -w "$data/small.toml" -o x.svg
expect 40 plot cdf fif0 -w "$data/small.toml" -o x.svg
one_error "did you mean 'fifo'"

expect 0 plot gantt cfs -w "$data/small.toml" --to-ms 5 -o gantt.svg
svg_has gantt.svg 'Schedule of small under cfs' '>cpu 1<' '>short[0]<' '>overhead<' '>waiting<' 'time ('
expect 0 plot gantt cfs -w "$data/small.toml" --max-events 100 -o part.svg
err_has 'part.svg: shows'

cat >sweep.json <<'END'
{"workload": "w`id`'s", "machine": "m", "rows": [
  {"policy": "b_1", "load": 0.9, "metrics": {"latency_p99": {"mean": 9000, "lo": 8000, "hi": 10000}}},
  {"policy": "b_1", "load": 0.5, "metrics": {"latency_p99": {"mean": 90, "lo": 80, "hi": 100}}},
  {"policy": "a", "load": 0.5, "metrics": {"latency_p99": {"mean": 50, "ci95": [40, 60]}}},
  {"policy": "a", "load": 0.9, "error": {"outcome": "stall", "message": "m"}}]}
END
expect 0 plot load sweep.json -o load.svg --json
json /series/0=b_1 /series/1=a
svg_has load.svg 'latency_p99 of w`id`' 'latency_p99 (µs)' 'offered load'
expect 40 plot load sweep.json --metric latency_p50 -o x.svg
one_error "no row has 'latency_p50'; there is: latency_p99"
echo '{"rows": 3}' >no.json
expect 2 plot load no.json -o x.svg
one_error 'no JSON of a sweep'
expect 74 plot load missing.json -o x.svg

expect 0 evolve "$data/small.toml" --evals 20 --out run --quiet
expect 0 plot run run -o run.svg
svg_has run.svg 'Search on small' 'run: 20 evaluated' 'best so far' 'evaluation' '% of the bound'
expect 40 plot run nothing -o x.svg
one_error 'holds no run'
expect 2 plot gantt cfs -w "$data/small.toml"
one_error --out
nothing_left
