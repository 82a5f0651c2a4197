#!/bin/sh
# Guess:     what arrives at a FOU port for IPIP and holds no IP packet is an error or a drop of the tunnel device, if it is
#            counted there at all: "RX errors" says how much junk comes, and "RX packets" whether the tunnel works.
# Behaviour: from the tunnel's far end it counts as a packet received, with all its bytes, and as nothing else: neither
#            error nor drop. 73 bytes of junk are one received packet more, though nothing ever comes out of the device.
#            So who watches a tunnel by its counters takes keepalives, or a peer that sends garbage, for data.
# Version:   Linux 7.2; iproute2 6.1.0 (Debian 12).
# Source:    Linux, net/ipv4/ip_tunnel.c: ip_tunnel_rcv() counts before anything looks at the inner packet.
#
# Needs root, apt of Debian 12, python3, and the kernel modules fou and ipip. Changes nothing outside a new network
# namespace.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(
  cd "$folder"
  apt-get download -qq -o APT::Sandbox::User=root iproute2=6.1.0-3
  dpkg-deb -x ./*.deb root
)
PATH="$folder/root/bin:$folder/root/sbin:$PATH"
modprobe -a fou ipip
echo "Linux $(uname -r), $(ip -V)"

script='
set -eu
ip link set lo up
ip fou add port 7001 ipproto 4
ip link add name tunnel type ipip remote 127.0.0.2 local 127.0.0.1 encap fou encap-sport 7001 encap-dport 7002
ip link set tunnel up
counts() { ip -json -stats link show tunnel | grep -o "\"rx\":{[^}]*}" | tr -d "{}" ; }
before=$(counts)
python3 -c "
import socket
far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
far.bind((\"127.0.0.2\", 7002))
for _ in range(5): far.sendto(bytes(73), (\"127.0.0.1\", 7001))
"
after=$(counts)
echo "before: $before"
echo "after five datagrams of 73 zeros: $after"
case "$after" in
  *\"packets\":5,\"errors\":0,\"dropped\":0*) ;;
  *) echo "changed: they are not five packets received"; exit 1 ;;
esac
'
unshare --net sh -c "$script"
