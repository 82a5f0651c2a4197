#!/bin/sh
# Guess:     a file for `nft -f` is one transaction: each packet meets either the old rules with their sets and maps, or
#            the new ones. So a table can be deleted and defined again in one file, as firewall scripts do, under load.
# Behaviour: a packet that is in the old rules at that moment finds nothing any more in a map of the old table, be it of
#            verdicts or of data, although both tables have the same element. With `drop` behind the look-up it is lost:
#            one packet in one to ten such files at 70,000 a second on two processors. Sets do not have this. If the map stays and
#            only the rules are replaced (`flush chain`, `add rule`), no packet is lost.
# Version:   nftables 1.0.6 (Debian 12) with Linux 6.18, and with its own 6.1.
# Source:    seen. The kernel marks the elements of a deleted map as gone in the next generation of the rules, and a
#            look-up asks for the generation of now, not for the one that the packet began with.
#
# Needs root, apt of Debian 12, two processors, and nf_tables and veth in the running kernel. Changes nothing outside new
# network namespaces. Takes half a minute.
set -eu

[ "$(nproc)" -ge 2 ] || { echo "needs two processors: on one, nothing happens in between"; exit 1; }
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

# A table that accepts what a map or set names, and drops all else. $1: definition of the map or set, $2: its rule
table() {
  echo "table ip t"
  echo "delete table ip t"
  echo "table ip t {"
  echo "  $1"
  echo "  chain c { type filter hook input priority 0; $2; drop; }"
  echo "}"
}
table 'map m { type ipv4_addr : verdict; elements = { 10.9.0.1 : accept }; }' 'ip saddr vmap @m' > "$folder/map.nft"
table 'set m { type ipv4_addr; elements = { 10.9.0.1 }; }' 'ip saddr @m accept' > "$folder/set.nft"
printf '%s\n' 'flush chain ip t c' 'add rule ip t c ip saddr vmap @m' 'add rule ip t c drop' > "$folder/rules.nft"

script='
set -eu
cd "$1"
# The far end is a network namespace of its own.
unshare --net sleep 600 &
far=$!
trap "kill $far" EXIT
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link add here type veth peer name there netns "$far"
ip address add 10.9.0.2/24 dev here
ip link set here up
nsenter --target "$far" --net ip address add 10.9.0.1/24 dev there
nsenter --target "$far" --net ip link set there up
# How many of 300,000 packets are lost while a file is loaded again and again. $1: the file
lost() {
  nsenter --target "$far" --net ping -q -f -c 300000 10.9.0.2 > pings &
  times=0
  while kill -0 $! 2> /dev/null; do nft -f "$1"; times=$((times + 1)); done
  set -- $(sed -n "s/ packets transmitted, / /; s/ received.*//p" pings)
  echo "$(($1 - $2)) $times"
}
nft -f map.nft
set -- $(lost map.nft) $(lost rules.nft)
nft -f set.nft
set -- "$@" $(lost set.nft)
echo "packets lost of 300,000, and times replaced: a table with a map $1, $2; its rules alone $3, $4; a table with a set $5, $6"
[ "$1" -gt 0 ] || { echo "changed: replacing a table with a map loses nothing"; exit 1; }
[ "$3" -eq 0 ] && [ "$5" -eq 0 ] || { echo "changed: the others lose packets too"; exit 1; }
'
unshare --net sh -c "$script" sh "$folder"
