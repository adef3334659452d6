#!/usr/bin/env bash
# A key in the environment reaches the model's server and nothing else: no helper process, no file, no
# other process of the same user.
. "$(dirname -- "$0")/lib.sh"
toy_root
ln -s "$root/data" toy/
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY

printf '{"key": "sk-canary-4711", "openai": [{"text": "SUMMARY: a slice\\n\\n```\\nslice_ns = 5000000\\n```\\n", "usage": {"input": 10, "output": 8}}]}' >script.json
models script.json
mkdir -m 777 box
cd box || fail 'no box'
as=()  # not the function of lib.sh: $! must be the search itself
if ((!EUID)) && can_be_nobody; then as=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --); fi

keys=(OPENAI_API_KEY ANTHROPIC_API_KEY GEMINI_API_KEY GOOGLE_API_KEY AWS_BEARER_TOKEN_BEDROCK AWS_SECRET_ACCESS_KEY OPENROUTER_API_KEY
  DEEPSEEK_API_KEY AZURE_OPENAI_API_KEY HTTPS_TOKEN)
for key in "${keys[@]}"; do export "$key=sk-canary-4711"; done
export OPENAI_BASE_URL=$models_url/v1
"${as[@]}" "$bin/osevolve" evolve small --llm openai:gpt-5-mini --llm-share 0.3 --budget-calls 10 --evals 100000 --kb kb.db --quiet --json --llm-record talk \
  --out run >out 2>err &
pid=$!
trap 'kill -KILL "$pid" "$models_pid" 2>/dev/null; rm -rf -- "$work"' EXIT
for key in "${keys[@]}"; do unset "$key"; done

# Every process below it, as often as this loop can look.
declare -A seen=()
look() {  # look PID
  local file kids kid comm
  for file in /proc/"$1"/task/*/children; do
    kids=''  # it may have ended
    { read -r kids <"$file"; } 2>/dev/null
    for kid in $kids; do
      { read -r comm <"/proc/$kid/comm" && mapfile -d '' variables <"/proc/$kid/environ"; } 2>/dev/null || continue
      # Between fork and exec it is still its parent: the program's name tells.
      if [[ $comm != osevolve && ${#variables[@]} -gt 0 ]]; then
        [[ ${variables[*]} != *canary* ]] || { kill -KILL "$pid"; fail "a key in the environment of $comm"; }
        seen[$comm]=1
      fi
      look "$kid"
    done
  done
}
for ((i = 0; i < 20000; ++i)); do
  kill -0 "$pid" 2>/dev/null || fail "the search ended: $(cat err)"
  look "$pid"
  [[ ${!seen[*]} == *osevolve-worker* && ${!seen[*]} == *osevolve-gate* && ${!seen[*]} == *clang* && -s ../requests ]] && (($(evaluated run) > 8)) && break
done
[[ ${!seen[*]} == *osevolve-worker* && ${!seen[*]} == *osevolve-gate* && ${!seen[*]} == *clang* ]] || { kill -KILL "$pid"; fail "saw only ${!seen[*]}"; }
grep -q 'openai' ../requests || fail 'the key was not used at all'

# Another process of that user sees neither its environment nor its memory.
for file in environ mem maps; do
  "${as[@]}" head -c 1 "/proc/$pid/$file" >/dev/null 2>&1 && fail "/proc/PID/$file can be read"
done

# So it is not dumpable (prctl(2)), and no signal makes a core file of it.
kill -KILL "$pid"
wait "$pid" 2>/dev/null
cd ..
grep -rlq canary box temporary state 2>/dev/null && fail "a key came out: $(grep -rl canary box temporary state)"
[[ $(evaluated box/run) -gt 8 ]] || fail 'no run to look at'
