import { NamespaceLock } from "../../ffi/namespace_lock.ts";
import { Instance } from "../kernel/instance.ts";
import { gateNames } from "../kernel/gate_rules.ts";
import { Runner } from "../kernel/runner.ts";
import type { KernelState } from "../kernel/state.ts";
import type { Log } from "../log.ts";
import { formatEndpoint } from "../packet.ts";
import type { Identification } from "../settings/resolve.ts";

/**
 * Removes what an instance left in the kernel, of a client and of a server alike.
 *
 * @returns what to tell, a line for each thing removed
 * @throws {IpipouError} with exit code 200 when something cannot be removed
 */
export async function cleanup(
  { mode, name, ports, queue, table }: Identification,
  log: Log,
): Promise<string> {
  const identity = { name, table, devices: new Set([name]), port: ports[0]!, queue, alts: new Set<string>() };
  const nft = mode === "server" ? "needed" : "if-installed";
  const lock = () => NamespaceLock.take();
  const instance = new Instance(identity, { nft, needsFou: false }, new Runner(log), lock);
  const removed = describe(await instance.remove());
  return removed.length === 0
    ? `nothing of ${name} to remove\n`
    : removed.map((line) => `removed ${line}\n`).join("");
}

function describe({ tunnels, listeners, altAddresses, gate }: KernelState): string[] {
  return [
    ...[...tunnels.values()].map(({ name, remote }) => `device ${name}, tunnel to ${formatEndpoint(remote)}`),
    ...[...listeners.values()].map(({ local }) => `FOU port ${formatEndpoint(local)}`),
    ...[...altAddresses].map(([ip, device]) => `address ${ip} of ${device}`),
    ...(gate === null ? [] : [`gate ${gateNames(gate.name).gate} in table ip ${gate.table}`]),
  ];
}
