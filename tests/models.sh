#!/usr/bin/env bash
# A search in which a command is the language model: candidates, reasons, limits, resume, no key in anything.
. "$(dirname -- "$0")/lib.sh"
toy_root
ln -s "$root/data" toy/

cat >model.sh <<'MODEL'
# The calls take turns: a good idea, prose, an edit outside of the blocks.
exec 9>lock
flock 9  # several calls run at once
n=$(($(cat calls 2>/dev/null || echo 0) + 1))
echo "$n" >calls
exec 9>&-
cat >"prompt-$n"
case $((n % 3)) in
  1) printf 'SUMMARY: another slice\n\n```\nslice_ns = %d\n```\n' $((1000000 + n * 1000)) ;;
  2) echo 'I have no idea.' ;;
  0) printf '<<<<<<< SEARCH\n#include <osevolve/policy.h>\n=======\n#include </etc/passwd>\n>>>>>>> REPLACE\n' ;;
esac
MODEL
export OPENAI_API_KEY=sk-canary-4711

expect 0 evolve small --llm 'command:bash model.sh' --budget-calls 7 --llm-share 0.9 --evals 48 --no-kb --quiet --json --out run
json /evaluations=48 /models/calls:number /models/candidates:number
[[ $(cat calls) -le 7 ]] || fail "$(cat calls) calls, with a limit of 7"
grep -q '\[command:bash model.sh\] another slice' run/evolve.log || fail 'no candidate of the model in the log'
grep -q 'models stop: --budget-calls 7 is used up' run/evolve.log || fail 'the log does not say why models stop'
grep -qE 'call [0-9]+ command:bash model.sh .*: ' run/evolve.log || fail 'no reason of an unusable reply in the log'
grep -q '# Where the time goes' prompt-1 || fail 'no profile in the prompt'
grep -rq canary run && fail 'a key is in the folder of the run'

before=$(cat calls)
expect 0 evolve --resume --no-kb --quiet --json --out run
[[ $(cat calls) == "$before" ]] || fail 'a resumed run called again'

expect 50 evolve small --llm anthropic:claude-sonnet-5 --no-kb --out none
err_has ANTHROPIC_API_KEY
[[ ! -e none ]] || fail 'a run without a key left a folder'
expect 2 evolve small --llm opnai:x --no-kb --out none
err_has "did you mean 'openai'"
expect 2 evolve small --budget-usd 1 --no-kb --out none
err_has --llm
expect 0 evolve small --llm mailbox:box --llm-dry-run --no-kb --quiet --out prompts
out_has 'Nothing was sent'
[[ -s prompts/edit.md ]] || fail 'the dry run wrote no prompts'
nothing_left
