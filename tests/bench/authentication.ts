/**
 * What it costs a server to find the sender of an auth packet, by the number of its clients: signatures verified,
 * which dominate, and CPU time on this machine. Everything but the packets is the program's own code.
 */
import { cpuUsage } from "node:process";
import type { Registrar } from "../../lib/registrar.ts";
import type { Datagram } from "../../lib/packet.ts";
import { Fleet, place } from "../unit/registrar/fleet.ts";
import { NOW, UNIX } from "../unit/registrar/small_registrar.ts";

const SIZES = [1, 10, 100, 1000];
const MOST = 1000;
/** A size whose results are not printed. It warms up the JIT compiler. */
const WARM_UP = 50;

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Packets that one registrar gets, in order. */
interface Visit {
  readonly registrar: Registrar;
  readonly packets: readonly Datagram[];
}

/** Handles all packets in order, then runs the searches to their end. @returns the cost of a packet, in words */
function measure(visits: readonly Visit[]): string {
  let count = 0;
  let verifications = 0;
  const start = cpuUsage();
  for (const { registrar, packets } of visits) {
    const before = registrar.verifications;
    for (const packet of packets) registrar.handle(packet, NOW, UNIX);
    while (registrar.isSearching) registrar.search(NOW);
    verifications += registrar.verifications - before;
    count += packets.length;
  }
  const { user, system } = cpuUsage(start);
  return `${(verifications / count).toFixed(2)} signatures, ${
    ((user + system) / count).toFixed(0)
  } µs a packet`;
}

/** The numbers below `size`, shuffled, in the same order in every run. */
function shuffled(size: number): number[] {
  return Array.from({ length: size }, (_, index) => (index + 1) * 7919 % size);
}

/** Prints a line for each kind of sender and size. */
export function measureAuthentication(): void {
  for (const size of [WARM_UP, ...SIZES]) {
    const fleet = new Fleet(size);
    const registrar = fleet.registrar();
    const order = shuffled(size);
    // Few clients send as many packets as many clients do: new ones each round, from other addresses.
    const rounds = Array.from({ length: MOST / size }, (_, round) => round * size);
    const packets = (from: number, isOld: boolean) =>
      order.map((client) => fleet.packet(client, place(from + client), { isOld }));
    const visits = (from: number, isOld: boolean) =>
      rounds.map((round): Visit => ({ registrar, packets: packets(from + round, isOld) }));
    const arrivals = (isOld: boolean) =>
      rounds.map((): Visit => ({ registrar: fleet.registrar(), packets: packets(0, isOld) }));
    const junk = Array.from({ length: 50 }, (_, number) => fleet.junk(place(60_000 + number)));
    for (const packet of packets(0, false)) registrar.handle(packet, NOW, UNIX);
    const results = [
      ["first contact, with hints", measure(arrivals(false))],
      ["all at once, version 0.1", measure(arrivals(true))],
      ["where it was before", measure(rounds.map(() => ({ registrar, packets: packets(0, true) })))],
      ["moved to another address, with hints", measure(visits(10_000, false))],
      ["moved to another address, version 0.1", measure(visits(20_000, true))],
      ["junk", measure([{ registrar, packets: junk }])],
    ];
    if (size === WARM_UP) continue;
    for (const [what, result] of results) print(`${size} clients, ${what}: ${result}`);
  }
}
