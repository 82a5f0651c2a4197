#!/bin/sh
# Guess:     `nft delete element` with a range that is only a part of an element's range fails, as it does for a set of
#            plain addresses: "element does not exist".
# Behaviour: in a set of concatenations with ranges (type ipv4_addr . inet_service; flags interval), it deletes the
#            whole element, and exits with 0. Deleting 10.0.3.0/24 . 2 takes 10.0.0.0/8 . 1-5 with it, and who it matched
#            is locked out, or let in. `nft get element` with the same words shows the element that would be deleted, so
#            a script can ask first.
# Version:   nftables 1.0.6 with Linux 6.18 and 7.2. The kernel decides, not nft.
# Source:    Linux, net/netfilter/nft_set_pipapo.c: what is to be deactivated is looked up by the start of its range
#            alone. nft_set_rbtree.c, which has the sets of plain addresses, compares both ends.
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
hasElement() { nft list set ip t "$1" | grep -q "10.0.0.0/8"; }

nft add table ip t
nft "add set ip t plain { type ipv4_addr; flags interval; }"
nft "add set ip t concatenated { type ipv4_addr . inet_service; flags interval; }"
nft add element ip t plain "{ 10.0.0.0/8 }"
nft add element ip t concatenated "{ 10.0.0.0/8 . 1-5 }"

if nft delete element ip t plain "{ 10.0.3.0/24 }" 2>/dev/null; then fail "plain: deleted"; fi
hasElement plain || fail "plain: the element is gone"
echo "plain addresses: refused, 10.0.0.0/8 is still there"

nft get element ip t concatenated "{ 10.0.3.0/24 . 2 }" | grep -q "10.0.0.0/8 . 1-5" || fail "get shows another"
echo "concatenation: get element 10.0.3.0/24 . 2 shows 10.0.0.0/8 . 1-5"
nft delete element ip t concatenated "{ 10.0.3.0/24 . 2 }" || fail "concatenation: refused"
if hasElement concatenated; then fail "concatenation: the element is still there"; fi
echo "concatenation: delete element 10.0.3.0/24 . 2 succeeds, 10.0.0.0/8 . 1-5 is gone"
'
unshare --net sh -c "$script"
