#!/usr/bin/env bash
# One search with models of five providers over HTTP, all on a server that plays their part and misbehaves:
# good ideas, prose, an edit outside of the blocks, a cut stream, a proxy's page, a refusal, a huge reply.
. "$(dirname -- "$0")/lib.sh"
toy_root
ln -s "$root/data" toy/
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY AWS_BEARER_TOKEN_BEDROCK GEMINI_API_KEY

idea() {  # idea SLICE: a reply with a patch
  printf '{"text": "SUMMARY: slices of %s ns\\n\\n```\\nslice_ns = %s\\n```\\n", "usage": {"input": 1200, "cached": 200, "output": 80}}' "$1" "$1"
}
cat >script.json <<SCRIPT
{"key": "sk-canary-4711",
 "openai": [$(idea 5000000), {"status": 429, "retry_after": 0, "error": "slow down sk-canary-4711"}, {"text": "I have no idea."}],
 "responses": [$(idea 4000000), {"text": "half of a reply", "end": "cut"}],
 "anthropic": [{"html": true, "status": 403}, $(idea 3000000), {"text": "No.", "finish": "filter"}],
 "gemini": [$(idea 2000000), {"text": "0123456789", "repeat": 500000},
            {"text": "<<<<<<< SEARCH\n#include <osevolve/policy.h>\n=======\n#include </etc/passwd>\n>>>>>>> REPLACE\n"}],
 "bedrock": [$(idea 1500000), {"raw": "this is no event stream"}]}
SCRIPT
models script.json
export OPENAI_API_KEY=sk-canary-4711 OPENAI_BASE_URL=$models_url/v1
export ANTHROPIC_API_KEY=sk-canary-4711 ANTHROPIC_BASE_URL=$models_url
export GOOGLE_API_KEY=sk-canary-4711
export AWS_BEARER_TOKEN_BEDROCK=sk-canary-4711 AWS_ENDPOINT_URL_BEDROCK_RUNTIME=$models_url AWS_REGION=us-east-1

expect 0 evolve small --llm openai:gpt-5-mini --llm openai-responses:gpt-5-mini --llm anthropic:claude-sonnet-4-5 \
  --llm "gemini:gemini-2.5-pro,url=$models_url/v1beta" --llm bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0 \
  --llm-share 0.9 --budget-calls 30 --evals 40 --no-kb --quiet --json --llm-record talk --out run
json /evaluations=40 /models/calls:number /models/candidates:number
for format in openai responses anthropic gemini bedrock; do
  grep -q "\"format\":\"$format\"" requests || fail "no request of $format"
done
[[ $(wc -l <requests) -ge 10 ]] || fail 'hardly any requests'
[[ $(json_get out /models/calls) -le 30 ]] || fail 'more calls than the limit'
[[ $(json_get out /models/candidates) -ge 3 ]] || fail 'hardly any candidates of models'
grep -qE '\] slices of [0-9]+ ns' run/evolve.log || fail 'no candidate of a model in the log'
grep -q 'a proxy or gateway answered HTML (status 403)' run/evolve.log || fail 'no word of the page of a proxy'
grep -rq canary run out err talk && fail 'a key came out'

# The same conversation once more, without a server.
requests=$(wc -l <requests)
expect 0 evolve small --llm openai:gpt-5-mini --llm anthropic:claude-sonnet-4-5 --llm "gemini:gemini-2.5-pro,url=$models_url/v1beta" \
  --llm bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0 --llm-share 0.9 --budget-calls 20 --evals 30 --no-kb --quiet --json --llm-replay talk --out again
json /evaluations=30 /models/calls:number
[[ $(json_get out /models/candidates) -ge 2 ]] || fail 'hardly any candidates in the replay'
[[ $(wc -l <requests) == "$requests" ]] || fail 'the replay went to the network'
expect 2 evolve small --llm openai:gpt-5-mini --llm-replay script.json --out none
grep -q 'script.json:1: no exchange' err || fail 'no word of the wrong recording'

# With a wrong key the search goes on with the built-in operators, and says why.
export OPENAI_API_KEY=sk-canary-wrong
expect 0 evolve small --llm openai:gpt-5-mini --budget-calls 2 --evals 12 --no-kb --quiet --json --out wrong
json /evaluations=12
grep -q 'Incorrect API key provided' wrong/evolve.log || fail 'no word of the wrong key'
grep -rq canary wrong out err && fail 'a key came out'
nothing_left
