/**
 * What it costs a server to know whose packet it is, by how many clients it has: signatures verified, which is what
 * counts, and processor time on this machine. Everything but the packets themselves is the program's own.
 */
import { cpuUsage } from "node:process";
import type { Registrar } from "../../lib/registrar.ts";
import type { Datagram } from "../../lib/packet.ts";
import { Fleet, place } from "../unit/registrar/fleet.ts";
import { NOW, UNIX } from "../unit/registrar/small_registrar.ts";

const SIZES = [1, 10, 100, 1000];
const MOST = 1000;
/** A size that is not told of: the compiler has seen everything once then. */
const WARM_UP = 50;

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** What comes to a registrar, one after the other. */
interface Visit {
  readonly registrar: Registrar;
  readonly packets: readonly Datagram[];
}

/** Handles all packets as they come, then searches to the end; tells what a packet took. */
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

/** The numbers below `size` in no order, the same in every run: a prime's multiples. */
function shuffled(size: number): number[] {
  return Array.from({ length: size }, (_, index) => (index + 1) * 7919 % size);
}

/** Prints a line for each kind of sender and size. */
export function measureAuthentication(): void {
  for (const size of [WARM_UP, ...SIZES]) {
    const fleet = new Fleet(size);
    const registrar = fleet.registrar();
    const order = shuffled(size);
    // As many packets for few clients as for many: new ones each time, from other addresses.
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
