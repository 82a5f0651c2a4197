import assert from "node:assert/strict";
import fc from "fast-check";
import { IpipouError } from "../../../lib/errors.ts";
import { Elsewhere } from "../../../lib/kernel/elsewhere.ts";
import { parseIpLists, Runner } from "../../../lib/kernel/runner.ts";
import { Log } from "../../../lib/log.ts";
import type { ProgramEnd } from "../../../lib/ports.ts";
import { readerOf, USUAL_SURROUNDINGS } from "../../unit/kernel/fake_programs.ts";
import { jsonLike, textLike } from "../mutate.ts";
import { assertLine, outcomeOf, outcomeOfAsync, type Target, target } from "../target.ts";

/** How the programs end, by name. */
type Ends = Readonly<Record<string, Partial<ProgramEnd>>>;

/** A runner whose programs end so, and whose log must be in order. */
export function runnerFor(ends: Ends): Runner {
  const end = { code: 0, stdout: "", stderr: "", isLate: false };
  const write = (line: string) => assertLine(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date(0) });
  const runProgram = (program: string) => Promise.resolve({ ...end, ...ends[program] });
  return new Runner({ runProgram, surroundings: USUAL_SURROUNDINGS, openReader: readerOf }, log);
}

const printed = textLike(
  ["[]\n", "[]\n[]\n", '[{"nsid":0,"name":"box"}]\n', "null\n", "{}\n", ""],
  ["[", "]", "{", "}", ",", ":", '"', "\n", "1e999", "-", "{},"],
);
const output = target("output of ip", ["lib/kernel/runner.ts parseIpLists"], printed, (text) => {
  const outcome = outcomeOf(() => parseIpLists(text, 2));
  if ("value" in outcome) assert.ok(outcome.value.length === 2 && outcome.value.every(Array.isArray));
});

const complaints = textLike([
  "RTNETLINK answers: Address already in use\nCommand failed -:1\n",
  "RTNETLINK answers: File exists\nCommand failed -:2\n",
  'Cannot find device "eth9"\nCommand failed -:1\n',
  "RTNETLINK answers: No such file or directory\nError talking to the kernel\n",
  "/dev/stdin:2:19-22: Error: Could not process rule: No such file or directory\ndelete chain ip x y\n  ^^^^\n",
  "Error: No such file or directory\nlist table ip ipipou\n",
  "Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed\n",
], ["Error: ", "Command failed -:", "0", "99999999999999999999", ":", "\n", "\x1b[2J"]);
const SOCKETS = 'UNCONN 0 0 192.0.2.1:1 0.0.0.0:* users:(("dns",pid=5,fd=3))\n';
const COMMANDS = ["link set dev p0 up", "address add 10.0.0.1/32 dev p0", "route add 10.1.0.0/16 dev p0"];

const failures = target(
  "failures of ip, nft and modprobe",
  ["lib/kernel/runner.ts Runner", "lib/kernel/cures.ts portCure"],
  fc.tuple(
    complaints,
    textLike([SOCKETS], ["%eth0", ":1 ", "\n", '"']),
    fc.integer({ min: 1, max: 255 }),
    fc.boolean(),
    fc.boolean(),
  ),
  async ([stderr, sockets, code, isLate, hasFou]) => {
    const end = { code, stderr, isLate };
    const runner = runnerFor({ ip: end, nft: end, modprobe: end, ss: { stdout: sockets } });
    const commands = hasFou ? ["fou add port 1 ipproto 4 local 192.0.2.1", ...COMMANDS] : COMMANDS;
    const runs = [
      () => runner.ip(commands),
      () => runner.ipEach(commands, "Address already in use"),
      () => runner.nft(["add table ip x", "delete chain ip x y"]),
    ];
    for (const run of runs) {
      const outcome = await outcomeOfAsync<unknown>(run);
      if ("message" in outcome) assert.doesNotMatch(outcome.message, /^Cannot run '?\w+ '?(undefined|null)/);
    }
    const error = await runner.modprobe(["fou"]).catch((error: unknown) => error);
    assert.ok(error instanceof IpipouError, String(error));
    assertLine(error.message);
  },
);

const moved = [{
  ...{ ifname: "p1", ifalias: "ipipou:p0", "link_netnsid": 0 },
  linkinfo: { "info_kind": "ipip", "info_data": { local: "192.0.2.1", remote: "198.51.100.2" } },
}];
const elsewhere = target(
  "namespaces and devices there",
  [
    "lib/kernel/read_moved.ts readMovedDevices",
    "lib/kernel/read_moved.ts readNamespaces",
    "lib/kernel/elsewhere.ts Elsewhere.remove",
  ],
  fc.tuple(
    jsonLike([[{ nsid: 0, name: "box" }, { nsid: 1 }]], ["name", "nsid"]),
    jsonLike([moved], ["ifname", "ifalias", "link_netnsid", "local", "remote"]),
  ),
  async ([namespaces, devices]) => {
    const write = (said: string) => assertLine(said);
    const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date(0) });
    const lost = new Set(["192.0.2.1 198.51.100.2"]);
    const answerTo = (args: readonly string[], input: string) => {
      if (input.startsWith("link show")) return devices;
      if (input.startsWith("netns")) return namespaces;
      assert.ok(args.includes("-netns"), args.join(" "));
      for (const command of input.trimEnd().split("\n")) {
        assert.match(command, /^link delete dev [^\s/:]{1,15}$/);
      }
      return [];
    };
    const run = (_program: string, args: readonly string[], input: string) =>
      Promise.resolve({
        code: 0,
        stdout: `${JSON.stringify(answerTo(args, input))}\n`,
        stderr: "",
        isLate: false,
      });
    const runner = new Runner(
      { runProgram: run, surroundings: USUAL_SURROUNDINGS, openReader: readerOf },
      log,
    );
    await new Elsewhere(log).remove("p0", lost, runner);
  },
);

/** What programs print. */
export const PROGRAM_TARGETS: readonly Target[] = [output, failures, elsewhere];
