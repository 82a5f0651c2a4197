import { EXIT, IpipouError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { gateNames } from "../kernel/gate_names.ts";
import { isParked, type KernelState, type Tunnel } from "../kernel/state.ts";
import { formatEndpoint } from "../packet.ts";
import { DEFAULT_NFT_TABLE } from "../settings/option.ts";
import { FIRST_PORT } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";
import { defaultTunnelDevice } from "../settings/tunnel.ts";

/** Adds to the error of a removal what stays in the kernel, as far as that can be seen, and the command that removes it. */
export async function explainLeft(error: unknown, kernel: Kernel, settings: Settings): Promise<IpipouError> {
  const cause = error as Error;
  const left = await kernel.observe().then(({ own }) => describeObjects(own), () => []);
  const what = left.length === 0 ? "" : `; left: ${left.join(", ")}`;
  return new IpipouError(
    `${cause.message}${what}; to remove the rest: ${remedyFor(settings)}`,
    EXIT.cleanup,
    { cause },
  );
}

/** The command that removes an instance. */
export function remedyFor({ mode, name, number, local: { ports }, nft: { table } }: Settings): string {
  return [
    "ipipou cleanup",
    ...mode === "server" ? ["-s"] : [],
    `-n ${number}`,
    ...name === defaultTunnelDevice(number) ? [] : [`--tunl-dev ${name}`],
    ...ports.length === 1 && ports[0] === FIRST_PORT + number ? [] : [`--fou-local-port ${ports.join(",")}`],
    ...table === DEFAULT_NFT_TABLE ? [] : [`--nft-table ${table}`],
  ].join(" ");
}

/** Names the objects of an instance, a line each. */
export function describeObjects({ tunnels, listeners, altAddresses, gate }: KernelState): string[] {
  return [
    ...[...tunnels.values()].map((tunnel) => `device ${tunnel.name}, tunnel to ${describeRemote(tunnel)}`),
    ...[...listeners.values()].map(({ local }) => `FOU port ${formatEndpoint(local)}`),
    ...[...altAddresses].map(([ip, device]) => `address ${ip} of ${device}`),
    ...(gate === null ? [] : [`gate ${gateNames(gate.name).gate} in table ip ${gate.table}`]),
  ];
}

function describeRemote(tunnel: Tunnel): string {
  return isParked(tunnel) ? "nowhere" : formatEndpoint(tunnel.remote);
}
