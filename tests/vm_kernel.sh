#!/usr/bin/env bash
# Makes the kernel of the VM unless it is there: about ten minutes, once. The kernel tests come after it.
. "$(dirname -- "$0")/lib.sh"
[[ $(uname -m) == x86_64 ]] || skip 'the VM is for x86-64 hosts'
[[ -r /usr/src/linux-source-6.12.tar.xz ]] || skip 'linux-source-6.12 is not installed'
unset TMPDIR
expect 0 vm build
[[ -s $(<out) ]] || fail 'no kernel where it says'
cp out first
expect 0 vm build --json
json "/kernel=$(<first)" /built=false
