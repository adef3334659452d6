#!/usr/bin/env bash
# The MCP server with the official SDK as its client. npm installs that into the build folder once;
# skipped where there is no node, no npm, or no way to a registry.
. "$(dirname -- "$0")/lib.sh"
for program in node npm; do command -v "$program" >/dev/null || skip "no $program"; done
[[ $(node -p 'process.versions.node.split(".")[0]') -ge 18 ]] || skip 'node is older than 18'

sdk=$tools/mcp_sdk
if ! cmp -s "$root/tests/mcp_sdk/package.json" "$sdk/installed.json"; then
  rm -rf -- "$sdk"
  mkdir -p -- "$sdk"
  cp -- "$root/tests/mcp_sdk/package.json" "$sdk/"
  (cd -- "$sdk" && npm install --no-package-lock --no-audit --no-fund --loglevel=error >npm.log 2>&1 </dev/null) ||
    skip "npm cannot install the SDK: $(tail -n 1 "$sdk/npm.log")"
  cp -- "$sdk/package.json" "$sdk/installed.json"
fi
cp -- "$root/tests/mcp_sdk/client.mjs" "$sdk/"

toy_root
sed "s/100'000'000, 1'000'000/1'000'000, 1'000'000/" "$data/slow_fifo.cc" >good.cc
sed 's/t.insert(kQueue, slice_ns/t.insert(kQueue, slice/' "$data/slow_fifo.cc" >bad.cc
sed 's/return prev;/return 0;/' "$data/slow_fifo.cc" >outside.cc
run 0 node "$sdk/client.mjs" "$bin/osevolve" small good.cc bad.cc outside.cc
nothing_left
