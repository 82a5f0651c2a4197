import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo } from "node:dgram";
import { on, once } from "node:events";
import { RawSocket } from "../../ffi/raw_socket.ts";

/** Prefix of the namespaces' names, as several test files may have a link at the same time. */
const PREFIX = crypto.randomUUID().slice(0, 4);

/** The two ends of the link. */
export const NEAR = { namespace: `${PREFIX}-near`, device: "ffi0", ip: "10.9.0.1" };
export const FAR = { namespace: `${PREFIX}-far`, device: "ffi1", ip: "10.9.0.2" };
/** The netfilter queue of FAR, and the UDP port of the packets that go there. */
export const QUEUE = 500;
export const PORT = 7001;

/** FAR queues packets to PORT with the first TTL, and lets those with the second pass. */
export const QUEUED_TTL = 37;
export const PASSED_TTL = 38;

/** Queues packets to PORT with `QUEUED_TTL`, and drops the others except those with `PASSED_TTL`. */
const RULES = `table ip t {
chain c {
  type filter hook prerouting priority -150
  udp dport ${PORT} ip ttl ${QUEUED_TTL} queue num ${QUEUE}
  udp dport ${PORT} ip ttl != ${PASSED_TTL} drop
}
}`;

export const CAP_NET_ADMIN = 12;
export const CAP_NET_RAW = 13;

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
}).symbols;

/** Runs a command: words separated by single spaces, then arguments that may contain spaces. */
export async function run(words: string, ...last: string[]): Promise<void> {
  const [command, ...args] = words.split(" ");
  const { code, stderr } = await new Deno.Command(command!, { args: [...args, ...last] }).output();
  assert.equal(code, 0, `${words}: ${new TextDecoder().decode(stderr)}`);
}

/** Moves this thread to a network namespace until disposed. Sockets stay in the namespace where they were made. */
export function enter(namespace: string): Disposable {
  const move = (path: string) => {
    const fd = libc.open(new TextEncoder().encode(`${path}\0`), 0);
    assert.equal(libc.setns(fd, 0), 0, `Cannot enter ${path}`);
    libc.close(fd);
  };
  move(`/run/netns/${namespace}`);
  return { [Symbol.dispose]: () => move("/proc/1/ns/net") };
}

/** Takes one capability from this thread until disposed. */
export function withoutCapability(capability: number): Disposable {
  const header = new Uint32Array([0x20080522, 0]); // _LINUX_CAPABILITY_VERSION_3, this thread
  const before = new Uint32Array(6); // twice effective, permitted, inheritable
  assert.equal(libc.capget(header, before), 0);
  const lowered = before.slice();
  lowered[0]! &= ~(1 << capability);
  assert.equal(libc.capset(header, lowered), 0);
  return { [Symbol.dispose]: () => assert.equal(libc.capset(header, before), 0) };
}

/** A complete IPv4 UDP packet from NEAR to FAR, without the optional UDP checksum. */
export function udpPacket(options: { ttl: number; payload: Uint8Array }): Uint8Array<ArrayBuffer> {
  const { ttl, payload } = options;
  const packet = new Uint8Array(28 + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, packet.length);
  view.setUint16(4, 0xbeef); // identification
  view.setUint8(8, ttl);
  view.setUint8(9, 17); // UDP
  packet.set(NEAR.ip.split(".").map(Number), 12);
  packet.set(FAR.ip.split(".").map(Number), 16);
  let sum = 0;
  for (let offset = 0; offset < 20; offset += 2) sum += view.getUint16(offset);
  view.setUint16(10, ~((sum & 0xffff) + (sum >> 16)));
  view.setUint16(20, 4242);
  view.setUint16(22, PORT);
  view.setUint16(24, 8 + payload.length);
  packet.set(payload, 28);
  return packet;
}

/** Opens a raw socket in NEAR. */
export function openSocket(device: string | null = null): RawSocket {
  using _ = enter(NEAR.namespace);
  return new RawSocket({ source: NEAR.ip, device, mark: 0 });
}

/** A UDP socket in FAR, bound to PORT. */
export async function listen(): Promise<AsyncDisposable & { receive(): Promise<[Buffer, RemoteInfo]> }> {
  using _ = enter(FAR.namespace);
  const socket = createSocket("udp4");
  socket.bind(PORT, FAR.ip);
  await once(socket, "listening");
  const messages = on(socket, "message");
  return {
    receive: async () => (await soon(messages.next(), "a datagram")).value as [Buffer, RemoteInfo],
    [Symbol.asyncDispose]: async () => {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

/** Throws if `promise` takes longer than a slow machine could need. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited too long for ${what}`)), 20_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Makes both namespaces, the link between them, and the rules in FAR. Needs root and a kernel with nftables. */
export async function makeLink(): Promise<void> {
  for (const { namespace } of [NEAR, FAR]) await run(`ip netns add ${namespace}`);
  const [near, far] = [NEAR, FAR].map(({ namespace, device }) => `name ${device} netns ${namespace}`);
  await run(`ip link add ${near} type veth peer ${far}`);
  for (const { namespace, device, ip } of [NEAR, FAR]) {
    await run(`ip -n ${namespace} address add ${ip}/24 dev ${device}`);
    await run(`ip -n ${namespace} link set dev ${device} up`);
  }
  await run(`ip netns exec ${FAR.namespace} nft`, RULES);
}

/** Removes both namespaces and everything in them. */
export async function removeLink(): Promise<void> {
  for (const { namespace } of [NEAR, FAR]) await run(`ip netns delete ${namespace}`);
}
