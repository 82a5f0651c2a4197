#!/bin/sh
# Guess:     what `deno compile` makes runs wherever its base binary runs: the program is appended to the base, and the
#            base is linked for pages of up to 64 KiB, as linkers do for aarch64.
# Behaviour: Deno 2.9 adds a segment of its own to the base, aligned to 4 KiB, in the page after the last one of the base's
#            variables. On a kernel with larger pages (16 KiB: Raspberry Pi 5, Asahi) both are in one page, and the
#            executable ends at once by SIGSEGV, before any of its code: seen on Debian's Linux 6.12.117 arm64-16k, and on
#            the same Linux with pages of 64 KiB. On the first, the base alone runs, its compiler for machine code
#            included; flags of V8 change nothing. Deno 2.8 appends the program behind the base's last byte and leaves its
#            segments alone: that runs on both.
# Version:   deno 2.9.4 and 2.9.6, and 2.8.3.
# Source:    seen; denoland/deno#36282 has such an executable, and V8 as its suspect.
#
# Needs readelf, Node with npx, and the npm registry. Changes nothing outside a temporary folder. Downloads 150 MB.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() {
  echo "changed: $1"
  exit 1
}
# The alignments of a program's segments, each once.
alignments() { readelf -lW "$1" | awk '$1 == "LOAD" { print $NF }' | sort -u | tr '\n' ' '; }
# Compiles a program with a version of Deno for the base; prints the alignments.
compile() {
  DENORT_BIN=package/deno npx --yes "deno@$1" compile --quiet --no-config --no-check \
    --target aarch64-unknown-linux-gnu --output "program-$1" program.js
  alignments "program-$1"
}

echo 'console.log("ok");' > program.js
# Deno itself, which is linked as its base binary is.
tar -xzf "$(npm pack --silent @deno/linux-arm64-glibc@2.9.6)"
base=$(alignments package/deno)
old=$(compile 2.8.3)
new=$(compile 2.9.6)
echo "alignments: base $base, compiled by 2.8.3 $old, compiled by 2.9.6 $new"
[ "$base" = "0x10000 " ] || fail "the base is linked for other pages"
[ "$old" = "0x10000 " ] || fail "Deno 2.8.3 adds a segment"
[ "$new" = "0x1000 0x10000 " ] || fail "Deno 2.9.6 adds no segment for pages of 4 KiB"
