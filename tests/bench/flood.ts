/**
 * What floods of junk auth packets do to a hub and to two clients with a short lifetime, whose auth packets have to get
 * through: packets sent, the server's CPU time and memory, entries of the gate's rate limits, renewals, lost pings.
 */
import { ADDRESS } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { makeKeys, PATIENCE, PORT, Scenario } from "../e2e/scenario.ts";
import { cpuMs, print } from "./figures.ts";

const FLOODER = new URL("../e2e/flood.py", import.meta.url).pathname;
const KINDS = ["quiet", "many", "stranger", "address", "place", "quiet"] as const;
const RATE = Number(Deno.args[0] ?? 20_000);
const SECONDS = 20;
const KEEPALIVE = 2;
const LIFETIME = 8;
const HUB = "172.28.0.2";
/** The one whose address is forged, and another one. */
const PEERS = {
  a: { host: "direct", inner: "172.28.0.11" },
  b: { host: "client", inner: "172.28.0.13" },
} as const;
type Name = keyof typeof PEERS;
const NAMES = ["a", "b"] as const;

async function start(scenario: Scenario): Promise<Process> {
  const keys = { a: makeKeys(), b: makeKeys() };
  const peers = NAMES.map((name) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "${PEERS[name].inner}"\nauth.lifetime = ${LIFETIME}\n` +
    `auth.remote-pubkey-b64 = "${keys[name].publicKey}"\nauth.secret = "s"\n`
  );
  const settings = `server = true\nnumber = 1\nfou.local = "@eth0"\ntunl.ip = "${HUB}"\n${peers.join("")}`;
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", settings));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  for (const name of NAMES) {
    const { host, inner } = PEERS[name];
    scenario.start(
      host,
      ...["-n1", "-b@eth0", "-r", `${ADDRESS.server}:${PORT}`, "--keepalive", String(KEEPALIVE)],
      ...[
        "--tunl-ip",
        inner,
        "--tunl-peer-ip",
        HUB,
        "--auth-key-b64",
        keys[name].privateKey,
        "--auth-secret",
        "s",
      ],
    );
    await hub.waitForLine(new RegExp(` ${name}: tunnel up`), PATIENCE);
  }
  return hub;
}

async function usage(pid: number): Promise<{ ms: number; mib: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const mib = Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1024;
  return { ms: await cpuMs(pid), mib };
}

/** Entries of the gate's rate limits, by the set's name. */
async function setSizes({ network }: Scenario): Promise<string> {
  const sizes = ["limits", "places"].map(async (set) => {
    const text = await network.must("server", ["nft", "-j", "list", "set", "ip", "ipipou", `${set}-ipipou1`]);
    return `${set} ${(text.match(/"limit"/g) ?? []).length}`;
  });
  return (await Promise.all(sizes)).join(", ");
}

function renewals(hub: Process, name: Name): number {
  return hub.lines.filter((line) => line.includes(` ${name}: authenticated again`)).length;
}

async function lostPings(scenario: Scenario, name: Name): Promise<string> {
  const count = String(SECONDS * 5);
  const { stdout } = await scenario.network.run("server", [
    "ping",
    "-qi0.2",
    "-W1",
    "-c",
    count,
    PEERS[name].inner,
  ]);
  return `${/([\d.]+)% packet loss/.exec(stdout)![1]} %`;
}

async function measure(scenario: Scenario, hub: Process, kind: typeof KINDS[number]): Promise<void> {
  const before = { ...await usage(hub.pid), renewals: NAMES.map((name) => renewals(hub, name)) };
  const ends = [`${ADDRESS.server}:${PORT}`, `${ADDRESS.direct}:${PORT}`];
  const flood = kind === "quiet" ? Promise.resolve("0") : scenario.network.must("router", [
    "/usr/bin/python3",
    "-B",
    FLOODER,
    kind,
    ...ends,
    `${RATE}`,
    `${SECONDS}`,
  ]);
  const lost = await Promise.all(NAMES.map((name) => lostPings(scenario, name)));
  const sent = (await flood).trim();
  const after = await usage(hub.pid);
  const renewed = NAMES.map((name, index) => renewals(hub, name) - before.renewals[index]!);
  print(
    `${kind}: ${sent} packets a second; CPU ${((after.ms - before.ms) / SECONDS / 10).toFixed(1)} %, ` +
      `RSS ${after.mib.toFixed(0)} MiB; sets: ${await setSizes(scenario)}; ` +
      NAMES.map((name, index) => `${name}: ${renewed[index]} renewals, ${lost[index]} of pings lost`).join(
        "; ",
      ),
  );
}

await using scenario = await Scenario.create({ direct: true });
const hub = await start(scenario);
for (const kind of KINDS) await measure(scenario, hub, kind);
