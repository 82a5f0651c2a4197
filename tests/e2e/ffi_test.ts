// Real packets through real rules between two network namespaces that this file makes. Needs root and a kernel with
// nftables and nfnetlink_queue: the lab, or a machine of one's own.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo } from "node:dgram";
import { on, once } from "node:events";
import v8 from "node:v8";
import vm from "node:vm";
import { RawSocket } from "../../ffi/raw_socket.ts";
import { PacketQueue } from "../../ffi/packet_queue.ts";
import { EXIT, IpipouError } from "../../lib/errors.ts";

const NEAR = { namespace: "ffi-near", device: "ffi0", ip: "10.9.0.1" };
const FAR = { namespace: "ffi-far", device: "ffi1", ip: "10.9.0.2" };
const QUEUE = 500;
const PORT = 7001;

/** The far end queues what comes to PORT with this TTL, and lets through what comes with another. */
const QUEUED_TTL = 37;
const PASSED_TTL = 38;

/** Sends `QUEUED_TTL` to the queue and lets nothing but `PASSED_TTL` pass to PORT. */
const RULES = `table ip t {
chain c {
  type filter hook prerouting priority -150
  udp dport ${PORT} ip ttl ${QUEUED_TTL} queue num ${QUEUE}
  udp dport ${PORT} ip ttl != ${PASSED_TTL} drop
}
}`;

const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;

v8.setFlagsFromString("--expose-gc");
const collectGarbage = vm.runInNewContext("gc") as () => void;

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
}).symbols;

/** Runs a command given as words with single spaces between, and perhaps one more argument as it is. */
async function run(words: string, ...last: string[]): Promise<void> {
  const [command, ...args] = words.split(" ");
  const { code, stderr } = await new Deno.Command(command!, { args: [...args, ...last] }).output();
  assert.equal(code, 0, `${words}: ${new TextDecoder().decode(stderr)}`);
}

/** Moves this thread to a network namespace until disposed. Sockets stay where they were made. */
function enter(namespace: string): Disposable {
  const move = (path: string) => {
    const fd = libc.open(new TextEncoder().encode(`${path}\0`), 0);
    assert.equal(libc.setns(fd, 0), 0, `Cannot enter ${path}`);
    libc.close(fd);
  };
  move(`/run/netns/${namespace}`);
  return { [Symbol.dispose]: () => move("/proc/1/ns/net") };
}

/** Takes one capability from this thread until disposed. */
function withoutCapability(capability: number): Disposable {
  const header = new Uint32Array([0x20080522, 0]); // _LINUX_CAPABILITY_VERSION_3, this thread
  const before = new Uint32Array(6); // twice effective, permitted, inheritable
  assert.equal(libc.capget(header, before), 0);
  const lowered = before.slice();
  lowered[0]! &= ~(1 << capability);
  assert.equal(libc.capset(header, lowered), 0);
  return { [Symbol.dispose]: () => assert.equal(libc.capset(header, before), 0) };
}

/** An IPv4 UDP packet from NEAR to FAR, complete but for the optional UDP checksum. */
function udpPacket(options: { ttl: number; payload: Uint8Array }): Uint8Array<ArrayBuffer> {
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

function numbered(number: number): Uint8Array<ArrayBuffer> {
  return udpPacket({ ttl: QUEUED_TTL, payload: new Uint8Array(new Uint32Array([number]).buffer) });
}

function openQueue(options: { maxLength?: number; copyRange?: number } = {}): PacketQueue {
  const { maxLength = 1024, copyRange = 256 } = options;
  using _ = enter(FAR.namespace);
  return PacketQueue.open({ number: QUEUE, maxLength, copyRange });
}

function openSocket(device: string | null = null): RawSocket {
  using _ = enter(NEAR.namespace);
  return RawSocket.open({ device });
}

/** A UDP socket on PORT of FAR. */
async function listen(): Promise<AsyncDisposable & { receive(): Promise<[Buffer, RemoteInfo]> }> {
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

/** The columns that count packets in the queue's line of the kernel's table; null when nobody reads the queue. */
function counters(): { waiting: number; droppedAsFull: number; droppedUnread: number } | null {
  using _ = enter(FAR.namespace);
  const table = Deno.readTextFileSync("/proc/thread-self/net/netfilter/nfnetlink_queue");
  const columns = table.split("\n").map((line) => line.trim().split(/ +/).map(Number)).find(([n]) =>
    n === QUEUE
  );
  if (columns === undefined) return null;
  return { waiting: columns[2]!, droppedAsFull: columns[5]!, droppedUnread: columns[6]! };
}

/** Fails when `promise` takes longer than a slow machine could need. */
async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
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

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    assert(performance.now() < deadline, `Waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function take(packets: AsyncGenerator<Uint8Array>, count: number): Promise<Uint8Array[]> {
  const taken: Uint8Array[] = [];
  while (taken.length < count) {
    const { value } = await soon(packets.next(), `packet ${taken.length} of ${count}`);
    assert(value, `The queue ended after ${taken.length} of ${count} packets`);
    taken.push(value);
  }
  return taken;
}

function assertQueueError(error: unknown, message: RegExp): true {
  assert(error instanceof IpipouError, String(error));
  assert.match(error.message, message);
  assert.equal(error.exitCode, EXIT.queue);
  return true;
}

Deno.test.beforeAll(async () => {
  for (const { namespace } of [NEAR, FAR]) await run(`ip netns add ${namespace}`);
  const [near, far] = [NEAR, FAR].map(({ namespace, device }) => `name ${device} netns ${namespace}`);
  await run(`ip link add ${near} type veth peer ${far}`);
  for (const { namespace, device, ip } of [NEAR, FAR]) {
    await run(`ip -n ${namespace} address add ${ip}/24 dev ${device}`);
    await run(`ip -n ${namespace} link set dev ${device} up`);
  }
  await run(`ip netns exec ${FAR.namespace} nft`, RULES);
});

Deno.test.afterAll(async () => {
  for (const { namespace } of [NEAR, FAR]) await run(`ip netns delete ${namespace}`);
});

Deno.test("packets() hands out packets byte by byte, and none of them is delivered", async () => {
  using queue = openQueue();
  using socket = openSocket();
  await using receiver = await listen();
  const sent = [0, 1, 73, 200].map((length) =>
    udpPacket({ ttl: QUEUED_TTL, payload: crypto.getRandomValues(new Uint8Array(length)) })
  );
  for (const packet of sent) socket.send(packet, FAR.ip);
  assert.deepEqual(await take(queue.packets(), sent.length), sent);
  const passed = udpPacket({ ttl: PASSED_TTL, payload: new TextEncoder().encode("after the queue") });
  socket.send(passed, FAR.ip);
  const [first] = await receiver.receive();
  assert.deepEqual(new Uint8Array(first), passed.slice(28), "a queued packet was delivered");
});

Deno.test("packets() cuts packets longer than copyRange, which may be any number", async () => {
  using socket = openSocket();
  const packet = udpPacket({ ttl: QUEUED_TTL, payload: new Uint8Array(1000).fill(7) });
  for (const copyRange of [28, 101]) {
    using queue = openQueue({ copyRange });
    socket.send(packet, FAR.ip);
    assert.deepEqual(await take(queue.packets(), 1), [packet.slice(0, copyRange)]);
  }
});

Deno.test("packets() loses none of 1,000 packets, survives garbage collections, and lets timers run meanwhile", async () => {
  using queue = openQueue({ maxLength: 1000 });
  using socket = openSocket();
  const sent = Array.from({ length: 1000 }, (_, number) => numbered(number));
  for (const packet of sent) socket.send(packet, FAR.ip);
  await until(() => counters()?.waiting === 1000, "1,000 packets in the queue");
  const received: Uint8Array[] = [];
  let receivedAtTimer = -1;
  const timer = setTimeout(() => receivedAtTimer = received.length, 0);
  for await (const packet of queue.packets()) {
    received.push(packet);
    if (received.length % 100 === 0) collectGarbage();
    if (received.length === sent.length) break;
  }
  clearTimeout(timer);
  assert.deepEqual(received, sent);
  assert.deepEqual(counters(), { waiting: 0, droppedAsFull: 0, droppedUnread: 0 });
  assert(receivedAtTimer >= 0 && receivedAtTimer < 1000, `The timer ran after ${receivedAtTimer} packets`);
});

Deno.test("PacketQueue.open() bounds what waits: the kernel drops the rest", async () => {
  using queue = openQueue({ maxLength: 10 });
  using socket = openSocket();
  for (let number = 0; number < 50; number++) socket.send(numbered(number), FAR.ip);
  await until(() => counters()?.droppedAsFull === 40, "40 dropped packets");
  const packets = queue.packets();
  assert.deepEqual(await take(packets, 10), Array.from({ length: 10 }, (_, number) => numbered(number)));
  socket.send(numbered(99), FAR.ip);
  assert.deepEqual(await take(packets, 1), [numbered(99)], "the queue goes on after it was full");
});

Deno.test("packets() goes on after the kernel dropped packets whose device went down", async () => {
  using queue = openQueue();
  using socket = openSocket();
  for (let number = 0; number < 5; number++) socket.send(numbered(number), FAR.ip);
  await until(() => counters()?.waiting === 5, "5 packets in the queue");
  await run(`ip -n ${FAR.namespace} link set dev ${FAR.device} down`);
  await run(`ip -n ${FAR.namespace} link set dev ${FAR.device} up`);
  assert.equal(counters()?.waiting, 0);
  const packets = queue.packets();
  await take(packets, 5);
  await until(() => {
    socket.send(numbered(6), FAR.ip); // lost as long as the link is not up again
    return counters()!.waiting > 0;
  }, "the link");
  assert.deepEqual(await take(packets, 1), [numbered(6)]);
});

Deno.test("packets() throws what the kernel reports, here a verdict it refused", async () => {
  using queue = openQueue();
  using socket = openSocket();
  socket.send(numbered(1), FAR.ip);
  await until(() => counters()?.waiting === 1, "the packet");
  const packets = queue.packets();
  using _ = withoutCapability(CAP_NET_ADMIN);
  assert.deepEqual(await take(packets, 1), [numbered(1)]);
  await assert.rejects(soon(packets.next(), "the error"), (error) => {
    return assertQueueError(error, /^Cannot read netfilter queue 500: EPERM \(Operation not permitted\)$/);
  });
});

Deno.test("close() ends a waiting packets() and frees the number at once", async () => {
  const first = openQueue();
  const waiting = first.packets().next();
  first.close();
  using second = openQueue();
  first.close();
  assert.deepEqual(await soon(waiting, "the end of packets()"), { done: true, value: undefined });
  using socket = openSocket();
  socket.send(numbered(2), FAR.ip);
  assert.deepEqual(await take(second.packets(), 1), [numbered(2)]);
});

Deno.test("close() between two packets ends packets()", async () => {
  const queue = openQueue();
  using socket = openSocket();
  for (let number = 0; number < 3; number++) socket.send(numbered(number), FAR.ip);
  await until(() => counters()?.waiting === 3, "3 packets in the queue");
  let count = 0;
  for await (const _ of queue.packets()) {
    count++;
    queue.close();
  }
  assert.equal(count, 1);
  assert.equal(counters(), null);
});

Deno.test("packets() ends when its signal aborts, and the queue can be read again", async () => {
  using queue = openQueue();
  using socket = openSocket();
  const controller = new AbortController();
  const waiting = queue.packets(controller.signal).next();
  await assert.rejects(queue.packets().next(), /another reader/);
  controller.abort();
  assert.deepEqual(await soon(waiting, "the end of packets()"), { done: true, value: undefined });
  assert.deepEqual(await queue.packets(controller.signal).next(), { done: true, value: undefined });
  socket.send(numbered(3), FAR.ip);
  assert.deepEqual(await take(queue.packets(), 1), [numbered(3)]);
});

Deno.test("PacketQueue.open() fails with exit code 20 when the queue is taken, and works once it is free", () => {
  const open = () => PacketQueue.open({ number: QUEUE, maxLength: 1, copyRange: 28 });
  const first = open();
  assert.throws(open, (error) => {
    assertQueueError(
      error,
      /^Cannot bind netfilter queue 500: EPERM \(Operation not permitted\): another process/,
    );
    const { message } = error as Error;
    assert.match(
      message,
      /\(netlink port id \d+ in \/proc\/net\/netfilter\/nfnetlink_queue\), choose another/,
    );
    return true;
  });
  first.close();
  open().close();
});

Deno.test("PacketQueue.open() says when CAP_NET_ADMIN is missing", () => {
  using _ = withoutCapability(CAP_NET_ADMIN);
  assert.throws(() => PacketQueue.open({ number: QUEUE, maxLength: 1, copyRange: 28 }), (error) => {
    return assertQueueError(
      error,
      /^Cannot bind netfilter queue 500: EPERM \(.*\): CAP_NET_ADMIN is missing$/,
    );
  });
});

Deno.test("RawSocket sends a packet as it is: payload, source and TTL arrive", async () => {
  await using receiver = await listen();
  for (const device of [null, NEAR.device]) {
    using socket = openSocket(device);
    const payload = crypto.getRandomValues(new Uint8Array(73));
    socket.send(udpPacket({ ttl: PASSED_TTL - 10, payload: new Uint8Array(1) }), FAR.ip); // RULES drop this TTL
    socket.send(udpPacket({ ttl: PASSED_TTL, payload }), FAR.ip);
    const [received, from] = await receiver.receive();
    assert.deepEqual(new Uint8Array(received), payload);
    assert.deepEqual([from.address, from.port], [NEAR.ip, 4242]);
  }
});

Deno.test("RawSocket tells why it cannot open or send", () => {
  assert.throws(() => openSocket("ffi-none"), {
    message: "Cannot bind the raw socket to device ffi-none: ENODEV (No such device)",
  });
  {
    using _ = withoutCapability(CAP_NET_RAW);
    assert.throws(() => openSocket(), {
      message: "Cannot open a raw socket: EPERM (Operation not permitted)",
    });
  }
  const socket = openSocket();
  const packet = numbered(0);
  assert.throws(() => socket.send(packet, "203.0.113.1"), {
    message: "Cannot send to 203.0.113.1: ENETUNREACH (Network is unreachable)",
    call: "sendto",
  });
  assert.throws(() => socket.send(packet, "10.9.0.256"), TypeError);
  socket.close();
  socket.close();
  assert.throws(() => socket.send(packet, FAR.ip), /the raw socket is closed/);
});

Deno.test("resize() takes effect while packets wait to be read, and loses none of them", async () => {
  using queue = openQueue({ maxLength: 30 });
  using socket = openSocket();
  for (let number = 0; number < 20; number++) socket.send(numbered(number), FAR.ip);
  await until(() => counters()?.waiting === 20, "the packets");
  queue.resize(40);
  for (let number = 20; number < 45; number++) socket.send(numbered(number), FAR.ip);
  const packets = queue.packets();
  const taken = await take(packets, 40);
  assert.deepEqual(taken, Array.from({ length: 40 }, (_, number) => numbered(number)));
  socket.send(numbered(99), FAR.ip);
  assert.deepEqual(await take(packets, 1), [numbered(99)]);
});
