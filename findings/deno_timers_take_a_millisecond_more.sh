#!/bin/sh
# Guess:     setTimeout(…, 0) of a program on Deno lets everything else that is ready run first, and costs a millisecond
#            at most, as on Node, which takes 0 for 1; setTimeout(…, 5) takes five.
# Behaviour: every timer takes a whole millisecond more than on Node: 0 takes two, 5 takes six. Who answers a packet
#            after two turns of setTimeout(…, 0) spends most of the time in them. setImmediate() of node:timers is the same
#            turn of everything else, and takes microseconds.
# Version:   deno 2.8.3.
# Source:    seen; the timers are Tokio's, see https://github.com/tokio-rs/tokio/issues/6866.
#
# Needs Node with npx, and the npm registry. Changes nothing outside a temporary folder. Takes a few seconds.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > program.mjs <<'END'
import { setImmediate } from "node:timers/promises";

async function median(wait) {
  const times = [];
  for (let count = 0; count < 200; count++) {
    const begin = performance.now();
    await wait();
    times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[100].toFixed(2);
}

const timer = (delay) => () => new Promise((resolve) => setTimeout(resolve, delay));
console.log(await median(timer(0)), await median(timer(5)), await median(() => setImmediate()));
END
deno() { npx --yes deno@2.8.3 "$@"; }
deno --version | head -n 1
echo "node $(node --version)"
node=$(node program.mjs)
deno=$(deno run --quiet program.mjs)
echo "milliseconds of setTimeout(…, 0), setTimeout(…, 5) and setImmediate(): node $node; deno $deno"
echo "$node $deno" | awk '{ exit !($4 > $1 + 0.7 && $5 > $2 + 0.7 && $6 < 0.5) }' ||
  { echo "changed: timers of Deno take no millisecond more, or a turn takes one"; exit 1; }
