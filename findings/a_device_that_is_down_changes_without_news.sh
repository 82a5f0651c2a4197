#!/bin/sh
# Guess:     whoever changes a tunnel's remote address makes the kernel send RTM_NEWLINK, so `ip monitor link` and
#            programs that listen to RTNLGRP_LINK need not look at the device again.
# Behaviour: while the device is down, the kernel sends no news of new tunnel addresses, of an alias or of a group. It does
#            of an mtu. Once the device is up, each of them is told. A program that keeps a picture of the devices has
#            to look again when one comes up.
# Version:   iproute2 6.1.0 with Linux 6.18 (vxlan) and 7.2 (ipip).
# Source:    Linux, net/core/dev.c: netdev_state_change() sends news of a device only if it has IFF_UP.
#
# Needs root, apt of Debian 12, and vxlan in the running kernel. Changes nothing outside a new network namespace.
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
log=$1
mtu=1300
ip link add x type vxlan id 1 remote 192.0.2.1 local 192.0.2.2 dstport 4789
ip -o monitor link > "$log" &
trap "kill $!" EXIT

# Changes the mtu, and waits until that is told. All that was told before is in the log then.
mark() {
  mtu=$((mtu + 1))
  ip link set dev x mtu $mtu
  tries=0
  until grep -q " mtu $mtu " "$log"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || return 1
    sleep 0.1
  done
}

# Makes a change. Sets `found` to how many messages told of it, before those of the next mtu.
change() {
  before=$mtu
  : > "$log"
  ip link set dev x "$@"
  mark || fail "an mtu is not told"
  found=$(grep -c " mtu $before " "$log" || true)
}

# Until the monitor listens.
until mark; do :; done
for state in down up; do
  ip link set dev x $state
  mark || fail "an mtu is not told"
  [ $state = up ] && number=1 || number=0
  for what in "type vxlan remote 192.0.2.9$number" "alias $state" "group 7$number"; do
    change $what
    echo "$state: $what: $found messages"
    [ "$found" = $number ] || fail "not $number messages"
  done
done
'
unshare --net sh -c "$script" sh "$folder/log"
