import { gateNames } from "./gate_names.ts";
import type { Transition } from "./plan.ts";
import { endpointKey, type KernelState, listenerKey, pairKey, type Tunnel } from "./state.ts";
import { type Step, stepOf } from "./step.ts";

type Users = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Tells which tunnel devices a command of a plan is for. When the kernel refuses a command, they alone are in trouble.
 * What is for none, such as a gate's rule or a listener at the main address, is for all.
 */
export class Owners {
  readonly #gate: KernelState["gate"];
  readonly #current: KernelState;
  readonly #desired: KernelState;
  readonly #plan: Pick<Transition, "ip">;
  /** Devices by what they use, `kind key`, before and after. Hardly ever needed: so they are found when they are. */
  #users: { readonly before: Users; readonly after: Users } | null = null;

  constructor(current: KernelState, desired: KernelState, plan: Pick<Transition, "ip">) {
    this.#gate = desired.gate ?? current.gate;
    this.#current = current;
    this.#desired = desired;
    this.#plan = plan;
  }

  /** Devices that a command of `ip` is for. */
  ofIp(line: string): readonly string[] {
    if (line.startsWith("link delete group ")) return this.#doomed;
    const [, changed, port, local] = /^fou (\w+) port (\d+) .*local (\S+)/.exec(line) ?? [];
    if (changed !== undefined) {
      return this.#isMain(local!, Number(port)) ? [] : this.#usersOf(changed, `listener ${local}:${port}`);
    }
    const [, verb, alt] = /^address (\w+) (\S+)\/32 /.exec(line) ?? [];
    if (verb !== undefined) return this.#usersOf(verb, `alts ${alt}`);
    const hidden = /^route \w+ local (\S+)/.exec(line)?.[1];
    if (hidden !== undefined) return this.#usersOf("add", `alts ${hidden}`);
    const device = /^link add name (\S+)|\bdev (\S+)/.exec(line);
    return [device![1] ?? device![2]!];
  }

  /** Devices that a command of `nft` is for; it must have one element at most, see `apart`. */
  ofNft(line: string): readonly string[] {
    const [, verb, set, element] = /^(\w+) element ip \S+ (\S+) \{ (.*) \}$/.exec(line) ?? [];
    if (set === undefined || this.#gate === null) return [];
    const names = Object.entries(gateNames(this.#gate.name));
    const [kind] = names.find(([, name]) => name === set)!;
    const key = element!.split(/ timeout | : /)[0]!;
    // Elements of these sets begin with the device's name itself.
    const device = /^"(\S+)"/.exec(key)?.[1];
    return device !== undefined
      ? [device]
      : this.#usersOf(verb!, `${kind === "locals" ? "remotes" : kind} ${key}`);
  }

  /**
   * Whether a command is refused only because it is to give a tunnel the outer addresses that one of these devices has,
   * which would have had others by then.
   */
  isVictim(line: string, of: ReadonlySet<string>): boolean {
    const [, remote, local] = / type ipip remote (\S+) local (\S+)/.exec(line) ?? [];
    if (remote === undefined) return false;
    const isHeld = ({ local: { ip }, remote: far }: Tunnel) =>
      pairKey(ip, far.ip) === pairKey(local!, remote);
    return of.values().some((name) => {
      const tunnel = this.#current.tunnels.get(name);
      return tunnel !== undefined && isHeld(tunnel);
    });
  }

  /** Those that need what is added, or had what is removed: perhaps after it was added again. */
  #usersOf(verb: string, key: string): string[] {
    this.#users ??= { before: usersIn(this.#current), after: usersIn(this.#desired) };
    const [before, after] = [this.#users.before.get(key), this.#users.after.get(key)];
    return [...(verb === "add" ? after ?? before : before) ?? []];
  }

  /** Devices that are deleted together. */
  get #doomed(): string[] {
    return this.#plan.ip.flatMap(({ line }) => /^link set dev (\S+) group /.exec(line)?.[1] ?? []);
  }

  #isMain(ip: string, port: number): boolean {
    return this.#gate?.ip === ip && this.#gate.ports.includes(port);
  }
}

function usersIn({ tunnels }: KernelState): Users {
  const users = new Map<string, Set<string>>();
  for (const { name, local, remote } of tunnels.values()) {
    const keys = [
      `listener ${listenerKey(local)}`,
      `alts ${local.ip}`,
      `addresses ${remote.ip}`,
      `shared ${remote.ip}`,
      `endpoints ${endpointKey(remote)}`,
      `remotes ${remote.ip} . ${remote.port} . ${local.port}`,
    ];
    for (const key of keys) users.set(key, (users.get(key) ?? new Set()).add(name));
  }
  return users;
}

/** The same steps with one element in each. */
export function apart(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => {
    const { request } = step;
    if (request?.kind !== "elements") return [step];
    return request.elements.map((element) => stepOf({ ...request, elements: [element] }));
  });
}
