#!/bin/sh
# Guess:     a timer that was cleared is gone: a program that sets a timeout for an answer, and clears it when the answer
#            comes a moment later, sleeps on until its next timer is due.
# Behaviour: the runtime goes on to wait for the moment that the cleared timer had, wakes up for nothing, and only then
#            goes to sleep until the next one: one or two wake-ups more for each timeout that was never needed. For a
#            daemon that sends a keepalive now and then, this is most of what it wakes up for.
# Version:   deno 2.8.3.
# Source:    seen, by the voluntary context switches in /proc/PID/task/*/status.
#
# Needs Linux, Node with npx, and the npm registry. Changes nothing outside a temporary folder. Takes a minute.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > program.ts <<'END'
const clears = Deno.args[0] === "clears";
let left = 45;
const status = (task: string) => Deno.readTextFileSync(`/proc/self/task/${task}/status`);
const wakeUps = () =>
  [...Deno.readDirSync("/proc/self/task")].map(({ name }) => /^voluntary_ctxt_switches:\s+(\d+)/m.exec(status(name))!)
    .reduce((sum, [, count]) => sum + Number(count), 0);
let begin = 0;
setInterval(() => {
  // The first ones are V8's own, as it collects its garbage.
  if (--left === 15) begin = wakeUps();
  if (left === 0) {
    console.log(wakeUps() - begin);
    Deno.exit();
  }
  if (clears) {
    const timeout = setTimeout(() => {}, 500);
    setTimeout(() => clearTimeout(timeout), 0);
  } else setTimeout(() => {}, 0);
}, 1_000);
END
deno() { npx --yes deno@2.8.3 "$@"; }
deno --version | head -n 1
deno run --quiet --allow-all --v8-flags=--lite-mode program.ts > plain.txt &
deno run --quiet --allow-all --v8-flags=--lite-mode program.ts clears > clears.txt
wait
plain=$(cat plain.txt)
clears=$(cat clears.txt)
echo "wake-ups in 15 s with a timer each second: $plain; with another one that is cleared at once: $clears"
[ "$clears" -ge $((plain + 10)) ] || { echo "changed: cleared timers no longer wake the program"; exit 1; }
