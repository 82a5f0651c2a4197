import type { ProgramEnd, ProgramName, System } from "../../../lib/ports.ts";
import { VirtualClock } from "./clock.ts";
import { FakeHost, type HostOptions } from "./host.ts";

export const ADDRESS = "192.0.2.1";
/** The words of an `ip link` command for a tunnel from that address. */
export const TUNNEL =
  `type ipip remote 198.51.100.2 local ${ADDRESS} encap fou encap-sport 10000 encap-dport 40000`;

/** A host with the address on eth0. */
export function newHost(options: Partial<HostOptions> = {}, clock = new VirtualClock()): FakeHost {
  return new FakeHost(clock, { address: `${ADDRESS}/24`, gateway: "192.0.2.254", ...options });
}

/** Runs a program with lines on its standard input. */
export function run(
  { runProgram }: System,
  program: ProgramName,
  args: string,
  lines: readonly string[] = [],
  timeLimit = 60_000,
): Promise<ProgramEnd> {
  return runProgram(program, args.split(" "), lines.map((line) => `${line}\n`).join(""), timeLimit);
}
