import { NetlinkReader } from "../../ffi/kernel_reader.ts";
import { NetlinkWriter } from "../../ffi/kernel_writer.ts";
import { Sequences } from "../../ffi/netlink_sequences.ts";
import { Executor } from "../../lib/kernel/executor.ts";
import { Runner } from "../../lib/kernel/runner.ts";
import { Log } from "../../lib/log.ts";
import { USUAL_SURROUNDINGS } from "../unit/kernel/fake_programs.ts";
import { enter } from "./link.ts";
import type { RealHost } from "./real_host.ts";

/** A writer to the kernel of a host. @param sequences numbers its requests */
export function openWriter({ name }: RealHost, sequences = new Sequences()): NetlinkWriter {
  using _ = enter(name);
  return new NetlinkWriter(sequences);
}

/** A reader that asks the kernel of a host. */
function inside({ name }: RealHost): NetlinkReader {
  return new Proxy(new NetlinkReader(), {
    get: (target, key) => {
      using _ = enter(name);
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        using _ = enter(name);
        return value.apply(target, args);
      };
    },
  });
}

/** Carries out steps on a host, by programs only where it takes one. @param lines gets what an administrator would type */
export function executorOn(host: RealHost, writer: NetlinkWriter, lines: string[] = []): Executor {
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 2, time: false, pid: null, write, now: () => new Date() });
  const runProgram = async (program: string, args: readonly string[], input: string) => ({
    ...await host.run([program, ...args], input.split("\n").slice(0, -1)),
    isLate: false,
  });
  return new Executor(
    new Runner({ runProgram, surroundings: USUAL_SURROUNDINGS, openReader: () => inside(host) }, log),
    writer,
    log,
  );
}
