# Sourced by every end-to-end test, which CTest starts as: bash NAME.sh PROGRAMS TOOLS. Each test
# works in an empty folder of its own, with a state folder of its own, and leaves nothing behind.
#
#   expect CODE ARGUMENTS...     runs osevolve and checks its exit code; stdout and stderr are kept
#                                in the files `out` and `err`
#   err_has TEXT..., out_has TEXT...    each TEXT is in it, as it stands
#   json CHECK...                checks of `out`, as tests/json_check.cc takes them
#   models SCRIPT                starts a server that answers as models do (support/model_replies.h) and ends with
#                                the test; sets models_url; the file `requests` has what it was asked
#   fail TEXT, skip TEXT
# shellcheck shell=bash
set -u
shopt -s lastpipe

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
bin=$1 tools=$2
data=$root/tests/data
work=$(mktemp -d "${TMPDIR:-/tmp}/osevolve-test.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
chmod 755 "$work"
cd -- "$work" || exit 1
mkdir -m 1777 temporary
export OSEVOLVE_ROOT=$root OSEVOLVE_STATE=$work/state TMPDIR=$work/temporary
unset XDG_DATA_HOME
last=''

fail() {
  {
    echo "FAILED at ${BASH_SOURCE[-1]##*/}:${BASH_LINENO[-2]}: $*"
    echo "--- \$ $last"
    if [[ -f out ]]; then echo '--- stdout'; tail -n 40 out; fi
    if [[ -f err ]]; then echo '--- stderr'; tail -n 40 err; fi
  } >&2
  exit 1
}

# CTest takes exit code 77 for "skipped" (SKIP_RETURN_CODE).
skip() {
  echo "skipped: $*"
  exit 77
}

run() {  # run CODE COMMAND...
  local want=$1 status=0
  shift
  last=$*
  "$@" >out 2>err </dev/null || status=$?
  [[ $status == "$want" ]] || fail "exit code $status, not $want"
}

expect() {
  local want=$1
  shift
  run "$want" "$bin/osevolve" "$@"
}

has() {
  local file=$1 text
  shift
  for text in "$@"; do grep -qF -e "$text" "$file" || fail "no '$text' in $file"; done
}
err_has() { has err "$@"; }
out_has() { has out "$@"; }
# A message is one error that a person can act on: said once, and no trace of the machinery.
one_error() {
  [[ $(grep -c '^osevolve: error: ' err) == 1 ]] || fail "not one error message"
  err_has "$@"
}

json() { "$tools/json_check" out "$@" >check 2>&1 || fail "$(cat check)"; }
json_get() { "$tools/json_check" "$1" --get "$2"; }

# The rows of a run database, without what depends on the clock.
dump() { "$tools/db_tool" dump "$1/run.db" || fail "cannot dump $1/run.db"; }
evaluated() { "$tools/db_tool" evaluated "$1/run.db" 2>/dev/null || echo 0; }

models() {
  "$tools/scripted-model-server" "$1" requests >models_port &
  models_pid=$!
  trap 'kill "$models_pid" 2>/dev/null; rm -rf -- "$work"' EXIT
  until [[ -s models_port ]]; do
    kill -0 "$models_pid" 2>/dev/null || fail "no server for $1"
    sleep 0.02
  done
  models_url=http://127.0.0.1:$(<models_port)
}

nothing_left() { [[ ! $(ls -A temporary) ]] || fail "temporary files are left: $(ls -A temporary)"; }

# Runs a command as somebody without rights. False when that cannot be done here.
nobody() {
  if ((EUID)); then
    "$@"
  else
    setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs -- "$@"
  fi
}
can_be_nobody() { nobody test -r "$root/include/osevolve/policy.h" -a -x "$bin/osevolve" 2>/dev/null; }

# A checkout with one slow baseline, so that a short search is sure to find something better.
toy_root() {
  mkdir -p toy/policies
  ln -s "$root/include" "$root/machines" "$root/docs" "$root/prompts" toy/
  mkdir -p toy/workloads
  cp -- "$data/small.toml" toy/workloads/
  cp -- "$data/slow_fifo.cc" toy/policies/cfs.cc
  export OSEVOLVE_ROOT=$work/toy
}
