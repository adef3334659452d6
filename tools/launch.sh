# Shared by ./osevolve and ./test, which set `me` (the name in messages) and `root` (this
# repository) and then call, in this order: parse_build_dir "$@", prepare, build TARGET...
# Everything here talks on stderr: stdout belongs to the program that is started.
# shellcheck shell=bash

say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() {
  say "$@"
  exit 1
}

# Takes --build-dir DIR out of the arguments, anywhere before a `--`; the rest go to `args`.
parse_build_dir() {
  build=${OSEVOLVE_BUILD_DIR:-} quiet='' args=()
  while (($#)); do
    case $1 in
      --build-dir)
        (($# > 1)) && [[ $2 ]] || die "--build-dir needs a folder: --build-dir DIR"
        build=$2
        shift
        ;;
      --build-dir=?*) build=${1#*=} ;;
      --build-dir=) die "--build-dir needs a folder: --build-dir DIR" ;;
      --)
        args+=("$@")
        break
        ;;
      *)
        if [[ $1 == --quiet ]]; then quiet=1; fi
        args+=("$1")
        ;;
    esac
    shift
  done

  local given=$build
  build=${build:-$root/build}
  mkdir -p -- "$build" 2>/dev/null && [[ -d $build ]] ||
    die "cannot make the build folder $build; give a writable one: $0 --build-dir DIR ..."
  build=$(cd -P -- "$build" && pwd)
  [[ $build != "$root" ]] || die "the build folder cannot be the repository itself; give another --build-dir"

  export OSEVOLVE_ROOT=$root OSEVOLVE_BUILD=$build
  # Whoever says where to build wants nothing written elsewhere, HOME included.
  if [[ $given ]]; then export OSEVOLVE_STATE=${OSEVOLVE_STATE:-$build/state} OSEVOLVE_CACHE=${OSEVOLVE_CACHE:-$build/cache}; fi
}

# The names of package lists in tools/: what everything needs, and what kernels need on top.
package_lists=(packages)
kernel_source=/usr/src/linux-source-6.12.tar.xz

# Nothing to install, configure or build: what `built` marked is newer than all that it came from.
# Ninja would find the same, but takes ten times as long.
up_to_date() {  # up_to_date PROGRAM
  local list
  for list in "${package_lists[@]}"; do [[ -e $build/.$list ]] || return; done
  [[ -x $1 && $build/.built -nt /var/lib/dpkg/status ]] && configured &&
    [[ ! $(find "$root"/{src,include,policies,tools,CMakeLists.txt} -newer "$build/.built" -print -quit 2>&1) ]]
}

built() { mv -- "$build/.building" "$build/.built"; }

# Packages and configuration, under a lock that `release` gives back.
prepare() {
  : 2>/dev/null >>"$build/.lock" ||
    die "cannot write to the build folder $build; give a writable one: $0 --build-dir DIR ..."
  exec 9>>"$build/.lock"
  if ! flock -n 9; then
    say "waiting for another build in $build"
    flock 9
  fi
  trap 'exit 130' INT
  trap 'exit 143' TERM
  : >"$build/.building"  # the time before anything was read
  packages
  configure
}

release() {
  trap - INT TERM
  exec 9>&-
}

packages() {
  local list
  for list in "${package_lists[@]}"; do packages_of "$list"; done
}

packages_of() {
  local list=$root/tools/$1.txt stamp=$build/.$1 want='' have=''
  IFS= read -rd '' want <"$list" || true
  if [[ -f $stamp ]]; then IFS= read -rd '' have <"$stamp" || true; fi
  # Still true as long as neither the list nor what is installed has changed.
  [[ $have == "$want" && $stamp -nt /var/lib/dpkg/status ]] && return

  local line names=() missing=()
  while IFS= read -r line; do
    line=${line%%#*}
    line=${line//[[:space:]]/}
    if [[ $line ]]; then names+=("$line"); fi
  done <<<"$want"

  if [[ ${OSEVOLVE_SKIP_PACKAGES:-} ]]; then
    return
  elif ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    local tool
    for tool in cmake ninja clang++-19; do
      command -v "$tool" >/dev/null || die "no $tool here, and no apt-get to install it with.
This needs the following, by their Debian names:
  ${names[*]}"
    done
    return  # the configuration says what else is missing
  fi

  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${names[@]}" 2>/dev/null || true)
  for line in "${names[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'"$line installed"$'\n'* ]] || missing+=("$line")
  done
  if ((${#missing[@]})); then install "${missing[@]}"; fi
  printf %s "$want" >"$stamp"
}

install() {
  local log=$build/packages.log as=() get=(apt-get -o DPkg::Lock::Timeout=600)
  if ((EUID)); then
    if ! command -v sudo >/dev/null; then
      as=(none)
    elif sudo -n true 2>/dev/null; then
      as=(sudo -n)
    elif [[ -t 0 && -t 2 ]]; then
      as=(sudo)
    else
      as=(none)
    fi
  fi
  if [[ ${as[*]} == none ]]; then
    local command
    if command -v sudo >/dev/null; then
      command="sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    else
      command="su -c 'apt-get update && apt-get install -y --no-install-recommends $*'"
    fi
    die "some Debian packages are missing, and installing them takes root. Run this, then try again:
  $command"
  fi
  say "installing with apt-get: $*"
  as+=(env DEBIAN_FRONTEND=noninteractive)
  # A stale or partly unreachable list is no reason to stop: the installation decides.
  "${as[@]}" "${get[@]}" update >"$log" 2>&1 </dev/null || true
  if ! "${as[@]}" "${get[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 15 -- "$log" >&2
    die "apt-get could not install them (all of its output: $log). clang-19 and the others are in Debian 12's own repositories."
  fi
}

configure_flags=(-G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Release)

# What a configuration depends on: CMakeLists.txt adds osevolve-live where libbpf's source is.
configuration() { printf '%s|%s|%s|%s\n' "$root" "$build" "${configure_flags[*]}" "$([[ -e $kernel_source ]] && echo live)"; }

configured() {
  local have=''
  if [[ -f $build/.configured && -f $build/build.ninja ]]; then IFS= read -r have <"$build/.configured" || true; fi
  [[ $have == "$(configuration)" ]]
}

configure() {
  configured && return  # ninja itself configures again when a CMakeLists.txt changes

  local project=''
  if [[ -f $build/CMakeCache.txt ]]; then
    project=$(sed -n "s/^CMAKE_PROJECT_NAME:STATIC=//p" "$build/CMakeCache.txt")
  fi
  [[ ${project:-osevolve} == osevolve ]] || die "$build holds the build of $project; give another --build-dir"
  local log=$build/configure.log
  if ! cmake --fresh -S "$root" -B "$build" "${configure_flags[@]}" >"$log" 2>&1 </dev/null; then
    rm -f -- "$build/.packages"  # look at the packages again next time
    tail -n 25 -- "$log" >&2
    die "cmake could not configure the build (all of its output: $log). What it needs: $root/tools/packages.txt"
  fi
  configuration >"$build/.configured"
}

# The named targets that this build has.
targets() {
  local pattern
  pattern=$(IFS='|' && echo "$*")
  sed -nE "s/^build ($pattern): .*/\1/p" "$build/build.ninja"
}

# Builds what is out of date among the targets; those that do not exist are left out.
build() {
  run_ninja build.ninja  # configures again if need be, which may add or remove targets
  local found
  found=$(targets "$@")
  [[ $found ]] || die "nothing to build: $root has none of the targets $*"
  # shellcheck disable=SC2086  # target names are single words
  run_ninja $found
}

run_ninja() {
  local log=$build/build.log
  local status=0
  NINJA_STATUS='[%f/%t] ' ninja -C "$build" "$@" 2>&1 </dev/null | progress "$log" || status=$?
  ((status)) || return 0
  # From the first failure on, or else the end.
  awk '/^FAILED: / && $2 != "build.ninja" { f = 1 } f && n++ < 60 { print } END { exit !f }' "$log" >&2 || tail -n 25 -- "$log" >&2
  die "the build failed (all of its output: $log)"
}

# Ninja's output in, its log and a short progress line out; neither when there was nothing to do.
progress() {
  local line log=$1 open='' shown='' last=0
  while IFS= read -r line; do
    case $line in
      'ninja: Entering directory'* | 'ninja: no work to do.' | *'Re-checking globbed directories...') continue ;;
    esac
    if [[ ! $open ]]; then
      exec 3>"$log"
      open=1 last=$SECONDS
    fi
    printf '%s\n' "$line" >&3
    if [[ $quiet || $line == *"Re-running CMake"* || ! $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then continue; fi
    if [[ -t 2 ]]; then
      printf '\r%s: building %s/%s\e[K' "$me" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
      shown=1
    elif [[ ! $shown ]]; then
      say "building ${BASH_REMATCH[1]}/${BASH_REMATCH[2]} (log: $log)"
      shown=1
    elif ((SECONDS - last >= 15)); then
      say "building ${BASH_REMATCH[1]}/${BASH_REMATCH[2]}"
      last=$SECONDS
    fi
  done
  if [[ $shown && -t 2 ]]; then printf '\r\e[K' >&2; fi
}
