#!/bin/sh
# Guess:     a transaction that wakes a dormant table (`add table` without `flags dormant`) may do anything else too: a
#            ruleset file that defines a table and its chains works whether the table that stands is dormant or not.
# Behaviour: with a new rule it works; with a new chain that has a hook the kernel refuses all of it, "Invalid argument",
#            and points at the chain. So a ruleset file that worked yesterday fails once somebody has set the table
#            dormant, and the firewall stays asleep, though nothing in the file is wrong. Waking the table in a
#            transaction of its own works, and the same file after it.
# Version:   nftables 1.0.6 with Linux 6.18 and 7.2. The kernel decides, not nft.
# Source:    Linux, net/netfilter/nf_tables_api.c, nf_tables_updtable() and the hooks of chains that are added while the
#            flags are about to change.
#
# Needs root, apt of Debian 12, and nf_tables in the running kernel. Changes nothing outside a new network namespace.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(
  cd "$folder"
  apt-get download -qq -o APT::Sandbox::User=root nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2
  for package in *.deb; do dpkg-deb -x "$package" root; done
)
library=$(dirname "$(find "$folder/root" -name 'libnftables.so.1')")
export LD_LIBRARY_PATH="$library"
PATH="$folder/root/usr/sbin:$PATH"
echo "Linux $(uname -r), $(nft --version)"

script='
set -eu
fail() { echo "changed: $1"; exit 1; }
isDormant() { nft list table ip t | grep -q dormant; }

nft "add table ip t { flags dormant; }"
nft "add chain ip t old { type filter hook input priority 0; policy accept; }"
isDormant || fail "the table is not dormant"

if printf "add table ip t\nadd chain ip t new { type filter hook input priority 1; policy accept; }\n" |
  nft -f - 2> said; then fail "a new chain: accepted"; fi
grep -q "Invalid argument" said || fail "a new chain: refused otherwise: $(cat said)"
isDormant || fail "a new chain: the table is awake"
echo "add table + a new chain with a hook: Invalid argument, the table sleeps on"

printf "add table ip t\nadd rule ip t old counter\n" | nft -f - || fail "a new rule: refused"
if isDormant; then fail "a new rule: the table is still dormant"; fi
echo "add table + a new rule: awake"

nft "add table ip t { flags dormant; }"
isDormant || fail "the table is not dormant again"
nft add table ip t
printf "add table ip t\nadd chain ip t new { type filter hook input priority 1; policy accept; }\n" | nft -f - ||
  fail "a new chain after the table was woken: refused"
echo "add table alone, then the same two lines: fine"
'
cd "$folder"
unshare --net sh -c "$script"
