import assert from "node:assert/strict";
import type { Admission } from "../../lib/admission.ts";
import type { ProgramEnd } from "../../lib/ports.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { must, run } from "../../tools/command.ts";
import { admission, HUB, OUTSIDE } from "../unit/kernel/plan_scene.ts";
import { sampleSettings } from "../unit/samples.ts";
import { loadModules } from "./modules.ts";

/** Any time will do: whether something expires is compared, not when. */
export const NOW = 3_600_000;

/** Runs a program with lines on its standard input. */
export type Run = (
  argv: readonly string[],
  lines?: readonly string[],
) => Promise<Pick<ProgramEnd, "code" | "stdout" | "stderr">>;

/** A network namespace of a real kernel, with everything that a new `FakeHost` has. */
export class RealHost implements AsyncDisposable {
  readonly name = `fake-${crypto.randomUUID().slice(0, 4)}`;

  static async create(): Promise<RealHost> {
    await loadModules();
    const host = new RealHost();
    await must(["ip", "netns", "add", host.name]);
    const lines = [
      "link set dev lo up",
      "link add name eth0 type veth peer name far",
      "link set dev eth0 up",
      "link set dev far up",
      `address add ${OUTSIDE.ip}/24 dev eth0`,
      "route add default via 192.0.2.254",
    ];
    await must(["ip", "-netns", host.name, "-batch", "-"], { stdin: lines.join("\n") });
    return host;
  }

  readonly run: Run = async ([program, ...args], lines = []) => {
    const argv = ["ip", "netns", "exec", this.name, "env", "LC_ALL=C", program!, ...args];
    return await run(argv, { stdin: lines.map((line) => `${line}\n`).join("") });
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await must(["ip", "netns", "delete", this.name]);
  }
}

/** What a program prints on a host. */
export async function listed(host: RealHost, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv);
  assert.ok(code === 0 || stderr.includes("No such file"), `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

/** All that the programs list, as an administrator sees it. */
export async function listingOf(host: RealHost): Promise<string[]> {
  const sorted = (text: string) =>
    text.replace(
      /elements = \{([^}]*)\}/gs,
      (_, list: string) =>
        list.split(",").map((element) => element.trim().replace(/ expires \S+/, "")).sort().join("\n"),
    );
  const devices = await listed(host, "ip", "-4", "-details", "address", "show");
  return [
    // Numbers of devices differ by what was there before.
    devices.replace(/^\d+: /gm, "").replace(/ link-netnsid \d+|@if\d+| link\/ether \S+| permaddr \S+/g, ""),
    (await listed(host, "ip", "fou", "show")).split("\n").sort().join("\n"),
    await listed(host, "ip", "-4", "route", "show", "table", "all"),
    sorted(await listed(host, "nft", "-s", "list", "ruleset")),
  ];
}

/** Peers that appear, share an address, swap, move, get parked, have a lifetime of an hour, and disappear. */
export function history(): [Settings, ReadonlyMap<string, Admission> | null][] {
  const at = (...places: ([last: number, port: number, ownPort?: number] | "parked" | null)[]) =>
    new Map(places.flatMap((place, index): [string, Admission][] => {
      if (place === null) return [];
      if (place === "parked") return [[`p${index}`, { remote: null, port: 10_000, expiresAt: 0 }]];
      const [last, port, ownPort = 10_000] = place;
      return [[`p${index}`, { ...admission(`198.51.100.${last}`, port), port: ownPort }]];
    }));
  const timed = new Map([["p1", { ...admission("198.51.100.1", 1001), expiresAt: NOW + 3_600_000 }]]);
  const checked = { ...HUB, encapCsum: true };
  const header = { ttl: "inherit", tos: 0x20, pmtudisc: false } as const;
  const peers = HUB.peers.map((peer) => ({ ...peer, tunnel: { ...peer.tunnel, mtu: 1300, header } }));
  const narrow = { ...HUB, peers, mssClamp: 1200 };
  const unbound = { ...HUB, local: { ...HUB.local, device: null } };
  const other = sampleSettings({
    name: "p0",
    peers: HUB.peers.slice(0, 2),
    nft: { table: "ipipou", counter: false },
  });
  return [
    [HUB, at()],
    [HUB, at([1, 1001], [1, 1002], [1, 1003, 10_001])],
    [HUB, at([2, 1001], [1, 1002], "parked")],
    [HUB, at([1, 1002], [2, 1001], [3, 1003])],
    [HUB, at([1, 1002], null, [3, 1004])],
    [HUB, timed],
    [HUB, at("parked", [1, 1001], [1, 1002])],
    [narrow, at([1, 1003], [1, 1001], [1, 1002])],
    [{ ...HUB, mssClamp: "auto" }, at([1, 1003], [1, 1002], [1, 1001])],
    [checked, at([1, 1003], [1, 1001], [1, 1002])],
    [HUB, at([1, 1003], [1, 1001], [1, 1002])],
    [other, at([1, 1003], [1, 1001])],
    [HUB, at([1, 1003], [1, 1001], [1, 1002])],
    [unbound, at([1, 1003], [1, 1001], [1, 1002])],
    [unbound, null],
    [HUB, at([1, 1003])],
    [HUB, null],
  ];
}
