#!/usr/bin/env bash
# The model against theory: the rungs that take a moment.
. "$(dirname -- "$0")/lib.sh"

expect 0 validate theory --only exactly --json
json /validation=theory /ok=true /rows/*/verdict=ok /rows/*/criterion=within /rows/*/measured/mean:number \
  /rows/*/measured/ci95:interval /rows/*/reference:number /rows/*/source:string
expect 0 validate theory --only exactly
out_has 'FCFS' 'SRPT' '4 rows: 4 ok'

expect 2 validate theory --only no-such-rung
expect 2 validate
# What cannot be written is said before the work begins.
expect 2 validate theory --only exactly --markdown "$data/small.toml"
expect 1 validate theory --markdown "$data/small.toml"
err_has "no section 'theory'"
expect 74 validate theory --markdown nowhere.md

# Beside this machine: what comes out depends on it, that it comes out does not.
"$bin/osevolve" validate real -w hol-8x2 --rounds 1 --json >out 2>err || [[ $? == 1 ]] || fail "validate real: $(cat err)"
json /validation=real '/rows/*/group=hol-8x2' /rows/*/reference:number /rows/*/measured/mean:number /rows/*/criterion=within
expect 40 validate real -w no-such-workload
expect 40 validate real -m no-such-machine
expect 40 validate kernel -p no-such-policy
expect 1 validate kernel --markdown "$data/small.toml"
err_has "no section 'kernel'"
