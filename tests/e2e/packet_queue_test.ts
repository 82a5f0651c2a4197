// Sends real packets through real rules between two network namespaces. Needs root and a kernel with nftables and
// nfnetlink_queue: the lab, or a disposable machine.
import assert from "node:assert/strict";
import { constants } from "node:os";
import v8 from "node:v8";
import vm from "node:vm";
import { NETLINK, openNetlink } from "../../ffi/descriptors.ts";
import { Libc } from "../../ffi/libc.ts";
import { PacketQueue } from "../../ffi/packet_queue.ts";
import { EXIT, IpipouError } from "../../lib/errors.ts";
import { queuedPacket } from "../unit/ffi/queue_samples.ts";
import {
  CAP_NET_ADMIN,
  enter,
  FAR,
  listen,
  makeLink,
  openSocket,
  PASSED_TTL,
  QUEUE,
  QUEUED_TTL,
  removeLink,
  run,
  soon,
  udpPacket,
  withoutCapability,
} from "./link.ts";
import { eventually } from "./scenario.ts";

v8.setFlagsFromString("--expose-gc");
const collectGarbage = vm.runInNewContext("gc") as () => void;

function openQueue(options: { maxLength?: number; copyRange?: number } = {}): PacketQueue {
  const { maxLength = 1024, copyRange = 256 } = options;
  using _ = enter(FAR.namespace);
  return PacketQueue.open({ number: QUEUE, maxLength, copyRange });
}

function numbered(number: number): Uint8Array<ArrayBuffer> {
  return udpPacket({ ttl: QUEUED_TTL, payload: new Uint8Array(new Uint32Array([number]).buffer) });
}

/** The reader's netlink port id and packet counts in the queue's line of /proc; null when nobody reads the queue. */
function counters():
  | { reader: number; waiting: number; droppedAsFull: number; droppedUnread: number }
  | null {
  using _ = enter(FAR.namespace);
  const table = Deno.readTextFileSync("/proc/thread-self/net/netfilter/nfnetlink_queue");
  const columns = table.split("\n").map((line) => line.trim().split(/ +/).map(Number)).find(([n]) =>
    n === QUEUE
  );
  if (columns === undefined) return null;
  return {
    reader: columns[1]!,
    waiting: columns[2]!,
    droppedAsFull: columns[5]!,
    droppedUnread: columns[6]!,
  };
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

Deno.test.beforeAll(makeLink);
Deno.test.afterAll(removeLink);

Deno.test("packets() hands out packets unchanged, and none of them is delivered", async () => {
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

Deno.test("packets() truncates packets to copyRange, which may be any number", async () => {
  using socket = openSocket();
  const packet = udpPacket({ ttl: QUEUED_TTL, payload: new Uint8Array(1000).fill(7) });
  for (const copyRange of [28, 101]) {
    using queue = openQueue({ copyRange });
    socket.send(packet, FAR.ip);
    assert.deepEqual(await take(queue.packets(), 1), [packet.slice(0, copyRange)]);
  }
});

Deno.test("packets() loses none of 1,000 packets, survives garbage collection, and lets timers run meanwhile", async () => {
  using queue = openQueue({ maxLength: 1000 });
  using socket = openSocket();
  const sent = Array.from({ length: 1000 }, (_, number) => numbered(number));
  for (const packet of sent) socket.send(packet, FAR.ip);
  await eventually("1,000 packets wait", () => counters()?.waiting === 1000);
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
  const { waiting, droppedAsFull, droppedUnread } = counters()!;
  assert.deepEqual({ waiting, droppedAsFull, droppedUnread }, {
    waiting: 0,
    droppedAsFull: 0,
    droppedUnread: 0,
  });
  assert(receivedAtTimer >= 0 && receivedAtTimer < 1000, `The timer ran after ${receivedAtTimer} packets`);
});

Deno.test("packets() drops several packets at once, and none that it has not copied", async () => {
  using queue = openQueue();
  using socket = openSocket();
  const sent = Array.from({ length: 40 }, (_, number) => numbered(number));
  for (const packet of sent) socket.send(packet, FAR.ip);
  await eventually("40 packets wait", () => counters()?.waiting === 40);
  const packets = queue.packets();
  const first = await take(packets, 1);
  assert.equal(counters()?.waiting, 24);
  assert.deepEqual([...first, ...await take(packets, 39)], sent);
  assert.equal(counters()?.waiting, 0);
});

Deno.test("packets() takes packets of the kernel alone: another process cannot send any", async () => {
  using queue = openQueue();
  using resources = new DisposableStack();
  using libc = new Libc();
  using _ = enter(FAR.namespace);
  const other = openNetlink(libc, "a socket to forge by", NETLINK.netfilter, 0, resources);
  const reader = new Uint32Array([16, counters()!.reader, 0]); // struct sockaddr_nl
  const forged = queuedPacket(1, numbered(1));
  const sent = libc.symbols.sendto(other, forged, BigInt(forged.length), 0, reader, reader.byteLength);
  assert.deepEqual([Number(sent), libc.errno], [-1, constants.errno.ECONNREFUSED]);
  using socket = openSocket();
  socket.send(numbered(2), FAR.ip);
  assert.deepEqual(await take(queue.packets(), 1), [numbered(2)]);
});

Deno.test("PacketQueue.open() limits how many packets wait: the kernel drops the rest", async () => {
  using queue = openQueue({ maxLength: 10 });
  using socket = openSocket();
  for (let number = 0; number < 50; number++) socket.send(numbered(number), FAR.ip);
  await eventually("40 packets are dropped", () => counters()?.droppedAsFull === 40);
  const packets = queue.packets();
  assert.deepEqual(await take(packets, 10), Array.from({ length: 10 }, (_, number) => numbered(number)));
  socket.send(numbered(99), FAR.ip);
  assert.deepEqual(await take(packets, 1), [numbered(99)], "the queue goes on after it was full");
});

Deno.test("packets() goes on after the kernel dropped packets whose device went down", async () => {
  using queue = openQueue();
  using socket = openSocket();
  for (let number = 0; number < 5; number++) socket.send(numbered(number), FAR.ip);
  await eventually("5 packets wait", () => counters()?.waiting === 5);
  await run(`ip -n ${FAR.namespace} link set dev ${FAR.device} down`);
  await run(`ip -n ${FAR.namespace} link set dev ${FAR.device} up`);
  assert.equal(counters()?.waiting, 0);
  const packets = queue.packets();
  await take(packets, 5);
  await eventually("the link is up again", () => {
    socket.send(numbered(6), FAR.ip); // lost until then
    return counters()!.waiting > 0;
  });
  assert.deepEqual(await take(packets, 1), [numbered(6)]);
});

Deno.test("packets() throws an error that the kernel reports, such as a refused verdict", async () => {
  using queue = openQueue();
  using socket = openSocket();
  socket.send(numbered(1), FAR.ip);
  await eventually("the packet waits", () => counters()?.waiting === 1);
  const packets = queue.packets();
  using _ = withoutCapability(CAP_NET_ADMIN);
  assert.deepEqual(await take(packets, 1), [numbered(1)]);
  await assert.rejects(soon(packets.next(), "the error"), (error) => {
    return assertQueueError(error, /^Cannot read netfilter queue 500: EPERM \(Operation not permitted\)$/);
  });
});

Deno.test("disposing ends a waiting packets() and frees the queue number at once", async () => {
  const first = openQueue();
  const waiting = first.packets().next();
  first[Symbol.dispose]();
  using second = openQueue();
  first[Symbol.dispose]();
  assert.deepEqual(await soon(waiting, "the end of packets()"), { done: true, value: undefined });
  using socket = openSocket();
  socket.send(numbered(2), FAR.ip);
  assert.deepEqual(await take(second.packets(), 1), [numbered(2)]);
});

Deno.test("disposing between two packets ends packets()", async () => {
  const queue = openQueue();
  using socket = openSocket();
  for (let number = 0; number < 3; number++) socket.send(numbered(number), FAR.ip);
  await eventually("3 packets wait", () => counters()?.waiting === 3);
  let count = 0;
  for await (const _ of queue.packets()) {
    count++;
    queue[Symbol.dispose]();
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

Deno.test("resize() takes effect while packets wait to be read, without losing any of them", async () => {
  using queue = openQueue({ maxLength: 30 });
  using socket = openSocket();
  for (let number = 0; number < 20; number++) socket.send(numbered(number), FAR.ip);
  await eventually("20 packets wait", () => counters()?.waiting === 20);
  queue.resize(40);
  for (let number = 20; number < 45; number++) socket.send(numbered(number), FAR.ip);
  const packets = queue.packets();
  const taken = await take(packets, 40);
  assert.deepEqual(taken, Array.from({ length: 40 }, (_, number) => numbered(number)));
  socket.send(numbered(99), FAR.ip);
  assert.deepEqual(await take(packets, 1), [numbered(99)]);
});

Deno.test("PacketQueue.open() and resize() take the longest length that there is", async () => {
  const longest = 2 ** 32 - 1;
  using queue = openQueue({ maxLength: longest });
  using socket = openSocket();
  for (const count of [100, 200]) {
    for (let number = count - 100; number < count; number++) socket.send(numbered(number), FAR.ip);
    await eventually(`${count} packets wait`, () => counters()?.waiting === count);
    queue.resize(longest);
  }
  assert.equal((await take(queue.packets(), 200)).length, 200);
});

Deno.test("resize() makes room in the socket for a queue that is much longer", async () => {
  using queue = openQueue({ maxLength: 1 });
  using socket = openSocket();
  queue.resize(1000);
  for (let number = 0; number < 1000; number++) socket.send(numbered(number), FAR.ip);
  await eventually("1,000 packets wait", () => counters()?.waiting === 1000);
  const { droppedAsFull, droppedUnread } = counters()!;
  assert.deepEqual({ droppedAsFull, droppedUnread }, { droppedAsFull: 0, droppedUnread: 0 });
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
      /\(netlink port id \d+ in \/proc\/net\/netfilter\/nfnetlink_queue\): stop that one, or give another --queue-number$/,
    );
    return true;
  });
  first[Symbol.dispose]();
  open()[Symbol.dispose]();
});

Deno.test("PacketQueue.open() reports a missing CAP_NET_ADMIN", () => {
  using _ = withoutCapability(CAP_NET_ADMIN);
  assert.throws(() => PacketQueue.open({ number: QUEUE, maxLength: 1, copyRange: 28 }), (error) => {
    return assertQueueError(
      error,
      /^Cannot bind netfilter queue 500: EPERM \(.*\): CAP_NET_ADMIN is missing$/,
    );
  });
});
