#!/bin/sh
# Guess:     `ip tunnel change` sets what it is given and leaves the rest of the tunnel as it is: after a new ttl the outer
#            packets still have the mark (fwmark) that they were given when the tunnel was made.
# Behaviour: the mark is gone, and nothing says so; tos, checksums and the ports of `encap fou` stay. What a rule sent by
#            another table for its mark now goes by the main one, with a default route into the tunnel into itself.
#            `ip link set … type ipip ttl …` keeps the mark.
# Version:   iproute2 6.1.0 (Debian 12) with Linux 6.1 and 7.2.
# Source:    Linux, net/ipv4/ip_tunnel.c: ip_tunnel_ctl() has no mark in its parameters, and updates the tunnel with 0.
#
# Needs root, apt of Debian 12, and the kernel module ipip. Changes nothing outside a new network namespace.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(
  cd "$folder"
  apt-get download -qq -o APT::Sandbox::User=root iproute2=6.1.0-3
  dpkg-deb -x ./*.deb root
)
PATH="$folder/root/bin:$folder/root/sbin:$PATH"
modprobe ipip
echo "Linux $(uname -r), $(ip -V)"

script='
set -eu
fail() { echo "changed: $1"; exit 1; }
seen() { ip -details link show tunnel | grep -oE "(ttl|tos|fwmark) [0-9a-fx]+" | tr "\n" " "; }
expect() {
  found=$(seen)
  echo "$1: $found"
  [ "$found" = "$2" ] || fail "$1"
}
ip link add name tunnel type ipip local 192.0.2.1 remote 192.0.2.2 ttl 33 tos 0x10 fwmark 5
expect "made" "ttl 33 tos 0x10 fwmark 0x5 "
ip link set dev tunnel type ipip ttl 44
expect "ip link set" "ttl 44 tos 0x10 fwmark 0x5 "
ip tunnel change tunnel mode ipip local 192.0.2.1 remote 192.0.2.2 ttl 55
expect "ip tunnel change" "ttl 55 tos 0x10 "
'
unshare --net sh -c "$script"
echo "as described"
