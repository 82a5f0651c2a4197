import type { KernelNews, KernelReader, KernelWriter } from "../kernel_ports.ts";
import { formatEndpoint } from "../packet.ts";
import type { PacketQueue, ProgramName, RawSocket, System } from "../ports.ts";
import { IN_USE } from "../kernel/cures.ts";
import type { ObjectRequest } from "../requests.ts";
import { stepOf } from "../kernel/step.ts";
import type { Script } from "./script.ts";

const NOTHING = { [Symbol.dispose]: () => {} };

/** Nobody tells of changes, as there are none. */
const SILENT_NEWS: KernelNews = {
  ...NOTHING,
  changes: () => [],
  wait: () => new Promise(() => {}),
  makeRoom: () => {},
};

const UNUSED_QUEUE: PacketQueue = { ...NOTHING, packets: never, resize: () => {} };
const UNUSED_SOCKET: RawSocket = { ...NOTHING, send: () => {}, defaultTtl: 64 };

/**
 * A system in which a start changes nothing: what it would change in the kernel goes to the script, and all else it would
 * open, lock, send or write is not there. It reads the kernel, files and names as it would.
 */
export function drySystem(system: System, script: Script): System {
  return {
    ...system,
    runProgram: (program, args, input, timeLimit) => {
      if (!system.hasProgram(program)) return Promise.reject(new Deno.errors.NotFound());
      // It only lists.
      if (program === "ss") return system.runProgram(program, args, input, timeLimit);
      record(script, program, args, input);
      return Promise.resolve({ code: 0, stdout: "", stderr: "", isLate: false });
    },
    locks: { ...system.locks, namespace: () => Promise.resolve(NOTHING) },
    openNews: () => SILENT_NEWS,
    openReader: () => withFou(system.openReader()),
    openWriter: () => writerTo(script, system),
    openPacketQueue: () => UNUSED_QUEUE,
    openRawSocket: () => UNUSED_SOCKET,
    openState: (name) => ({ ...system.openState(name), write: () => Promise.resolve() }),
  };
}

function record(script: Script, program: ProgramName, args: readonly string[], input: string): void {
  const lines = input.split("\n").filter((line) => line !== "");
  if (program === "modprobe") return script.modprobe(args);
  if (program === "nft") return script.nft(lines);
  for (const line of lines) script.ip(line);
}

/** It refuses what another program's socket would make the kernel refuse: a UDP port that is taken. */
function writerTo(script: Script, { isPortFree }: System): KernelWriter {
  const given = new Set<string>();
  const change = (request: ObjectRequest) => {
    if (request.kind === "fou") {
      const { verb, local, device } = request;
      if (verb === "del") given.add(formatEndpoint(local));
      else if (!given.has(formatEndpoint(local)) && !isPortFree(local, device)) return IN_USE;
    }
    script.ip(stepOf(request).line);
    return null;
  };
  return {
    ...NOTHING,
    change: (requests) => requests.map(change),
    transact: (requests) => {
      script.nft(requests.map((request) => stepOf(request).line));
      return [];
    },
  };
}

/** Where the module is not loaded yet there are no FOU ports. */
function withFou(reader: KernelReader): KernelReader {
  return {
    get hasTunnels() {
      return reader.hasTunnels;
    },
    lists: (wants) => reader.lists(wants),
    fouPorts: () => reader.fouPorts() ?? [],
    table: (name, isWanted) => reader.table(name, isWanted),
    [Symbol.dispose]: () => reader[Symbol.dispose](),
  };
}

async function* never(): AsyncGenerator<never> {}
