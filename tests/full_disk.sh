#!/usr/bin/env bash
# A disk that fills up: said as such, and nothing that was recorded is lost.
if [[ ! ${IN_NAMESPACE:-} ]]; then
  ((!EUID)) && unshare -m true 2>/dev/null || {
    echo 'skipped: mounting takes root'
    exit 77
  }
  # A mount namespace of its own: the mounts below go with it, however this ends.
  IN_NAMESPACE=1 exec unshare -m --propagation private bash "$0" "$@"
fi
. "$(dirname -- "$0")/lib.sh"
toy_root

mkdir disk
mount -t tmpfs -o size=700k none disk || skip 'cannot mount here'
trap 'cd /; umount -l "$work"/disk*; rm -rf -- "$work"' EXIT

expect 0 evolve small --evals 60 --seed 4 --no-kb --out whole -q --json
expect 74 evolve small --evals 60 --seed 4 --no-kb --out disk/run -q
one_error disk/run 'space'
mount -o remount,size=100m disk
before=$(evaluated disk/run)
((before > 1)) || fail 'full before anything was recorded'
expect 0 evolve --resume --no-kb --out disk/run -q --json
json /evaluations=60
((before <= $(json_get out /resumed))) || fail 'evaluations were lost'
diff <(dump whole) <(dump disk/run) >diff || fail "the resumed run differs: $(head -c 2000 diff)"

# The knowledge base on a full disk.
mkdir disk2
mount -t tmpfs -o size=64k none disk2 || fail 'mount'
head -c 100000 /dev/zero >disk2/filler 2>/dev/null
expect 74 evolve small --evals 8 --kb disk2/kb.db --out run -q
one_error disk2/kb.db --kb
[[ ! -e run ]] || fail 'a run that could not begin left its folder behind'

# The folder for temporary files: not the policy's fault.
run 74 env TMPDIR="$work/disk2" "$bin/osevolve" eval cfs --workload small
one_error disk2
