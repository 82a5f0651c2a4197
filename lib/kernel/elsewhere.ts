import { exitCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { parseMark } from "./mark.ts";
import { type MovedDevice, readMovedDevices, readNamespaces } from "./read_moved.ts";
import { parseIpLists, type Runner } from "./runner.ts";
import { pairKey } from "./state.ts";

const CURE = "delete it there (ip -n NETNS link delete NAME)";

/** The tunnel devices of an instance that were moved to other network namespaces, as far as they are known. */
export class Elsewhere {
  readonly #log: Log;
  /** `pairKey` of their outer addresses, which no other device here can have. */
  readonly #pairs = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Notes what was found, and says it once. @param pairs `pairKey`, and the device that was refused them */
  note(pairs: ReadonlyMap<string, string>): void {
    for (const [pair, device] of pairs) {
      if (this.#pairs.has(pair)) continue;
      this.#pairs.add(pair);
      const what = `${
        describe(pair)
      } was moved to another network namespace, and the kernel allows one for each pair of addresses`;
      const event: LogEvent = { event: "moved-away", dev: device, ...endsOf(pair) };
      this.#log.warning(`${device}: ${what}: ${CURE}, or move it back`, event);
    }
  }

  /**
   * Deletes the devices, in namespaces that have a name and that we may enter. A device is known by its outer addresses,
   * its mark, and that it was moved where it is.
   *
   * @param name the instance's
   * @param lost `pairKey` of what was here, and may have been moved
   */
  async remove(name: string, lost: ReadonlySet<string>, runner: Runner): Promise<void> {
    const pairs = this.#pairs.union(lost);
    if (pairs.size === 0) return;
    try {
      for (const namespace of await listNamespaces(runner)) {
        await this.#removeIn(namespace, name, pairs, runner);
      }
    } catch (error) {
      this.#log.warning((error as Error).message, { event: "fault", code: exitCodeOf(error) });
    }
    for (const pair of this.#pairs) {
      const what = `${describe(pair)} stays in the network namespace that it was moved to`;
      this.#log.warning(`${what}: ${CURE}`, { event: "left-behind", ...endsOf(pair) });
    }
  }

  async #removeIn(
    namespace: string,
    name: string,
    pairs: ReadonlySet<string>,
    runner: Runner,
  ): Promise<void> {
    const within = ["-netns", namespace];
    const printed = await runner.ip(["link show type ipip"], [...within, "-json", "-details"]);
    const [devices = []] = parseIpLists(printed || "[]", 1);
    const ours = readMovedDevices(devices).filter((device) =>
      parseMark(device.alias)?.name === name && pairs.has(pairOf(device))
    );
    if (ours.length > 0) await runner.ip(ours.map(({ name }) => `link delete dev ${name}`), within);
    for (const device of ours) {
      this.#pairs.delete(pairOf(device));
      this.#log.notice(
        `removed ${device.name} from the network namespace ${namespace}, where it was moved to`,
        { event: "removed", what: "device", name: device.name, netns: namespace },
      );
    }
  }
}

function describe(pair: string): string {
  const { local, remote } = endsOf(pair);
  return `a tunnel device from ${local} to ${remote}`;
}

function endsOf(pair: string): { readonly local: string; readonly remote: string } {
  const [local, remote] = pair.split(" ") as [string, string];
  return { local, remote };
}

/** Names of the namespaces that the kernel has numbers for here: those that something was moved to are among them. */
async function listNamespaces(runner: Runner): Promise<string[]> {
  const printed = await runner.ip(["netns list-id"], ["-json", "-details"]);
  const [namespaces = []] = parseIpLists(printed || "[]", 1);
  return readNamespaces(namespaces);
}

function pairOf({ local, remote }: MovedDevice): string {
  return pairKey(local, remote);
}
