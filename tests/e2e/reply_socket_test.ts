// Sends real datagrams over the loopback device. Needs root, in the lab or on a disposable machine.
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { run } from "../../tools/command.ts";
import { ReplySocket } from "../../ffi/reply_socket.ts";
import { type Datagram, parseUdpPacket } from "../../lib/packet.ts";
import { replyFilter } from "../../lib/reply_filter.ts";
import { innerPacket } from "../unit/inner_packet.ts";

const LOOPBACK = { text: "127.0.0.1", number: 0x7f00_0001 };
const SERVER_PORT = 7101;
const OTHER_PORT = 7102;
const OWN_PORT = 7103;
const LENGTH = 73;

function open(): ReplySocket {
  const source = { ip: LOOPBACK.number, port: SERVER_PORT };
  const filter = replyFilter({ source, port: OWN_PORT, payloadLengths: [LENGTH] });
  return new ReplySocket({ filter, maxLength: 68 + LENGTH });
}

/** Sends datagrams from one port. */
class Sender implements AsyncDisposable {
  readonly #socket: Socket = createSocket("udp4");

  static async bind(port: number): Promise<Sender> {
    const sender = new Sender();
    sender.#socket.bind(port, LOOPBACK.text);
    await once(sender.#socket, "listening");
    return sender;
  }

  async send(payload: Uint8Array, port = OWN_PORT): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#socket.send(payload, port, LOOPBACK.text, (error) => error ? reject(error) : resolve())
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}

function payload(mark: number): Uint8Array {
  return new Uint8Array(LENGTH).fill(mark);
}

async function read(packets: AsyncGenerator<Uint8Array>): Promise<Datagram> {
  const { value } = await packets.next();
  return parseUdpPacket(value as Uint8Array)!;
}

/** Reads what is there up to the packet marked `last`, without waiting for more. */
async function readAll(socket: ReplySocket, last: number): Promise<number[]> {
  const marks: number[] = [];
  for await (const packet of socket.packets()) {
    marks.push(parseUdpPacket(packet)!.payload[0]!);
    if (marks.at(-1) === last) break;
  }
  return marks;
}

Deno.test("packets() hands out copies of what the filter accepts, and of nothing else", async () => {
  await using server = await Sender.bind(SERVER_PORT);
  await using other = await Sender.bind(OTHER_PORT);
  await using owner = await Sender.bind(OWN_PORT);
  using socket = open();
  await other.send(payload(1));
  await server.send(payload(2), OTHER_PORT);
  await server.send(payload(3).slice(1));
  await server.send(innerPacket(LENGTH));
  await owner.send(payload(4), SERVER_PORT);
  await server.send(payload(5));
  const { source, destination, payload: first } = await read(socket.packets());
  assert.deepEqual([source, destination].map(({ ip, port }) => [ip, port]), [
    [LOOPBACK.text, SERVER_PORT],
    [LOOPBACK.text, OWN_PORT],
  ]);
  assert.deepEqual(first, payload(5));
});

Deno.test("ReplySocket reads nothing that arrived before it was opened", async () => {
  await using server = await Sender.bind(SERVER_PORT);
  await server.send(payload(1));
  using socket = open();
  await server.send(payload(2));
  assert.deepEqual(await readAll(socket, 2), [2]);
});

Deno.test("packets() buffers a few replies while nobody reads, and goes on after its buffer was full", async () => {
  await using server = await Sender.bind(SERVER_PORT);
  using socket = open();
  for (let mark = 0; mark < 200; mark++) await server.send(payload(mark));
  const packets = socket.packets();
  let count = 0;
  while ((await read(packets)).payload[0] === count) {
    count++;
    await server.send(payload(255));
  }
  assert.ok(count > 4 && count < 100, `${count} were held`);
});

Deno.test("ReplySocket receives nothing while it is paused, and a byte of some data with a filter that takes samples", async () => {
  await using server = await Sender.bind(SERVER_PORT);
  using socket = open();
  socket.pause();
  await server.send(payload(1));
  socket.resume();
  await server.send(payload(2));
  assert.deepEqual(await readAll(socket, 2), [2]);
  const source = { ip: LOOPBACK.number, port: SERVER_PORT };
  socket.use(replyFilter({ source, port: OWN_PORT, payloadLengths: [LENGTH], samples: true }));
  const packets = socket.packets();
  const samples: Uint8Array[] = [];
  const waiting = packets.next().then(({ value }) => samples.push(value as Uint8Array));
  // Of 64 one is taken, at random.
  while (samples.length === 0) await server.send(innerPacket(LENGTH));
  await waiting;
  assert.deepEqual(samples.map(({ length }) => length), [1]);
});

Deno.test("packets() refuses a second reader; disposing ends the first one, and may be repeated", async () => {
  const socket = open();
  const waiting = socket.packets().next();
  await assert.rejects(socket.packets().next(), /another reader/);
  socket[Symbol.dispose]();
  socket[Symbol.dispose]();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.deepEqual(await socket.packets().next(), { done: true, value: undefined });
});

Deno.test("ReplySocket without CAP_NET_RAW reports that it is not permitted", async () => {
  const module = new URL("../../ffi/reply_socket.ts", import.meta.url);
  const script = `import { ReplySocket } from "${module}"; new ReplySocket({ filter: [], maxLength: 100 });`;
  const bare = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"];
  const { code, stderr } = await run([
    ...bare,
    Deno.execPath(),
    "eval",
    "--no-check",
    "--cached-only",
    script,
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /SysError: Cannot open the socket for replies: .*EPERM/);
});
