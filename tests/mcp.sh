#!/usr/bin/env bash
# The MCP server as a client sees it: a whole evolution in one session, a killed server whose run
# goes on in the next one, cancelled calls, and clients that do everything wrong.
. "$(dirname -- "$0")/lib.sh"
toy_root

requests() { printf '%s\n' "$hello" "$@"; }
hello='{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}'

# A text as a JSON string.
quoted() { printf '"%s"' "$(sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' "$1" | awk '{printf "%s\\n", $0}')"; }

call() {  # call ID TOOL ARGUMENTS
  printf '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"%s","arguments":%s}}\n' "$1" "$2" "$3"
}

session() {  # session [ARGUMENTS...]: the requests on stdin; the answers go to the file `answers`
  last="osevolve mcp $*"
  "$bin/osevolve" mcp "$@" >answers 2>err || fail "exit code $?"
  # Nothing but the protocol, whoever prints.
  while read -r line; do
    printf '%s\n' "$line" >out
    json /jsonrpc=2.0
  done <answers
}
answer() {  # answer ID: puts that answer into `out`
  grep -F "\"id\":$1,\"jsonrpc\":\"2.0\"" answers >out || fail "no answer to $1"
  [[ $(wc -l <out) == 1 ]] || fail "several answers to $1"
}
tool() {  # tool ID: its result, structured, in `out`; it is no error
  answer "$1"
  json /result/isError=false /result/content/0/type=text
  json_get out /result/structuredContent >result && mv result out
}
tool_error() {  # tool_error ID TEXT...
  answer "$1"
  json /result/isError=true
  out_has "${@:2}"
}

sections() {  # sections FILE TEXT...: the text of the tool's result has each TEXT, in this order
  json_get "$1" /result/content/0/text >text
  local at=1 line
  for line in "${@:2}"; do
    at=$(awk -v from="$at" -v text="$line" 'NR >= from && index($0, text) { print NR; exit }' text)
    [[ $at ]] || fail "the text has no (or not in order) '$line': $(grep -n '^#' text)"
  done
}

# Policies for the toy: one that is better, one that does not compile, one that changes what it must not.
sed "s/100'000'000, 1'000'000/1'000'000, 1'000'000/" "$data/slow_fifo.cc" >good.cc
sed 's/t.insert(kQueue, slice_ns/t.insert(kQueue, slice/' "$data/slow_fifo.cc" >bad.cc
sed 's/return prev;/return 0;/' "$data/slow_fifo.cc" >outside.cc
cmp -s good.cc "$data/slow_fifo.cc" && fail 'good.cc is not changed'

# A whole evolution.
requests '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' \
  "$(call 2 list_workloads '{}')" "$(call 3 list_policies '{}')" \
  '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"start_run","arguments":{"workload":"small","out":"r","seed":3},"_meta":{"progressToken":"p"}}}' \
  "$(call 5 get_parent '{"run":"r"}')" \
  "$(call 6 submit_candidate "{\"run\":\"r\",\"parent\":0,\"note\":\"shorter slices\",\"source\":$(quoted good.cc)}")" \
  "$(call 7 submit_candidate "{\"run\":\"r\",\"parent\":0,\"source\":$(quoted bad.cc)}")" \
  "$(call 8 submit_candidate "{\"run\":\"r\",\"parent\":1,\"source\":$(quoted outside.cc)}")" \
  "$(call 9 submit_candidate "{\"run\":\"r\",\"parent\":1,\"source\":$(quoted good.cc)}")" \
  "$(call 10 get_parent '{"run":"r","pick":"best","api":true}')" \
  "$(call 11 get_candidate '{"run":"r","id":1}')" "$(call 12 read_run '{"run":"r","top":1}')" \
  "$(call 13 query_knowledge '{"workload":"small"}')" "$(call 14 finish_run '{"run":"r"}')" \
  "$(call 15 read_run '{"run":"r"}')" "$(call 16 query_knowledge '{"workload":"small"}')" \
  '{"jsonrpc":"2.0","id":17,"method":"resources/read","params":{"uri":"osevolve://policy.h"}}' | session
answer 0 && json /result/protocolVersion=2025-06-18 /result/serverInfo/name=osevolve
answer 1 && json /result/tools/*/inputSchema/type=object /result/tools/*/description:string
tool 2 && json /workloads/0/name=small
tool 3 && json /policies/0/name=cfs
tool 4 && json /run=r /candidates=1 /ranking/0/id=0 /ranking/0/note=cfs /finished=false
has answers '"method":"notifications/progress"' '"progressToken":"p"' 'evaluated 0 of 1 policies'
tool 5 && json /id=0 /source:string /rules:string /objectives/0/metric=short.latency_p95 /objectives/0/bound:number \
  /objectives/0/pct_of_bound:number /metrics/throughput/ci95:interval /blocks/0=enqueue /tunables/0/name=slice_ns /best/id=0
json /prompt/task=edit /prompt/system:string /prompt/user:string /prompt/tokens:integer
answer 5 && out_has 'How to submit' 'parent 0' 'loops only by for_each_cpu'
sections out '# How a policy is judged' '# The rules of the language' '# The API' 'osevolve/policy.h, abridged' '# The workload' '# The machine' \
  '# The policy to improve: cfs (hand-written), score' '# What it achieves' '| objective | better | weight | value | bound | % of bound |' \
  '| short.latency_p95 [us] | less |' 'Other metrics: ' '# Where the time goes' '# Your task' '# The form of your answer' '<<<<<<< SEARCH' \
  '# How to submit'
tool 6 && json /id=1 /outcome=ok /score:number /parent_score:number /gain_pct:number /gain_ci95:interval /is_best=true \
  /objectives/0/gain_pct:number /metrics/throughput/mean:number /best/id=1
tool 7 && json /id=2 /outcome=compile /diagnosis:string
out_has "candidate-2.cc" "'slice'"
tool 8 && json /id=3 /outcome=gate && out_has 'evolve block'
tool 9 && json /id=4 /outcome=ok /same_as=1 /archived=false /is_best=false /gain_pct=0.0
tool 10 && json /id=1 /api:string /others/0/id=0
answer 10
sections out '# The API' '# How this policy came about' 'candidate 1, by mcp: shorter slices' '+TUNABLE(slice_ns, 1' '# Already tried from this policy' \
  'candidate 3, by mcp' '# What failed lately, and why' 'candidate 2, by mcp: failed (compile)' 'candidate 3, by mcp: failed (gate)' \
  '# Other policies' '## cfs (hand-written)' '# Your task' '# How to submit'
tool 11 && json /id=1 /parent=0 /op=mcp '/note=shorter slices' /objectives/0/gain_pct:number /source:string && out_has '+TUNABLE(slice_ns, 1'
tool 12 && json /seed=3 /candidates=5 /evaluated=5 /failed=2 /outcomes/compile=1 /outcomes/gate=1 /ranking/0/id=1 /last_failures/0/id=3 \
  /last_failures/1/outcome=compile /last_failures/*/diagnosis:string
tool 13 && json /workload=small /matches:array && out_has 'no veteran yet'
tool 14 && json /run=r /evaluations=5 /compile_failures=1 /failures=2 /duplicates=1 /best/policy=r/best.cc /gain_pct_vs_seed:number \
  /gain_ci95_vs_seed:interval /final_seeds=8 /veteran=true
tool 15 && json /finished=true /result/veteran=true
tool 16 && json /matches/0/policy:string /matches/0/current=true
answer 17 && out_has 'RULES OF THE MODULE'
for file in best.cc best.diff metrics.json run.db; do [[ -s r/$file ]] || fail "no r/$file"; done
[[ ! -e r/run.db.lock ]] || fail 'the run is still locked'
expect 0 gkb list --json && json /veterans/0/workload=small
# The claim can be checked, and `evolve` goes on with the run.
expect 0 compare cfs r/best.cc --workload small --seed 3 --json
json "/rows/1/score=$(json_get r/metrics.json /best/score)"
expect 0 evolve --resume --out r --evals 30 --json -q
json /evaluations=30 /resumed=5 /run=r
# And the other way round; the run keeps what was in it.
requests "$(call 1 get_parent '{"run":"r"}')" "$(call 2 read_run '{"run":"r"}')" | session
tool 1 && json /source:string
tool 2 && json /candidates=30

# A server that is killed loses nothing: the next one goes on with the run's folder.
coproc SERVER { exec "$bin/osevolve" mcp --no-kb 2>>err; }
server=$SERVER_PID
requests "$(call 1 start_run '{"workload":"small","out":"k"}')" \
  "$(call 2 submit_candidate "{\"run\":\"k\",\"parent\":0,\"source\":$(quoted good.cc)}")" >&"${SERVER[1]}"
while read -r line <&"${SERVER[0]}"; do [[ $line == *'"id":2,"jsonrpc"'* ]] && break; done
# While it lives the run is its own; others may read.
requests "$(call 1 get_parent '{"run":"k"}')" "$(call 2 read_run '{"run":"k"}')" | session
tool_error 1 'process' "$server"
tool 2 && json /candidates=2
kill -9 "$server"
wait "$server" 2>/dev/null
rm -rf temporary/*  # a kill leaves its compiled objects
requests "$(call 1 get_parent '{"run":"k/../k","id":1}')" "$(call 2 submit_candidate "{\"run\":\"k\",\"parent\":1,\"source\":$(quoted bad.cc)}")" \
  "$(call 3 finish_run '{"run":"k"}')" | session --no-kb
tool 1 && json /id=1 /op=mcp
tool 2 && json /id=2 /outcome=compile
tool 3 && json /evaluations=3 /veteran=false

# A cancelled call is not answered; the rest is, and pings do not wait.
requests "$(call 1 start_run '{"workload":"small","out":"c"}')" "$(call 2 finish_run '{"run":"c"}')" \
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}' '{"jsonrpc":"2.0","id":3,"method":"ping"}' \
  "$(call 4 read_run '{"run":"c"}')" | session --no-kb
grep -qF '"id":2,' answers && fail 'a cancelled call was answered'
answer 3 && answer 1
tool 4 && json /finished=false
[[ ! -e c/best.cc ]] || fail 'a cancelled call was run'

# SIGTERM ends it, also while it waits for input.
coproc SERVER { exec "$bin/osevolve" mcp 2>>err; }
server=$SERVER_PID
requests >&"${SERVER[1]}"
read -r _ <&"${SERVER[0]}"
kill -TERM "$server"
wait "$server" || fail "SIGTERM: exit code $?"
# A client that does not listen ends it, too, with its input still open.
mkfifo input
exec 9<>input 8> >(true)
wait $!
"$bin/osevolve" mcp <input >&8 2>err &
server=$!
requests >&9
code=0
wait "$server" || code=$?
exec 8>&- 9>&-
[[ $code == 74 ]] || fail "closed stdout: exit code $code"

# What a user can get wrong is told to the model, with the fix; nothing is left behind.
{
  printf '// caf\351\n'
  cat -- "$data/slow_fifo.cc"
} >latin.cc
requests "$(call 1 start_run '{"workload":"smal"}')" "$(call 2 start_run '{}')" "$(call 3 start_run '{"workload":"small","seeed":1}')" \
  "$(call 4 start_run '{"workload":"small","out":"r"}')" "$(call 5 get_parent '{"run":"nowhere"}')" "$(call 6 get_parent '{"run":"r","id":99999}')" \
  "$(call 7 get_parent '{"run":"r","id":2}')" "$(call 8 submit_candidate '{"run":"r","parent":-1,"source":""}')" \
  "$(call 9 submit_candidate '{"run":"r","parent":0,"source":"a\u0000b"}')" "$(call 10 submit_candidate '{"run":"r","parent":0,"source":"int x;"}')" \
  "$(call 11 get_candidate '{"run":"r","id":99999}')" "$(call 12 read_run '{"run":"r","top":"ten"}')" "$(call 13 start_run '{"workload":"small","from":"nix"}')" \
  "$(call 14 submit_candidate "{\"run\":\"r\",\"parent\":0,\"source\":\"$(head -c 300000 /dev/zero | tr '\0' x)\"}")" \
  "$(call 15 start_run '{"workload":"small","out":"/proc/nix"}')" "$(call 16 start_run '{"workload":"small","from":"latin.cc"}')" | session
tool_error 1 "did you mean 'small'"
tool_error 2 "'workload' is missing"
tool_error 3 "did you mean 'seed'"
tool_error 4 'r/run.db'
tool_error 5 'nowhere/run.db' start_run
tool_error 6 'no candidate 99999'
tool_error 7 'cannot be a parent'
tool_error 8 "at least 0"
tool_error 9 'NUL'
tool 10 && json /outcome=gate
tool_error 11 99999
tool_error 12 'must be an integer'
tool_error 13 "no policy 'nix'"
tool_error 14 '262144'
tool_error 15 '/proc/nix'
tool_error 16 "'latin' is not UTF-8"
expect 10 evolve small --from latin.cc -q && err_has "'latin' is not UTF-8"
[[ ! -e runs ]] || fail "a run that could not begin left $(find runs)"

# What is no protocol gets its error, and the session goes on.
{
  printf 'hello\n[]\n{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
  requests '{"jsonrpc":"2.0","id":2,"method":"nix"}' "$(call 3 nix '{}')"
  head -c 20000000 /dev/zero | tr '\0' ' '
  printf '\n{"jsonrpc":"2.0","id":4,"method":"ping"}\r\n\n'
  printf '{"jsonrpc":"2.0","id":5,"method":"ping"}'  # no newline: no message
} | session
sed -n 1p answers >out && json /error/code=-32700
sed -n 2p answers >out && json /error/code=-32600
answer 1 && json /error/code=-32600
answer 2 && json /error/code=-32601
answer 3 && json /error/code=-32602
has answers '16 MiB'
answer 4
grep -qF '"id":5' answers && fail 'half a line was taken for a message'

# The request follows the kind of patch that is asked for; without the API it is short.
requests "$(call 1 get_parent '{"run":"r","id":1,"task":"rewrite","api":false}')" "$(call 2 get_parent '{"run":"r","id":1,"task":"tunables"}')" \
  "$(call 3 get_parent '{"run":"r","id":1,"task":"poem"}')" | session
tool 1 && json /prompt/task=rewrite
answer 1 && sections out '# The API' 'As in an earlier answer' '# Your task' 'Rewrite the evolve blocks'
grep -qF abridged text && fail 'the API is there, though it was not wanted'
tool 2 && json /prompt/task=tunables
tool_error 3 "'task'"
# Templates of the user's own; what is wrong with them is said at once.
mkdir prompts
echo 'Write it as a poem.' >prompts/edit.md
requests "$(call 1 get_parent '{"run":"r","id":1}')" | session --prompts prompts
answer 1 && sections out '# Your task' 'Write it as a poem.'
mv prompts/edit.md prompts/edits.md
expect 2 mcp --prompts prompts </dev/null && err_has 'edits'

# A patch instead of the whole file; one that does not apply is no candidate.
requests '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"start_run","arguments":{"workload":"small","out":"p"}}}' \
  "$(call 2 submit_candidate '{"run":"p","parent":0,"patch":"SUMMARY: a slice of 1.5 ms\n```\nslice_ns = 1500000\n```\n"}')" \
  "$(call 3 submit_candidate '{"run":"p","parent":0,"patch":"<<<<<<< SEARCH\nno_such_line();\n=======\n>>>>>>> REPLACE\n"}')" \
  "$(call 4 submit_candidate '{"run":"p","parent":0}')" "$(call 5 read_run '{"run":"p"}')" "$(call 6 get_candidate '{"run":"p","id":2}')" | session
tool 6 && json '/note=a slice of 1.5 ms'
tool 2 && json /outcome=ok /score:number
tool_error 3 'does not apply (no match)' 'the nearest'
tool_error 4 'either source'
tool 5 && json /candidates=3  # the veteran, cfs, the patched one
nothing_left
