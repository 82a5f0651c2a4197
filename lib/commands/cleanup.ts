import { Executor } from "../kernel/executor.ts";
import { claimInstance } from "../daemon/claim.ts";
import { EXIT } from "../errors.ts";
import { Instance } from "../kernel/instance.ts";
import { describeStrayPorts } from "../kernel/leftovers.ts";
import { Runner } from "../kernel/runner.ts";
import type { Log } from "../log.ts";
import type { System } from "../ports.ts";
import type { Identification } from "../settings/resolve.ts";
import { describeObjects } from "./left.ts";

/**
 * Removes what an instance, client or server, left in the kernel.
 *
 * @returns what to print: a line for each object removed, and for each FOU port that may be its own
 * @throws {IpipouError} with exit code 200 when something cannot be removed, or the instance is running
 */
export async function cleanup(
  { mode, name, ports, queue, table }: Identification,
  { clock, locks, openWriter, openReader, hasProgram, runProgram, surroundings }: Pick<
    System,
    "clock" | "locks" | "openWriter" | "openReader" | "hasProgram" | "runProgram" | "surroundings"
  >,
  log: Log,
): Promise<string> {
  using _claim = claimInstance(name, locks, "clean up", "", EXIT.cleanup);
  const identity = {
    name,
    table,
    devices: new Set([name]),
    ports: new Set(ports),
    queue,
    made: new Set<string>(),
  };
  const nft = mode === "server" ? "needed" : "if-installed";
  const runner = new Runner({ runProgram, surroundings, openReader }, log);
  using reader = openReader();
  using writer = openWriter();
  const access = {
    runner,
    executor: new Executor(runner, writer, log),
    ...{ reader, hasProgram, surroundings, log },
    lock: () => locks.namespace(),
    clock,
  };
  const instance = new Instance(identity, { nft, routes: false, needsFou: false }, access);
  const removed = describeObjects(await instance.remove());
  const stray = describeStrayPorts(await instance.look(), identity.ports);
  const done = removed.length === 0
    ? [`nothing of ${name} to remove`]
    : removed.map((line) => `removed ${line}`);
  return [...done, ...stray].map((line) => `${line}\n`).join("");
}
