#!/bin/sh
# Guess:     `nft add element` for a set of plain addresses costs the same whatever other tables hold: it is one message to
#            the kernel, which has the set.
# Behaviour: nft first lists all sets of all tables, with all their elements. Beside a block list of a country, 200,000
#            ranges in a table of its own, each element added elsewhere takes a hundred to a thousand times as long, seconds on a
#            router, and some 200 MB. A daemon that adds one for each client or ban pays that each time. Several elements
#            in one `nft -f` cost it once; a program that speaks netlink never.
# Version:   nftables 1.0.6 (Debian 12) with Linux 6.18 and 7.2; 1.1.3 and 1.1.7 with Linux 7.2 do the same.
# Source:    seen, by the time it takes and by strace(1).
#
# Needs root, apt of Debian 12, and nf_tables in the running kernel. Changes nothing outside a new network namespace. Takes
# half a minute.
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

awk 'BEGIN {
  print "add table ip theirs\nadd set ip theirs block { type ipv4_addr; flags interval; }"
  for (i = 0; i < 200000; i++) {
    range = sprintf("%d.%d.%d.0/25", 20 + int(i / 65536), int(i / 256) % 256, i % 256)
    list = list (list == "" ? "" : ", ") range
    if (i % 5000 == 4999) { print "add element ip theirs block { " list " }"; list = "" }
  }
}' > "$folder/theirs.nft"

script='
set -eu
# Milliseconds for five elements, each by an nft of its own.
add() {
  begin=$(date +%s%N)
  for last in 1 2 3 4 5; do nft add element ip mine addresses "{ $1.$last }"; done
  echo $((($(date +%s%N) - begin) / 1000000))
}
nft add table ip mine
nft "add set ip mine addresses { type ipv4_addr; }"
alone=$(add 192.0.2)
nft -f "$1"
beside=$(add 198.51.100)
echo "five elements: $alone ms; beside a set of 200,000 ranges in another table: $beside ms"
[ "$beside" -ge $((alone * 10)) ] || { echo "changed: other tables no longer matter"; exit 1; }
'
unshare --net sh -c "$script" sh "$folder/theirs.nft"
