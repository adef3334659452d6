#!/usr/bin/env bash
# A winner becomes a veteran; the next run starts from it; the base answers questions.
. "$(dirname -- "$0")/lib.sh"
toy_root

expect 0 gkb list
out_has 'the knowledge base is empty' 'osevolve evolve'
expect 0 gkb list --json
json /veterans=[]
expect 0 gkb query small --json
json /workload=small /signature/*:number /matches=[] /note:string
expect 40 gkb show cafe
one_error 'knowledge base is empty'

expect 0 evolve small --evals 40 --seed 2 --out first --json -q
json /veteran=true /seed_policy=cfs
expect 0 gkb list --json
json /veterans/0/current=true /veterans/0/workload=small /veterans/0/id:string /veterans/0/policy:string \
  /veterans/0/machine:string /veterans/0/cpus=2 /veterans/0/gain_pct:number /veterans/0/ci95:interval /veterans/0/seeds=8 \
  /veterans/0/pct_of_bound:number /veterans/0/since:string
hash=$(json_get out /veterans/0/policy)
expect 0 gkb list
out_has "${hash:0:12}" small
expect 0 gkb show "$hash" --json
json "/policy=$hash" /author=operators /name:string /added:string /source:string /ancestors/0/name=cfs \
  /veterans/0/current=true /evaluations/*/seeds=final:8 /evaluations/*/score:number /evaluations/*/metrics/*/ci95:interval \
  /evaluations/*/imported=false
expect 0 gkb show "${hash:0:8}" --source
cmp out first/best.cc || fail 'the veteran is not the winner'
expect 0 gkb show "${hash:0:8}"
out_has "kb:${hash:0:12}" 'veteran of small'
expect 0 eval "kb:${hash:0:12}" --workload small --json
json "/rows/0/policy=kb:${hash:0:12}" /rows/0/score:number
expect 0 gkb query small --json
json /matches/0/distance:number /matches/0/confidence:number /matches/0/expected_gain_pct:number \
  /matches/0/expected_ci95:interval "/matches/0/policy=$hash"
# A workload that is far from all.
expect 0 gkb query "$root/workloads/sysbench-cpu-64x5.toml" --json
json /matches=[] /note:string
expect 40 gkb show 0123456789
one_error "no policy '0123456789'"

# The next run starts from the veteran, and the base never gets worse.
expect 0 evolve small --evals 12 --seed 9 --out second --json -q
json "/seed_policy=veteran-${hash:0:8}"
# --no-kb neither reads nor writes it.
cp -- state/knowledge.db before.db
expect 0 evolve small --evals 12 --seed 9 --out third --no-kb --json -q
json /seed_policy=cfs /veteran=false
cmp state/knowledge.db before.db || fail '--no-kb wrote the knowledge base'

# A state folder that cannot be written: what reads works, what writes says what to do.
can_be_nobody || skip 'cannot run as another user here'
chmod 555 state
chmod 444 state/knowledge.db
expect_nobody() {
  local want=$1
  shift
  run "$want" nobody "$bin/osevolve" "$@"
}
mkdir -m 777 open
expect_nobody 0 gkb list --json
json /veterans/0/current:boolean
expect_nobody 0 gkb query small
expect_nobody 0 eval "kb:${hash:0:12}" --workload small -q
expect_nobody 74 evolve small --evals 8 --out open/run -q
one_error state/knowledge.db --no-kb --kb
[[ ! -e open/run ]] || fail 'a run that could not begin left its folder behind'
expect_nobody 0 evolve small --evals 8 --out open/run --no-kb -q
expect_nobody 0 evolve small --evals 8 --out open/run2 --kb open/kb.db -q
expect_nobody 74 evolve small --evals 8 --out state/run --no-kb -q
one_error state/run

# Nobody at home.
unset OSEVOLVE_STATE HOME
expect_nobody 74 evolve small --evals 8 --out open/run3 -q
one_error HOME --kb --no-kb
expect_nobody 0 evolve small --evals 8 --out open/run3 --no-kb -q
expect_nobody 0 eval cfs --workload small -q
expect_nobody 0 gkb list
