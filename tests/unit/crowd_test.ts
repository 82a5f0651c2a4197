import assert from "node:assert/strict";
import { buildUdpPacket, type Endpoint, parseUdpPacket } from "../../lib/packet.ts";
import type { Peer, Settings } from "../../lib/settings/settings.ts";
import { VirtualClock } from "./fake/clock.ts";
import { snapshot } from "./fake/snapshot.ts";
import { Node } from "./pair/node.ts";
import { hubOf, packetBetween, PORT } from "./pair/world.ts";
import { samplePeer } from "./samples.ts";

const COUNT = 1000;

function tokenOf(number: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`the token of member ${number}`);
}

function peers(count: number): Peer[] {
  return Array.from({ length: count }, (_, number) =>
    samplePeer({
      name: `m${number}`,
      tunnel: {
        device: `m${number}`,
        ip: "172.28.63.1",
        peerIp: `172.28.${64 + (number >> 8)}.${number & 255}`,
      },
      altIp: null,
      scheme: { kind: "token", token: tokenOf(number) },
    }));
}

function crowdOf(members: readonly Peer[]): Settings {
  return hubOf(members, { queue: { number: 10_001, maxLength: COUNT } });
}

/** A hub on a host of its own, and what reaches it from a crowd of clients. */
class Hub {
  readonly #clock = new VirtualClock();
  readonly node: Node;

  constructor(settings: Settings) {
    const host = { address: "192.0.2.1/24", gateway: "192.0.2.254", latency: { run: 500, command: 1 } };
    this.node = new Node(this.#clock, { ...host, onSent: () => {} }, settings);
  }

  async pass(seconds: number): Promise<void> {
    await this.#clock.advance(seconds * 1000);
  }

  /** Makes so many clients authenticate, one every 10 ms. */
  async burst(count: number, placeOf: (number: number) => Endpoint): Promise<void> {
    for (let number = 0; number < count; number++) {
      const destination = { ip: "192.0.2.1", port: PORT };
      const fields = { source: placeOf(number), destination, payload: tokenOf(number) };
      this.node.host.receive(buildUdpPacket(fields, 64));
      await this.#clock.advance(10);
    }
    await this.pass(5);
  }

  /** Where the hub sends the data for a client. */
  placeOf({ tunnel: { device, ip, peerIp } }: Peer): Endpoint | null {
    const sending = this.node.host.path.send(device, packetBetween(ip, peerIp, 100));
    return sending.kind === "sent" ? parseUdpPacket(sending.packet)!.destination : null;
  }

  /** The programs that run during `work`. */
  async programsDuring(work: () => Promise<void>): Promise<string[]> {
    const { runs } = this.node.host.programs;
    const { length } = runs;
    await work();
    return runs.slice(length).filter((run) => !run.startsWith("netlink "));
  }
}

const FROM_ADDRESSES = (number: number) => ({ ip: `10.64.${number >> 8}.${number & 255}`, port: PORT });
const FROM_PORTS = (number: number) => ({ ip: "203.0.113.2", port: 20_000 + number });

/** A hub of so many, all of them connected from addresses of their own. */
async function connected(count: number): Promise<Hub> {
  const hub = new Hub(crowdOf(peers(count)));
  hub.node.start();
  await hub.pass(5);
  const programs = await hub.programsDuring(() => hub.burst(count, FROM_ADDRESSES));
  assert.ok(programs.length <= Math.max(count / 10, 3), `${programs.length} programs`);
  assert.match(hub.node.status!, new RegExp(`; ${count} of ${count} peers admitted$`));
  return hub;
}

async function changeOne(hub: Hub, count: number): Promise<string[]> {
  const changed = ({ tunnel }: Peer) => ({ ...tunnel, peerIp: "172.28.63.77" });
  const all = peers(count);
  const last = all.at(-1)!;
  const settings = crowdOf([...all.slice(0, -1), { ...last, tunnel: changed(last) }]);
  return await hub.programsDuring(async () => {
    hub.node.reload(settings);
    await hub.pass(5);
  });
}

Deno.test("a thousand clients connect in one burst, move in another, and leave nothing behind", async () => {
  const programsForOne = await changeOne(await connected(1), 1);
  assert.deepEqual(programsForOne, []);
  const before = snapshot(new Hub(crowdOf(peers(1))).node.host.kernel);
  const hub = await connected(COUNT);
  assert.deepEqual(await changeOne(hub, COUNT), programsForOne, "a reload that changes one peer");
  const moving = await hub.programsDuring(() => hub.burst(COUNT, FROM_PORTS));
  assert.deepEqual(
    moving.filter((run) => !/^nft /.test(run)),
    [],
    "only the rules change, by the first move",
  );
  for (const peer of peers(COUNT - 1)) {
    assert.deepEqual(hub.placeOf(peer), FROM_PORTS(Number(peer.name.slice(1))));
  }
  const stopping = await hub.programsDuring(() => hub.node.stop());
  assert.ok(stopping.length <= 10, `${stopping.length} programs`);
  assert.deepEqual(snapshot(hub.node.host.kernel), before);
});
