import { HEARTBEAT_SECONDS } from "../client.ts";
import { AuthSender } from "../daemon/authentication.ts";
import type { Setup } from "../daemon/client_setup.ts";
import { Probe } from "../daemon/probe.ts";
import { Sender, socketOptions } from "../daemon/sender.ts";
import { parseIpv4 } from "../ipv4.ts";
import { Log } from "../log.ts";
import { MAX_HEADERS_LENGTH, parseUdpPacket } from "../packet.ts";
import type { ReplySocket } from "../ports.ts";
import { datagramFilter } from "../reply_filter.ts";
import { use } from "../use.ts";
import { buildFragment, isAboutFragment } from "./fragment.ts";
import { authWay } from "./gather_reach.ts";
import { FRAGMENT_SECONDS, type NatFacts, searchOpen } from "./nat.ts";
import { type ReachFacts, whyUnasked } from "./reach.ts";
import type { InstanceSystem, Sight } from "./sight.ts";

/** Milliseconds that a fragment's answer may take beyond its time. */
const GRACE = 5_000;
/** Milliseconds from each auth packet that brings the way into use on: at least, and at most if no reply comes. */
const USE = [3_000, 1_000];
const LONGEST_USE = 10_000;
const INNER_TTL = 64;
/** A datagram that no tunnel takes for one of its packets. */
const NOTHING = Uint8Array.of(0);

/**
 * Measures how long the way from a client's server is open while nothing is sent: the server's host gets a fragment
 * through the tunnel, and tells half a minute later that the others are missing, however long nothing has been sent since.
 *
 * @param reach whether the server accepts this client
 * @returns null: there is no way to measure
 */
export async function gatherNat(
  sight: Sight,
  { system, host }: InstanceSystem,
  reach: ReachFacts,
): Promise<NatFacts | null> {
  const { settings, outside } = sight;
  const way = "lack" in outside ? null : authWay(sight, outside);
  if (way === null) return null;
  const { setup, stands } = way;
  const { keepalive, peers: [peer] } = settings;
  const facts = {
    ...{ open: null, shut: null },
    keepalive: keepalive ?? (peer!.reply ? HEARTBEAT_SECONDS : 0),
  };
  if (stands) {
    return { ...facts, problem: "a tunnel stands, whose packets keep the way open: stop the client first" };
  }
  const unasked = whyUnasked(reach);
  if (unasked !== null) return { ...facts, problem: unasked };
  try {
    // Else this host would tell the server that nobody has the port.
    using _port = host.holdPort(
      { ip: setup.outside.ip, port: setup.settings.local.ports[0] },
      setup.outside.link,
    );
    const found = await searchOpen((seconds) => isOpenAfter(seconds, setup, system));
    return { ...facts, problem: null, ...found };
  } catch (error) {
    return { ...facts, problem: (error as Error).message };
  } finally {
    sayGoodbye(setup, system);
  }
}

async function isOpenAfter(
  seconds: number,
  setup: Setup,
  system: InstanceSystem["system"],
): Promise<boolean> {
  const { settings: { peers: [peer], local: { ports }, authPacketTtl }, remote, outside } = setup;
  const { clock, random } = system;
  const source = { ip: outside.ip, port: ports[0] };
  const id = random.bytes(4);
  using sender = new Sender(system, socketOptions(outside, setup.settings));
  using socket = system.openReplySocket({
    filter: datagramFilter({ source: { ip: parseIpv4(remote.ip)!, port: remote.port }, port: ports[0] }),
    maxLength: MAX_HEADERS_LENGTH + 100,
  });
  const send = (payload: Uint8Array) => sender.send({ source, destination: remote, payload }, authPacketTtl);
  const hearing = hears(socket, id);
  const over = new AbortController();
  hearing.then(() => over.abort(), () => over.abort());
  const { ip, peerIp } = peer!.tunnel;
  await makeUse(setup, system);
  const end = clock.now() + FRAGMENT_SECONDS * 1_000;
  send(buildFragment(ip, peerIp, id, INNER_TTL));
  if (seconds < FRAGMENT_SECONDS) {
    await clock.waitUntil(end - seconds * 1_000);
    send(NOTHING);
  }
  await clock.waitUntil(end + GRACE, over.signal);
  socket[Symbol.dispose]();
  return await hearing;
}

/**
 * Has the way used in both directions. The server may have parked this client, which said good-bye before. NATs keep a
 * way for longer that was in use both ways for more than a moment, as a client's is.
 */
async function makeUse(setup: Setup, system: InstanceSystem["system"]): Promise<void> {
  const { clock } = system;
  const log = new Log({ verbosity: 0, time: false, pid: null, write: () => {}, now: () => new Date() });
  let answered = new AbortController();
  using probe = new Probe(setup, { system, log }, () => answered.abort());
  for (const least of USE) {
    answered = new AbortController();
    const began = clock.now();
    probe.send();
    await clock.waitUntil(began + LONGEST_USE, answered.signal);
    await clock.waitUntil(began + least);
  }
}

/** Whether an answer to the fragment comes before the socket is closed. */
async function hears(socket: ReplySocket, id: Uint8Array): Promise<boolean> {
  for await (const packet of socket.packets()) {
    if (isAboutFragment(parseUdpPacket(packet)?.payload ?? NOTHING, id)) return true;
  }
  return false;
}

function sayGoodbye(setup: Setup, system: InstanceSystem["system"]): void {
  try {
    use(new AuthSender(setup, system), (sender) => sender.sayGoodbye());
  } catch {
    // The server finds out by itself.
  }
}
