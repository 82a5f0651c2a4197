import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { parseIpv4 } from "../../../lib/ipv4.ts";
import { buildUdpPacket } from "../../../lib/packet.ts";
import { replyFilter } from "../../../lib/reply_filter.ts";
import { VirtualClock } from "./clock.ts";
import type { FakePacketQueue } from "./packet_queue.ts";
import { ADDRESS, newHost } from "./scene.ts";
import { FakeServiceManager, SeededRandom } from "./surroundings.ts";

const QUEUE = { number: 7, maxLength: 2, copyRange: 100 };
const OWN = ADDRESS;
const SERVER = { ip: "198.51.100.1", port: 10_001 };

function datagram(payload: Uint8Array, source = SERVER): Uint8Array {
  return buildUdpPacket({ source, destination: { ip: ADDRESS, port: 10_002 }, payload }, 64);
}

/** The next item of an iterable; null if it has ended. */
async function next<T>(iterator: AsyncIterator<T>): Promise<T | null> {
  const { done, value } = await iterator.next();
  return done ? null : value;
}

Deno.test("FakePacketQueue has one holder, and keeps a limited number of packets", async () => {
  const host = newHost();
  const { system } = host.start();
  const queue = system.openPacketQueue(QUEUE) as FakePacketQueue;
  assert.throws(
    () => host.start().system.openPacketQueue(QUEUE),
    (error) => error instanceof IpipouError && error.exitCode === EXIT.queue,
  );
  assert.deepEqual([1, 2, 3].map((byte) => queue.put(Uint8Array.of(byte))), [true, true, false]);
  queue.resize(3);
  assert.deepEqual([queue.put(Uint8Array.of(4)), queue.dropped], [true, 1]);
  const stop = new AbortController();
  const reader = queue.packets(stop.signal)[Symbol.asyncIterator]();
  for (const byte of [1, 2, 4]) assert.deepEqual(await next(reader), Uint8Array.of(byte));
  const last = next(reader);
  stop.abort();
  assert.equal(await last, null);
  const again = queue.packets(new AbortController().signal)[Symbol.asyncIterator]();
  const failing = next(again);
  queue.fail();
  await assert.rejects(failing, { exitCode: EXIT.queue });
  queue[Symbol.dispose]();
  host.start().system.openPacketQueue(QUEUE)[Symbol.dispose]();
});

Deno.test("FakeRawSocket sends by routes or by its device, and fails as the kernel does", () => {
  const sent: Uint8Array[] = [];
  const host = newHost({ onSent: (packet) => sent.push(packet) });
  const { system } = host.start();
  const packet = datagram(new Uint8Array(5));
  const open = (device: string | null, source = OWN) => system.openRawSocket({ source, device, mark: 0 });
  const [bound, free] = [open("eth0"), open(null)];
  assert.throws(() => open("nope"), { name: "SysError", code: "ENODEV" });
  assert.throws(() => open("eth0", "10.9.9.9"), { name: "SysError", code: "EADDRNOTAVAIL" });
  bound.send(packet, SERVER.ip);
  free.send(packet, SERVER.ip);
  assert.deepEqual(sent, [packet, packet]);
  host.kernel.ip("route delete default dev eth0 proto boot");
  assert.throws(() => bound.send(packet, SERVER.ip), {
    message: `Cannot send to ${SERVER.ip}: ENETUNREACH (no route from ${OWN} by eth0)`,
  });
  assert.throws(() => free.send(packet, SERVER.ip), {
    message: `Cannot send to ${SERVER.ip}: ENETUNREACH (Network is unreachable)`,
  });
  host.sendError = "ENOBUFS";
  assert.throws(() => bound.send(packet, SERVER.ip), { code: "ENOBUFS" });
  host.sendError = null;
  host.kernel.ip("link delete dev eth0");
  host.kernel.addDevice("eth0");
  assert.throws(() => bound.send(packet, SERVER.ip), { code: "ENODEV" }, "it is another device");
  bound[Symbol.dispose]();
  assert.throws(() => bound.send(packet, SERVER.ip), TypeError);
  assert.equal(sent.length, 2);
});

Deno.test("FakeReplySocket reads the datagrams that its filter accepts, truncated to its length", async () => {
  const host = newHost();
  const { system } = host.start();
  const source = { ip: parseIpv4(SERVER.ip)!, port: SERVER.port };
  const filter = replyFilter({ source, port: 10_002, payloadLengths: [24] });
  const socket = system.openReplySocket({ filter, maxLength: 40 });
  const reply = datagram(new Uint8Array(24).fill(9));
  host.receive(datagram(new Uint8Array(25)));
  host.receive(datagram(new Uint8Array(24).fill(9), { ...SERVER, port: 1 }));
  for (let count = 0; count < 20; count++) host.receive(reply);
  const reader = socket.packets()[Symbol.asyncIterator]();
  for (let count = 0; count < 10; count++) assert.deepEqual(await next(reader), reply.slice(0, 40));
  const last = next(reader);
  socket[Symbol.dispose]();
  assert.equal(await last, null);
  assert.equal(host.replySockets.size, 0);
});

Deno.test("FakeNews reports each change once, the transactions of one table, and an overflow", async () => {
  const host = newHost();
  const process = host.start();
  const { system } = process;
  using news = system.openNews("mine");
  using bare = system.openNews(null);
  const stop = new AbortController();
  let isWoken = false;
  news.wait(stop.signal).then(() => isWoken = true);
  host.kernel.nft(["add table ip other"]);
  await Promise.resolve();
  assert.deepEqual([isWoken, news.changes()], [false, []]);
  host.kernel.nft(["add table ip mine", "add chain ip mine a"]);
  await host.clock.settle();
  assert.deepEqual([isWoken, news.changes(), news.changes()], [
    true,
    [{ kind: "table", chains: ["", "a"], onlyRemoves: false }],
    [],
  ]);
  host.kernel.ip("address add 10.0.0.1/32 dev eth0");
  const { index } = host.kernel.devices.get("eth0")!;
  assert.deepEqual(bare.changes(), [
    { kind: "address", index, ip: "10.0.0.1", isGone: false },
    { kind: "route", network: "10.0.0.1/32", protocol: 2, isGone: false },
  ]);
  process.news[0]!.overflow();
  assert.deepEqual(news.changes(), [{ kind: "unknown", of: "others" }, { kind: "unknown", of: "tables" }]);
  const waiting = news.wait(stop.signal);
  stop.abort();
  await waiting;
});

Deno.test("the lock has one holder at a time, in the order of requests, and skips dead processes", async () => {
  const host = newHost();
  const [first, second, third] = [host.start(), host.start(), host.start()];
  const log: string[] = [];
  const held = await first!.system.locks.namespace();
  second!.system.locks.namespace().then(() => log.push("second"));
  third!.system.locks.namespace().then((lock) => {
    log.push("third");
    lock[Symbol.dispose]();
  });
  second!.kill();
  assert.equal(host.lock.waiting, 1);
  held[Symbol.dispose]();
  await host.clock.settle();
  assert.deepEqual([log, host.lock.isTaken], [["third"], false]);
  await third!.system.locks.namespace();
  third!.kill();
  assert.equal(host.lock.isTaken, false);
});

Deno.test("a killed process receives nothing and has no effect", async () => {
  const clock = new VirtualClock();
  const sent: Uint8Array[] = [];
  const host = newHost({ onSent: (packet) => sent.push(packet) }, clock);
  const manager = new FakeServiceManager(clock);
  const process = host.start(manager);
  const { system } = process;
  const log: string[] = [];
  const queue = system.openPacketQueue(QUEUE);
  const socket = system.openRawSocket({ source: OWN, device: null, mark: 0 });
  (async () => {
    for await (const _ of queue.packets(new AbortController().signal)) log.push("packet");
    log.push("end of packets");
  })();
  system.clock.waitUntil(clock.now() + 10).then(() => log.push("time"));
  system.openNews(null).wait(new AbortController().signal).then(() => log.push("news"));
  system.resolve("nowhere.example").catch(() => log.push("no such host"));
  process.kill();
  host.kernel.ip("address add 10.0.0.1/32 dev eth0");
  system.runProgram("ip", ["-batch", "-"], "link delete dev eth0\n", 1_000).then(() => log.push("program"));
  system.openServiceManager()!.send("READY=1");
  socket.send(datagram(new Uint8Array()), SERVER.ip);
  await clock.advance(1_000);
  assert.deepEqual([log, sent, manager.messages, clock.pending], [[], [], [], 0]);
  assert.ok(host.kernel.devices.has("eth0"));
  host.start().system.openPacketQueue(QUEUE)[Symbol.dispose]();
});

Deno.test("FakeResolver finds names while they exist, at once or with a delay", async () => {
  const clock = new VirtualClock();
  const host = newHost({}, clock);
  const { resolve } = host.start().system;
  host.resolver.addresses.set("server.example", SERVER.ip);
  assert.equal(await resolve("server.example"), SERVER.ip);
  assert.equal(await resolve("192.0.2.9"), "192.0.2.9");
  host.resolver.addresses.delete("server.example");
  await assert.rejects(resolve("server.example"), { code: "ENOTFOUND" });
  host.resolver.delay = 5_000;
  let code: string | null = null;
  resolve("server.example").catch((error) => code = error.code);
  await clock.advance(4_999);
  assert.equal(code, null);
  await clock.advance(1);
  assert.equal(code, "ENOTFOUND");
});

Deno.test("FakeServiceManager records what it is told", () => {
  const manager = new FakeServiceManager(new VirtualClock(0, 2.5));
  manager.send("READY=1\nSTATUS=up");
  manager.send("STATUS=down");
  assert.deepEqual([manager.last("READY"), manager.last("STATUS"), manager.last("X")], ["1", "down", null]);
  assert.equal(manager.time, 2_500n);
  manager.isAway = true;
  assert.throws(() => manager.send("x"), { code: "ECONNREFUSED" });
});

Deno.test("SeededRandom gives the same values for the same seed, and covers its range", () => {
  const draw = (seed: number) =>
    Array.from({ length: 1_000 }, ((random) => () => random.fraction())(new SeededRandom(seed)));
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
  const numbers = draw(3);
  assert.ok(Math.min(...numbers) < 0.01 && Math.max(...numbers) > 0.99 && Math.max(...numbers) < 1);
  assert.equal(new SeededRandom(1).bytes(8).length, 8);
});
