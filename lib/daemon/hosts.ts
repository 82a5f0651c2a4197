import { lookup } from "node:dns/promises";
import { Backoff } from "../backoff.ts";
import { monotonicTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Peer } from "../settings/settings.ts";
import type { DaemonContext } from "./context.ts";
import { Limit } from "./limit.ts";
import { unlessStopped, waitUntil } from "./wait.ts";

/**
 * Each host that is asked for takes one of the runtime's 32 threads until there is an answer, or none after many
 * seconds. The others are for what cannot wait for names: the queue, and the lock that changes are made under.
 */
const lookups = new Limit(16);

/** Finds a host's IPv4 address, or throws an `IpipouError`. */
type Resolve = (host: string) => Promise<string>;

/** IPv4 addresses by host. */
export type Addresses = ReadonlyMap<string, string>;

/**
 * Finds the IPv4 address of a host as the system does: /etc/hosts, DNS, or whatever nsswitch.conf says.
 *
 * @param ask asks the system: one that is not there, or fails, throws
 * @throws {IpipouError} when it has none
 */
export async function resolveHost(host: string, ask: typeof askSystem = askSystem): Promise<string> {
  try {
    return await lookups.run(() => ask(host));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new IpipouError(`Cannot find the IPv4 address of ${host}: ${code}`, EXIT.failure, { cause });
  }
}

async function askSystem(host: string): Promise<string> {
  return (await lookup(host, { family: 4 })).address;
}

/** Like {@linkcode resolveHost}, but waits for as long as it takes: at boot, names may come later than we do. */
export function awaitHost(
  host: string,
  { log, service, stop }: Pick<DaemonContext, "log" | "service" | "stop">,
  resolve: Resolve = resolveHost,
): Promise<string> {
  return keepLooking(host, resolve, stop, ({ message }, delay) => {
    service.waitFor(`the IPv4 address of ${host}`);
    log.warning(`${message}; trying again in ${delay / 1000} s`);
  });
}

/** The hosts that a server knows peers by. */
export function hostsOf(peers: readonly Peer[]): Set<string> {
  return new Set(peers.flatMap(({ byRemote, remote }) => byRemote.ip ? remote.host ?? [] : []));
}

/** The addresses that a server knows peers by, by peer name; a peer whose host is not found has none. */
export function remotesOf(peers: readonly Peer[], addresses: Addresses): Map<string, string> {
  return new Map(peers.flatMap(({ name, byRemote, remote }) => {
    const ip = byRemote.ip ? addresses.get(remote.host ?? "") : undefined;
    return ip === undefined ? [] : [[name, ip] as const];
  }));
}

/**
 * Asks once for each host. One that is not found keeps the address it had, or is left out; the log is told.
 *
 * @param known the addresses they had
 */
export async function findHosts(
  hosts: ReadonlySet<string>,
  known: Addresses,
  log: Pick<Log, "warning">,
  resolve: Resolve = resolveHost,
): Promise<Addresses> {
  const found = Array.from(hosts, async (host) => {
    try {
      return [[host, await resolve(host)] as const];
    } catch (error) {
      const { message } = error as Error;
      const ip = known.get(host);
      if (ip === undefined) {
        log.warning(`${message}; whoever is known by it is shut out until it is found`);
        return [];
      }
      log.warning(`${message}; it stays ${ip}`);
      return [[host, ip] as const];
    }
  });
  return new Map((await Promise.all(found)).flat());
}

/** Looks for hosts that were not found, each until it is found or not asked for any more, or the program stops. */
export class HostSearch {
  readonly #onFound: () => void;
  readonly #log: Pick<Log, "debug">;
  readonly #stop: AbortSignal;
  readonly #resolve: Resolve;
  readonly #searches = new Map<string, AbortController>();
  #found = new Map<string, string>();

  /** @param onFound is called when there is more to take */
  constructor(
    onFound: () => void,
    { log, stop }: Pick<DaemonContext, "log" | "stop">,
    resolve: Resolve = resolveHost,
  ) {
    this.#onFound = onFound;
    this.#log = log;
    this.#stop = stop;
    this.#resolve = resolve;
  }

  /** Hosts that are asked for, and were not taken yet. */
  get missing(): readonly string[] {
    return [...this.#searches.keys(), ...this.#found.keys()];
  }

  /** Looks for these from here on, and for no others. */
  lookFor(hosts: ReadonlySet<string>): void {
    for (const [host, search] of this.#searches) {
      if (hosts.has(host)) continue;
      search.abort();
      this.#searches.delete(host);
    }
    for (const host of this.#found.keys()) if (!hosts.has(host)) this.#found.delete(host);
    for (const host of hosts) {
      if (!this.#searches.has(host) && !this.#found.has(host)) this.#search(host);
    }
  }

  /** Hands over what was found since the last call, and is still asked for. */
  take(): Addresses {
    const found = this.#found;
    this.#found = new Map();
    return found;
  }

  async #search(host: string): Promise<void> {
    const search = new AbortController();
    this.#searches.set(host, search);
    const stop = AbortSignal.any([this.#stop, search.signal]);
    const told = ({ message }: Error, delay: number) =>
      this.#log.debug(`${message}; trying again in ${delay / 1000} s`);
    try {
      const ip = await keepLooking(host, this.#resolve, stop, told);
      if (stop.aborted) return;
      this.#searches.delete(host);
      this.#found.set(host, ip);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    this.#onFound();
  }
}

/** Asks for a host, ever more rarely, until it is found. @throws the reason of `stop`, as soon as that is aborted */
async function keepLooking(
  host: string,
  resolve: Resolve,
  stop: AbortSignal,
  onFailure: (error: IpipouError, delay: number) => void,
): Promise<string> {
  const backoff = new Backoff();
  while (true) {
    try {
      return await unlessStopped(resolve(host), stop);
    } catch (error) {
      if (!(error instanceof IpipouError)) throw error;
      const delay = backoff.next();
      onFailure(error, delay);
      await waitUntil(monotonicTime() + delay, stop);
      stop.throwIfAborted();
    }
  }
}
