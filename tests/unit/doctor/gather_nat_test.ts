import assert from "node:assert/strict";
import { makeReplyPayload } from "../../../lib/auth/scheme.ts";
import { gatherNat } from "../../../lib/doctor/gather_nat.ts";
import type { NatFacts } from "../../../lib/doctor/nat.ts";
import type { ReachFacts } from "../../../lib/doctor/reach.ts";
import { takeSight } from "../../../lib/doctor/sight.ts";
import type { Host } from "../../../lib/doctor_ports.ts";
import { buildPing, buildUdpPacket, parseUdpPacket } from "../../../lib/packet.ts";
import type { ReplySocket, System } from "../../../lib/ports.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { VirtualClock } from "../fake/clock.ts";
import type { FakeHost } from "../fake/host.ts";
import { Mailbox } from "../fake/mailbox.ts";
import { newHost } from "../fake/scene.ts";
import { clientSettings, schemeOf, SERVER, SERVER_NAME, World } from "../pair/world.ts";

const ACCEPTED: ReachFacts = {
  ...{ server: "", expectsReplies: true },
  reach: { kind: "accepted", after: 1 },
};
const FRAGMENT_MILLISECONDS = 30_000;
const GOODBYE_LENGTH = 79;

/** What doctor sees by, and whether it holds a port. */
class Looking {
  isHeld = false;
  readonly host = {
    families: () => new Set(),
    holdPort: () => {
      this.isHeld = true;
      return { [Symbol.dispose]: () => this.isHeld = false };
    },
  } as Partial<Host> as Host;
}

/** Measures from a host without a tunnel, or with other parts of its system. @returns also whether a port stays held */
async function measure(
  host: FakeHost,
  { parts = {}, settings = clientSettings(0), reach = ACCEPTED }: {
    readonly parts?: Partial<System>;
    readonly settings?: Settings;
    readonly reach?: ReachFacts;
  } = {},
): Promise<NatFacts & { readonly isHeld: boolean }> {
  host.resolver.addresses.set(SERVER_NAME, SERVER.ip);
  const looking = new Looking();
  const around = { system: { ...host.start().system, ...parts }, host: looking.host };
  const gathering = gatherNat(await takeSight(settings, around, false), around, reach);
  await host.clock.advance(600_000);
  return { ...(await gathering)!, isHeld: looking.isHeld };
}

/** What a router says of a fragment whose others never came. */
function expired(fragment: Uint8Array): Uint8Array {
  const header = buildPing("172.28.0.0", "172.28.0.1", new Uint8Array(4), 64);
  header.set([11, 1], 20);
  return Uint8Array.of(...header, ...fragment);
}

/** A client's host whose NAT forgets a way after so many seconds, and what it sent, by kind and moment. */
function behindNat(seconds: number, { tells = true } = {}) {
  const clock = new VirtualClock();
  const sent: { kind: "auth" | "good-bye" | "fragment" | "nothing"; at: number }[] = [];
  const host = newHost({ latency: null, onSent: (packet) => receive(packet) }, clock);
  const receive = (packet: Uint8Array) => {
    const { source, destination, payload } = parseUdpPacket(packet)!;
    const reply = (payload: Uint8Array) => {
      if (clock.now() - sent.at(-1)!.at >= seconds * 1_000) return;
      const answer = buildUdpPacket({ source: destination, destination: source, payload }, 64);
      for (const socket of host.replySockets) socket.put(answer);
    };
    if (payload.length === 1) sent.push({ kind: "nothing", at: clock.now() });
    else if (payload.length === GOODBYE_LENGTH) sent.push({ kind: "good-bye", at: clock.now() });
    else if (payload[0] === 0x45) {
      sent.push({ kind: "fragment", at: clock.now() });
      if (tells) clock.waitUntil(clock.now() + FRAGMENT_MILLISECONDS).then(() => reply(expired(payload)));
    } else {
      sent.push({ kind: "auth", at: clock.now() });
      const random = (length: number) => new Uint8Array(length);
      queueMicrotask(() => reply(makeReplyPayload(schemeOf(0, "server"), payload, 1, random)));
    }
  };
  return { host, sent };
}

Deno.test("gatherNat() finds after how many seconds a NAT forgets, and leaves nobody let in", async () => {
  for (const seconds of [5, 12, 21, 29]) {
    const { host, sent } = behindNat(seconds);
    const { open, shut, problem, keepalive, isHeld } = await measure(host);
    assert.deepEqual([problem, keepalive, isHeld], [null, 25, false]);
    assert.ok(open! < seconds && shut! >= seconds && shut! - open! <= 4, `${seconds}: ${open} ${shut}`);
    assert.equal(sent.at(-1)!.kind, "good-bye");
  }
  const patient = behindNat(3_600);
  const { open, shut } = await measure(patient.host);
  assert.deepEqual([open, shut], [30, null]);
  assert.deepEqual(patient.sent.map(({ kind }) => kind), ["auth", "auth", "fragment", "good-bye"]);
});

Deno.test("gatherNat() has the way in use for a moment before each try, as NATs keep it for longer then", async () => {
  const { host, sent } = behindNat(12);
  await measure(host);
  const fragments = sent.flatMap(({ kind }, index) => kind === "fragment" ? [index] : []);
  assert.equal(fragments.length, 5);
  for (const index of fragments) {
    const [first, second, third] = sent.slice(index - 2, index + 1);
    assert.deepEqual([first!.kind, second!.kind], ["auth", "auth"]);
    assert.deepEqual([second!.at - first!.at, third!.at - second!.at], [3_000, 1_000]);
  }
});

Deno.test("gatherNat() tells a far end that says nothing of a fragment from a NAT", async () => {
  const { open, shut } = await measure(behindNat(3_600, { tells: false }).host);
  assert.deepEqual([open, shut], [null, null]);
});

Deno.test("gatherNat() knows how often a client sends that says nothing of it", async () => {
  const keepaliveOf = async (reply: boolean) => {
    const settings = { ...clientSettings(0), keepalive: null };
    const peers = settings.peers.map((peer) => ({ ...peer, reply }));
    return (await measure(behindNat(3_600).host, { settings: { ...settings, peers } })).keepalive;
  };
  assert.deepEqual([await keepaliveOf(true), await keepaliveOf(false)], [25, 0]);
});

Deno.test("gatherNat() measures nothing where a tunnel stands, or the server lets nobody in", async () => {
  const world = new World();
  await world.begin();
  const looking = new Looking();
  const around = { system: world.clients[0]!.host.start().system, host: looking.host };
  const { length } = world.seen;
  const facts = await gatherNat(await takeSight(clientSettings(0), around, false), around, ACCEPTED);
  assert.match(facts!.problem!, /^a tunnel stands, whose packets keep the way open/);
  assert.equal(world.seen.length, length);
  const { host, sent } = behindNat(12);
  const reach: ReachFacts = { ...ACCEPTED, reach: { kind: "unproven" } };
  assert.equal((await measure(host, { reach })).problem, "the server does not let this client in");
  assert.deepEqual(sent, []);
});

Deno.test("gatherNat() tells why nothing more can be read, and gives back the port", async () => {
  const packets = new Mailbox<Uint8Array>(1);
  packets.fail(new Error("Cannot read replies: ENETDOWN"));
  const nothing = () => {};
  const broken: ReplySocket = {
    packets: () => packets.read(),
    ...{ use: nothing, resume: nothing, pause: nothing, [Symbol.dispose]: nothing },
  };
  const host = newHost({ latency: null }, new VirtualClock());
  const { problem, isHeld } = await measure(host, { parts: { openReplySocket: () => broken } });
  assert.deepEqual([problem, isHeld], ["Cannot read replies: ENETDOWN", false]);
});
