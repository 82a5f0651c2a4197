import type { Surroundings } from "../ports.ts";
import { NO_FOU } from "../requests.ts";
import { ANY_ADDRESS } from "./state.ts";
import { type IpFou, wordsOfFou } from "../listing.ts";

/** A command that was refused, and what was said. */
export interface Refusal {
  readonly command: string;
  readonly said: string;
}

/** The kernel's answer when a UDP port is taken, also by the FOU port that is to be added. */
export const IN_USE = "Address already in use";

/** Whether `ip` failed because the kernel lacks something that it can be built with. */
export function lacksSupport({ command, said }: Refusal): boolean {
  return /Unknown device type|Operation not supported/.test(said) || said.includes(NO_FOU) ||
    lacksFouTunnels({ command, said });
}

/** All else that is wrong with such a command is found before, or has an answer of its own. */
function lacksFouTunnels({ command, said }: Refusal): boolean {
  return /^link add .* encap fou /.test(command) && said.includes("Invalid argument");
}

/** What to do about a refusal of `ip`, to follow what was said; "" where that is not known. */
export function ipCure(refusal: Refusal, surroundings: Surroundings): string {
  const { command, said } = refusal;
  if (said.includes("Operation not permitted")) return permissionCure(command, surroundings);
  if (lacksFouTunnels(refusal)) {
    return "this kernel seems to have FOU, but not for tunnels: " +
      "use one that was built with CONFIG_NET_FOU_IP_TUNNELS, as those of most distributions";
  }
  return lacksSupport(refusal) ? modulesCure(surroundings) : "";
}

/**
 * What to do about the kernel's refusal to be read, to follow what it said; "" where that is not known.
 *
 * @param isFou whether its FOU ports were asked for
 */
export function unreadableCure(
  { code }: { readonly code?: string },
  isFou: boolean,
  surroundings: Surroundings,
): string {
  return code === "EPERM"
    ? permissionCure(isFou ? "fou add port PORT ipproto 4 local ADDRESS" : "", surroundings)
    : "";
}

/** What to do about a refusal of `nft`, to follow what was said; "" where that is not known. */
export function nftCure({ command, said }: Refusal, surroundings: Surroundings): string {
  if (said.includes("Operation not permitted")) return permissionCure(command, surroundings);
  const mayLackModules = /not supported|No such file or directory|Invalid argument/.test(said);
  return mayLackModules ? rebootCure(surroundings) : "";
}

function permissionCure(command: string, surroundings: Surroundings): string {
  if (!surroundings.isInnerUserNamespace()) return "run as root, or with CAP_NET_ADMIN";
  if (!command.startsWith("fou ")) {
    return "in a container, run as root or with CAP_NET_ADMIN, with a network namespace of its own";
  }
  return "FOU ports need CAP_NET_ADMIN in the first user namespace, which root of an unprivileged container lacks; " +
    "make the container privileged, or have the host's root add the port: " +
    `nsenter --net=/proc/PID/ns/net ip ${command} (PID: of a process in the container)`;
}

/** What to do where the kernel lacks FOU or ipip devices. */
export function modulesCure(surroundings: Surroundings): string {
  const reboot = rebootCure(surroundings);
  if (reboot !== "") return reboot;
  if (surroundings.isInnerUserNamespace()) return "load the modules on the host: modprobe -a fou ipip";
  return "load the modules: modprobe -a fou ipip (if it does not find them after an upgrade of the kernel, reboot)";
}

/** What to do where the kernel lacks nftables. */
export function lacksNftablesCure(surroundings: Surroundings): string {
  return rebootCure(surroundings) || "load the module nf_tables, or use a kernel that was built with it";
}

function rebootCure(surroundings: Surroundings): string {
  const release = surroundings.releaseWithoutModules();
  if (release === null) return "";
  return `the modules of the running kernel are gone, as after an upgrade (no /lib/modules/${release}): reboot`;
}

/** A UDP port that was to become ours. */
export interface PortRefusal {
  readonly ip: string;
  readonly port: number;
}

/** The port of a `fou add` that was refused because it is taken; null: it is another refusal. */
export function takenPort({ command, said }: Refusal): PortRefusal | null {
  const [, port, ip] = /^fou add port (\d+) ipproto 4 local (\S+)/.exec(command) ?? [];
  return said.includes(IN_USE) && port !== undefined && ip !== undefined ? { ip, port: Number(port) } : null;
}

/** What to do about a taken port. @param sockets what `ss -H -lunp` printed; "" where it cannot be run */
export function portCure(wanted: PortRefusal, fou: readonly IpFou[], sockets: string): string {
  const taker = fou.find(({ port, family, local }) =>
    port === wanted.port && family === "inet" && [undefined, ANY_ADDRESS, wanted.ip].includes(local)
  );
  const [owner, removal] = taker === undefined
    ? [ownerOf(wanted, sockets), "stop that"]
    : ["a FOU port that is not ours", `remove it: ip fou del ${wordsOfFou(taker)}`];
  return `it belongs to ${owner}; choose another --fou-local-port, or ${removal}`;
}

function ownerOf({ ip, port }: PortRefusal, sockets: string): string {
  const taker = sockets.split("\n").map((line) => line.trim().split(/\s+/)).find(([, , , local = ""]) => {
    const [, address, at] = /^(.*):(\d+)$/.exec(local) ?? [];
    return Number(at) === port && [ip, "0.0.0.0", "*"].includes(address!.replace(/%.*/, ""));
  });
  const owners = (taker?.[5] ?? "").matchAll(/\("([^"]*)",pid=(\d+)/g);
  const [owner] = Array.from(owners, ([, name, pid]) => `${name} (process ${pid})`);
  return owner ??
    `a program that cannot be seen from here, or the kernel; as root, see: ss -lunp sport = :${port}`;
}
