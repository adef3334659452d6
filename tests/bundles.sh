#!/usr/bin/env bash
# A bundle of one base in another: checked, gated, and worth nothing until it is measured there.
. "$(dirname -- "$0")/lib.sh"
toy_root
in_base() { export OSEVOLVE_STATE=$work/$1; }

in_base theirs
expect 40 gkb export -o b.json
one_error 'no veteran to export'
expect 0 evolve small --evals 40 --seed 2 --out first --json -q
json /veteran=true
expect 40 gkb export nobody -o b.json
one_error "no current veteran 'nobody'"
[[ ! -e b.json ]] || fail 'a refused export left a file'
expect 0 gkb export -o b.json --json
json /file=b.json /claims=1 /policies=2 /workloads=1 /machines=1 /evaluations=2 /sha256:string
hash=$(json_get b.json /contents/claims/0/policy)
expect 2 gkb export -o b.json
one_error 'b.json exists'
expect 0 gkb export "${hash:0:8}" -o again.json
out_has '1 veteran' 'osevolve gkb import again.json --measure'
cmp b.json again.json || fail 'the same base gave another bundle'

# Refused, and nothing is written.
in_base mine
refused() {  # refused CODE FILE TEXT...
  local code=$1 file=$2
  shift 2
  expect "$code" gkb import "$file" --measure -q
  one_error "$file" "$@"
  [[ ! -e mine ]] || fail "$file was refused, but something is in the base"
}
sed '/claims/,/evaluations/s/"score": /"score": 9/' b.json >number.json
cmp -s b.json number.json && fail 'no number was changed'
refused 20 number.json checksum
sed 's/first come/last come/I' b.json >source.json
cmp -s b.json source.json && fail 'no source was changed'
refused 20 source.json checksum
head -c 3000 b.json >cut.json
refused 20 cut.json 'cut short'
sed 's/"format": 1/"format": 2/' b.json >newer.json
refused 22 newer.json 'newer OS-Evolve' 'format 2'
echo '{"veterans": []}' >other.json
refused 20 other.json 'no bundle'
truncate -s 70M huge.json
refused 74 huge.json 'more than the limit'
mkfifo pipe.json
refused 74 pipe.json 'not a regular file'
refused 74 nothing.json 'No such file'
expect 20 gkb import cut.json --json
json /error/code=20 /error/message:string

# A policy that no gate lets through, in a bundle whose hashes are right: named and left out, with the claim for it.
sed '1i #include </etc/passwd>' "$data/slow_fifo.cc" >passwd.cc
"$tools/db_tool" claim b.json passwd.cc >passwd.json || fail 'no bundle'
expect 10 gkb import passwd.json --measure --json -q
one_error 'refused from passwd.json: passwd.cc:1' include
json /refused/0/name=passwd /refused/0/outcome=gate /refused/0/message:string /claims=[] /new/policies=1 /new/evaluations=1
expect 0 gkb list --json
json /veterans=[]
rm -rf -- "$work/mine"

# Taken, but nothing of it counts.
expect 0 gkb import b.json
out_has 'counts for nothing' 'osevolve gkb import b.json --measure' 'not measured' '2 policies, 1 workload, 1 machine, 2 evaluations'
expect 0 gkb list --json
json /veterans=[]
expect 0 gkb query small --json
json /matches=[]
expect 0 gkb show "$hash" --json
json /evaluations/*/imported=true /veterans=[]
expect 0 gkb show "$hash"
out_has 'was not measured here'
expect 40 gkb export -o never.json
# A search does not start from it.
cp -r mine copy
expect 0 evolve small --evals 4 --seed 3 --kb copy/knowledge.db --out second --json -q
json /seed_policy=cfs
# Once more: nothing new.
expect 0 gkb import b.json --json
json /new/policies=0 /new/workloads=0 /new/machines=0 /new/evaluations=0 /refused=[] /seed=null /claims/0/measured=false /claims/0/veteran=false \
  /claims/0/claimed_gain_pct:number /claims/0/claimed_ci95:interval

# A lie about a policy that is the one to beat, but for a comment.
sed '1i // The best there is.' "$data/slow_fifo.cc" >lie.cc
"$tools/db_tool" claim b.json lie.cc >lie.json || fail 'no bundle'
expect 0 gkb import lie.json --measure --seed 7 --json -q
json /seed=7 /claims/0/measured=true /claims/0/veteran=false /claims/0/over=cfs /claims/0/gain_pct=0.0 /claims/0/seeds=8
out_has 'is not above zero'
# Another try on other seeds might be lucky.
expect 0 gkb import lie.json --measure --seed 8 --json -q
json /claims/0/measured=false /claims/0/veteran=false
out_has 'was measured here against cfs before'
expect 0 gkb list --json
json /veterans=[]

# What holds becomes the veteran, by what was measured here.
expect 0 gkb import b.json --measure --seed 7 --json -q
json /claims/0/measured=true /claims/0/veteran=true /claims/0/over=cfs /claims/0/ci95:interval /claims/0/seeds=8
gain=$(json_get out /claims/0/gain_pct)
expect 0 gkb list --json
json "/veterans/0/policy=$hash" "/veterans/0/gain_pct=$gain" /veterans/0/current=true
expect 0 gkb import b.json --measure --json -q
json /claims/0/measured=false /claims/0/veteran=true
out_has 'is the veteran already'
expect 0 gkb list --json
json "/veterans/0/gain_pct=$gain"
# What was measured here may be passed on; what was only said elsewhere may not.
expect 0 gkb export -o mine.json --json
json /evaluations=2
[[ $(json_get mine.json /contents/claims/0/seed_base) == 7 ]] || fail 'the claim is not that of this base'

# Without a seed nobody knows it before.
in_base third
expect 0 gkb import b.json --measure -q
out_has 'measured on the final seeds of --seed' yes
nothing_left
