#!/usr/bin/env bash
# This machine's profile, in as little time as possible: it is complete, reads back, and says what was not measured.
. "$(dirname -- "$0")/lib.sh"

expect 0 calibrate --no-policies --time-limit 10ms -o here.toml
out_has 'here.toml: ' ' rounds in '
# Never silent about few rounds; nor about a busy machine, whichever this one is.
grep -q '^# \(Quiet\|BUSY MACHINE\)' here.toml || fail 'the file does not say whether the machine was quiet'
if grep -q '^# BUSY' here.toml; then err_has 'BUSY MACHINE'; fi
grep -q 'only . rounds' here.toml || fail 'the file does not say that there were few rounds'
cpus=$(getconf _NPROCESSORS_ONLN)
grep -q "^cpus = $cpus  *# sysfs" here.toml || fail "not $cpus CPUs"
# Every key has its source.
grep -E '^[a-z_0-9]+ = ' here.toml | grep -vE '^(format|name|description) = ' | grep -vqE '# ' && fail 'a key without a source'
grep -qE '^syscall_ns = [1-9][0-9]* +# measured: ' here.toml || fail 'no system call was measured'
grep -qE '^hook_ns = 60 +# not measured: left out by --no-policies' here.toml || fail 'where does the hook come from?'

# The simulator takes it.
expect 0 eval fifo --workload "$data/small.toml" --machine ./here.toml --json
json /machine=here

# It is not overwritten unless told to.
expect 2 calibrate -o here.toml
one_error 'here.toml exists' --force
cp here.toml before.toml
expect 0 calibrate --no-policies --only syscall,futex_op --time-limit 10ms --name other --force -o here.toml --json
json /machine=other /file=here.toml /quiet:boolean /other_cpus:number /stolen_cpus:number /lost_share:number /rounds:integer /wall_s:number /notes:array \
  /figures/0/key=syscall /figures/0/table=cost /figures/0/unit=ns /figures/0/value:number /figures/0/ci95:interval /figures/0/repetitions:integer \
  /figures/0/discarded:integer /figures/0/measured=true /figures/0/what:string /figures/1/key=futex_op
cmp -s here.toml before.toml && fail 'it was not overwritten'
grep -q '^ipi_ns = 1200  *# not measured: left out by --only' here.toml || fail '--only does not say what it left out'

# Without a file, the profile is what is printed.
expect 0 calibrate --no-policies --only syscall --time-limit 10ms --quiet
cp out there.toml
expect 0 bound "$data/small.toml" --json
expect 0 eval fifo --workload "$data/small.toml" --machine ./there.toml --quiet

# One CPU alone: what needs two is left at the default.
last='calibrate on one CPU'
first=$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')
run 0 taskset -c "$first" "$bin/osevolve" calibrate --no-policies --only ipi,syscall --time-limit 10ms
out_has 'not measured: only one CPU may be used'

expect 2 calibrate --only context_swich
one_error "'context_swich'" "did you mean 'context_switch'?"
expect 2 calibrate --time-limit soon
one_error "'soon'" 60s
nothing_left
