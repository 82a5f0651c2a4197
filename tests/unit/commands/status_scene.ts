import type { StatusSystem } from "../../../lib/commands/status_system.ts";
import type { IpDevice } from "../../../lib/listing.ts";
import type { StatusConnection } from "../../../lib/ports.ts";
import type { StatusRequest } from "../../../lib/settings/invocation.ts";
import { LineReader } from "../../../lib/status/lines.ts";
import type { Report } from "../../../lib/status/snapshot.ts";
import { VirtualClock } from "../fake/clock.ts";
import { FakeStatusSocket } from "../fake/status_socket.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "../status/samples.ts";

/** Asks for all, once, in words for people. */
export const ALL: StatusRequest = { name: null, peer: null, json: false, watch: false };
/** A client that is up. */
export const OFFICE: Report = { instance: sampleInstance(), tunnels: [sampleTunnel()] };
const WAITING = samplePeerStatus("b", { state: "waiting", ok: false, why: "its first auth packet" });
/** A hub of two, one of which waits. */
export const HUB: Report = { instance: sampleHub(), tunnels: [samplePeerStatus("a"), WAITING] };

/** A device as a killed hub leaves it. */
export const DEVICE: IpDevice = {
  ...{ ifindex: 7, ifname: "a", flags: [], mtu: 1472, "link_type": "ipip" },
  linkinfo: {
    "info_kind": "ipip",
    "info_data": {
      ...{ local: "192.0.2.1", remote: "198.51.100.2" },
      encap: { type: "fou", sport: 10_001, dport: 4_001, csum: false },
    },
  },
  "addr_info": [{ local: "172.28.0.2", address: "172.28.0.11" }],
};

/** What answers at a socket: an instance, a text, or who refuses everybody; "silence": nothing in time; null: nobody. */
export type There = Report | string | Error | null;

/** A second that is waited for passes at once; an answer comes before the time for it is over. */
class LeapingClock extends VirtualClock {
  override waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void> {
    const waiting = super.waitUntil(moment, ...signals);
    const wait = (moment ?? Infinity) - this.now();
    if (wait <= 1_000) void this.advance(wait);
    return waiting;
  }
}

function reportsIn(there: readonly There[]): Report[] {
  return there.flatMap((each) => each instanceof Object && "tunnels" in each ? [each] : []);
}

/** All that answer run in this network namespace. */
export function systemOf(there: readonly There[], fields: Partial<StatusSystem> = {}): StatusSystem {
  const clock = new LeapingClock();
  return {
    clock,
    sockets: () => there.map((_, index) => `/run/ipipou/${index}/status.sock`),
    connect: (path) => connect(there[Number(path.split("/")[3])]!, clock),
    standing: () => new Map(),
    countsOf: () => null,
    holderOf: (name) => reportsIn(there).find(({ instance }) => instance.name === name)?.instance.pid ?? null,
    instanceOf: () => null,
    ...fields,
  };
}

/** Connects to what is there. */
export function connect(there: There, clock: VirtualClock): Promise<StatusConnection | null> {
  if (there instanceof Error) return Promise.reject(there);
  if (there === null) return Promise.resolve(null);
  const socket = new FakeStatusSocket(new Map(), "");
  const end = socket.connect();
  socket.accept().then((connection) => answer(connection!, there, clock));
  return Promise.resolve(end);
}

async function answer(
  connection: StatusConnection,
  there: Report | string,
  clock: VirtualClock,
): Promise<void> {
  if (there === "silence") return await clock.advance(5_000);
  const { peer } = JSON.parse((await new LineReader(connection, 1_000).next())!);
  const tunnels = typeof there === "string"
    ? []
    : there.tunnels.filter(({ name }) => peer === null || name === peer);
  const text = typeof there === "string"
    ? there
    : [{ ...there.instance, tunnels: tunnels.length }, ...tunnels].map((line) => `${JSON.stringify(line)}\n`)
      .join("");
  await connection.write(new TextEncoder().encode(text));
  connection[Symbol.dispose]();
}
