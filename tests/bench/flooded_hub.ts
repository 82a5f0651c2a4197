import { ADDRESS } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { type makeKeys, PATIENCE, PORT, type Scenario } from "../e2e/scenario.ts";

/** Addresses in the tunnels: of the hub, and of its steady client. */
export const FLOODED = { hub: "172.28.0.2", steady: "172.28.0.3" } as const;
/** Packets a second by what a flood pretends; that of one address is so often to be told apart by its port. */
export const FLOODS = { many: 20_000, stranger: 20_000, address: 5_000 } as const;
const FLOODER = new URL("../e2e/flood.py", import.meta.url).pathname;
/** Longer than anything is measured; floods are ended. */
const FLOOD_SECONDS = 600;
/** Of all clients. */
export const SECRET = "a secret of this bench";

/** Starts a hub of clients with keys, and the first of them on the host `client`. @returns the hub's process id */
export async function startFloodedHub(
  scenario: Scenario,
  executable: string,
  keys: readonly ReturnType<typeof makeKeys>[],
): Promise<number> {
  const { network, programs, directory } = scenario;
  const peers = keys.map(({ publicKey }, index) =>
    `[[peer]]\nname = "p${index}"\ntunl.peer-ip = "172.28.${index >> 6}.${3 + (index & 63)}"\n` +
    `auth.remote-pubkey-b64 = "${publicKey}"\n`
  );
  const settings = `server = true\nnumber = 1\nreply-on-auth-ok = true\nfou.local = "@eth0"\n` +
    `tunl.ip = "${FLOODED.hub}"\nauth.secret = "${SECRET}"\n${peers.join("")}`;
  const environment = ["env", "-i", `PATH=${programs}`, `STATE_DIRECTORY=${directory}/state`];
  const start = (host: "server" | "client", ...args: string[]) =>
    network.spawn(host, [...environment, executable, ...args]);
  const hub = start("server", "-v", "--config", await scenario.write("hub.toml", settings));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  start(
    "client",
    ...["-n1", "-b@eth0", "-r", `${ADDRESS.server}:${PORT}`, "--keepalive", "2"],
    ...["--tunl-ip", FLOODED.steady, "--tunl-peer-ip", FLOODED.hub],
    ...["--auth-key-b64", keys[0]!.privateKey, "--auth-secret", SECRET],
  );
  await hub.waitForLine(/ p0: tunnel up/, PATIENCE);
  return hub.pid;
}

/**
 * Starts a flood of junk auth packets to the hub, from the router.
 *
 * @param kind what it pretends, as flood.py names it
 * @param rate packets a second
 * @param victim the IPv4 address that "address" pretends to be
 */
export function startFlood({ network }: Scenario, kind: string, rate: number, victim: string): Process {
  return network.spawn("router", [
    ...["/usr/bin/python3", "-B", FLOODER, kind, `${ADDRESS.server}:${PORT}`],
    ...[`${victim}:${PORT}`, String(rate), String(FLOOD_SECONDS)],
  ]);
}
