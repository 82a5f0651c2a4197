#!/bin/sh
# Guess:     `ip -json route` prints the network that a route leads to as "dst", and what `encap ip` adds to it under a
#            key of its own, as "nexthops" and "metrics" have theirs.
# Behaviour: it prints all on one level, so the object has "dst" twice: first the network, then the far end of the
#            encapsulation. Readers of JSON keep the last one: for them the route 10.1.0.0/24 is one to the host
#            192.0.2.9, and the network is not there at all. A script that looks for a clash with 10.1.0.0/24 finds none.
#            `encap mpls` does the same with its label. Without -json nothing is lost: "10.1.0.0/24 encap ip …".
# Version:   iproute2 6.1.0 (Debian 12) with Linux 6.18.
# Source:    iproute2, ip/iproute_lwtunnel.c: print_encap_ip() adds "dst" to the object that print_route() in
#            ip/iproute.c has begun.
#
# Needs root, apt of Debian 12, and CONFIG_LWTUNNEL in the running kernel. Changes nothing outside a new network namespace.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(
  cd "$folder"
  apt-get download -qq -o APT::Sandbox::User=root iproute2=6.1.0-3
  dpkg-deb -x ./*.deb root
)
PATH="$folder/root/bin:$folder/root/sbin:$PATH"
echo "Linux $(uname -r), $(ip -V)"

script='
set -eu
fail() { echo "changed: $1"; exit 1; }
ip link set lo up
ip route add 10.1.0.0/24 encap ip id 7 dst 192.0.2.9 dev lo
plain=$(ip route show 10.1.0.0/24)
echo "plain: $plain"
case "$plain" in 10.1.0.0/24*) ;; *) fail "the plain form does not begin with the network" ;; esac
json=$(ip -json route show 10.1.0.0/24)
echo "JSON:  $json"
[ "$(echo "$json" | grep -o "\"dst\":" | wc -l)" = 2 ] || fail "not two destinations"
last=$(echo "$json" | grep -o "\"dst\":\"[^\"]*\"" | tail -n 1)
[ "$last" = "\"dst\":\"192.0.2.9\"" ] || fail "the last one is $last"
echo "what a reader keeps: $last"
'
unshare --net sh -c "$script"
