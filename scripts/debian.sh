# shellcheck shell=bash disable=SC2154
# Sourced by scripts that install what a machine lacks: how they speak, and how they install Debian
# packages. They set `tool`, the name that their messages begin with.

say() { printf '%s: %s\n' "$tool" "$*"; }
fail() {
  printf '%s: error: %s\n' "$tool" "$1" >&2
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# install WHAT PACKAGE...: installs Debian packages, or says what is to be installed.
install() {
  local what=$1 log as_root=()
  shift
  command -v apt-get >/dev/null || fail "$what is missing." "Install what Debian calls: $*"
  if ((EUID != 0)); then
    # -n: a password prompt would be a question.
    sudo -n true 2>/dev/null \
      || fail "$what is missing, and installing it needs root." "Run: sudo apt-get install -y $*"
    as_root=(sudo -n)
  fi
  say "installing $*"
  log=$(mktemp)
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -qq -y)
  # The package lists of a fresh machine or container are empty or old: refresh them only then.
  if ! "${apt[@]}" install --no-install-recommends "$@" >"$log" 2>&1 </dev/null; then
    if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; } \
      >"$log" 2>&1 </dev/null; then
      tail -n 15 "$log" >&2
      rm -f "$log"
      fail "apt-get could not install: $*"
    fi
  fi
  rm -f "$log"
}
