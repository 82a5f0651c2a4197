/**
 * What a packet costs from the kernel's netfilter queue to its copy in the program and its verdict: the ffi folders of
 * two or more checkouts are measured in turns, in one run. The first is what the others are compared with.
 */
import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import type { PacketQueue } from "../../ffi/packet_queue.ts";
import type { RawSocket } from "../../ffi/raw_socket.ts";
import { enter, FAR, makeLink, openSocket, QUEUE, QUEUED_TTL, removeLink, udpPacket } from "../e2e/link.ts";
import { eventually } from "../e2e/scenario.ts";
import { print } from "./figures.ts";
import type { Contender } from "./hotpath/contender.ts";
import { type Figure, Results } from "./hotpath/results.ts";

const ROUNDS = 21;
/** Packets that wait when they are read. */
const WAITING = 1024;
/** Packets of which each is sent when the one before was read. */
const SINGLE = 500;
const COPY_RANGE = 256;
/** Of the length of a signed auth packet without a secret. */
const PACKET = udpPacket({ ttl: QUEUED_TTL, payload: new Uint8Array(73) });

const FIGURES = {
  waiting: { name: "1,000 packets that wait", unit: "ms" },
  waitingCpu: { name: "1,000 packets that wait, processor time", unit: "ms" },
  single: { name: "1,000 packets one by one, with their sending", unit: "ms" },
  singleCpu: { name: "1,000 packets one by one, with their sending, processor time", unit: "ms" },
} as const;

const HERE = new URL("../..", import.meta.url).pathname;
const contenders: Contender[] = (Deno.args.length > 0 ? Deno.args : [HERE]).map((path, index) => ({
  name: `${index + 1}: ${path}`,
  executable: path,
  foreign: 0,
}));
const results = new Results();

async function openQueue({ executable: path }: Contender): Promise<PacketQueue> {
  const { PacketQueue: Queue } = await import(`${path}/ffi/packet_queue.ts`);
  using _ = enter(FAR.namespace);
  return Queue.open({ number: QUEUE, maxLength: WAITING, copyRange: COPY_RANGE });
}

function countWaiting(): number {
  using _ = enter(FAR.namespace);
  const table = Deno.readTextFileSync("/proc/thread-self/net/netfilter/nfnetlink_queue");
  return Number(table.trim().split(/ +/)[2]);
}

async function take(packets: AsyncIterator<Uint8Array>): Promise<void> {
  const { value } = await packets.next();
  assert.equal(value.length, PACKET.length);
}

/** Notes what `work` takes for each thousand of its packets. */
async function note(
  contender: Contender | null,
  [time, cpu]: readonly [Figure, Figure],
  count: number,
  work: () => Promise<void>,
): Promise<void> {
  const [start, before] = [performance.now(), cpuUsage()];
  await work();
  const { user, system } = cpuUsage(before);
  if (contender === null) return;
  results.note(time, contender, (performance.now() - start) * 1000 / count);
  results.note(cpu, contender, (user + system) / count);
}

/** @param contender null: only warms up */
async function measure(queue: PacketQueue, socket: RawSocket, contender: Contender | null): Promise<void> {
  const packets = queue.packets(new AbortController().signal)[Symbol.asyncIterator]();
  for (let count = 0; count < WAITING; count++) socket.send(PACKET, FAR.ip);
  await eventually("all packets wait", () => countWaiting() === WAITING);
  await note(contender, [FIGURES.waiting, FIGURES.waitingCpu], WAITING, async () => {
    for (let count = 0; count < WAITING; count++) await take(packets);
  });
  assert.equal(countWaiting(), 0);
  await note(contender, [FIGURES.single, FIGURES.singleCpu], SINGLE, async () => {
    for (let count = 0; count < SINGLE; count++) {
      socket.send(PACKET, FAR.ip);
      await take(packets);
    }
  });
}

await makeLink();
try {
  using socket = openSocket();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      using queue = await openQueue(contender);
      await measure(queue, socket, round === 0 ? null : contender);
    }
    print(`round ${round} of ${ROUNDS}`);
  }
} finally {
  await removeLink();
}
results.print(contenders);
