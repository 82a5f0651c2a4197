/**
 * What it costs a server to know whose packet it is, by how many clients it has: signatures verified, which is what
 * counts, and processor time on this machine. Everything but the packets themselves is the program's own.
 */
import { cpuUsage } from "node:process";
import type { Gate } from "../../lib/gate.ts";
import type { Datagram } from "../../lib/packet.ts";
import { Fleet, NOW, place, UNIX } from "../unit/gate/fleet.ts";

const SIZES = [1, 10, 100, 1000];

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Handles all packets as they come, then searches to the end; tells what a packet took. */
function measure(gate: Gate, packets: readonly Datagram[]): string {
  const before = gate.verifications;
  const start = cpuUsage();
  for (const packet of packets) gate.handle(packet, NOW, UNIX);
  while (gate.isSearching) gate.search(NOW);
  const { user, system } = cpuUsage(start);
  const each = (gate.verifications - before) / packets.length;
  return `${each.toFixed(2)} signatures, ${((user + system) / packets.length).toFixed(0)} µs`;
}

/** The numbers below `size` in no order, the same in every run: a prime's multiples. */
function shuffled(size: number): number[] {
  return Array.from({ length: size }, (_, index) => (index + 1) * 7919 % size);
}

/** Prints a line for each kind of sender and size. */
export function measureAuthentication(): void {
  for (const size of SIZES) {
    const fleet = new Fleet(size);
    const gate = fleet.gate();
    const order = shuffled(size);
    const packets = (from: number, isOld: boolean) =>
      order.map((client) => fleet.packet(client, place(from + client), { isOld }));
    const tell = (what: string, result: string) => print(`${size} clients, ${what}: ${result} a packet`);
    tell("first contact, with hints", measure(gate, packets(0, false)));
    tell("where it was before", measure(gate, packets(0, true)));
    tell("moved to another address, with hints", measure(gate, packets(5_000, false)));
    tell("moved to another address, version 0.1", measure(gate, packets(10_000, true)));
    tell("all at once, version 0.1", measure(fleet.gate(), packets(0, true)));
    const junk = Array.from({ length: 50 }, (_, number) => fleet.junk(place(20_000 + number)));
    tell("junk", measure(gate, junk));
  }
}
