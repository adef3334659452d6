#!/usr/bin/env bash
# Every shipped policy compiles, unchanged, to BPF bitcode in which nothing but the services of
# policy.h is left to resolve: no library call, no static constructor. Loading it is the business
# of the kernel tests.
#   bpf_bitcode.sh SOURCE_DIR
set -euo pipefail
root=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags=(-target bpf -mcpu=v4 -O2 -std=c++20 -ffreestanding -nostdinc++ -fno-exceptions -fno-rtti
  -fno-threadsafe-statics -mllvm -inline-threshold=1000000 -Wno-unused-parameter -I "$root/include")
failed=0
for policy in "$root"/policies/*.cc "$root"/policies/evolved/*.cc; do
  [[ -e $policy ]] || continue
  name=$(basename "$policy" .cc)
  if ! clang++-19 "${flags[@]}" -emit-llvm -c "$policy" -o "$out/$name.bc"; then
    echo "FAIL $name: does not compile for BPF"; failed=1; continue
  fi
  unresolved=$(llvm-nm-19 --undefined-only "$out/$name.bc" | awk '{print $2}' | grep -v '^osv_' || true)
  if [[ $unresolved ]]; then echo "FAIL $name: needs $unresolved"; failed=1; continue; fi
  if llvm-nm-19 "$out/$name.bc" | grep -q '_GLOBAL__sub_I'; then echo "FAIL $name: has a static constructor"; failed=1; continue; fi
  for hook in init enqueue dispatch; do
    llvm-nm-19 "$out/$name.bc" | grep -q " T osv_hook_$hook\$" || { echo "FAIL $name: no osv_hook_$hook"; failed=1; }
  done
  echo "ok $name"
done
exit $failed
