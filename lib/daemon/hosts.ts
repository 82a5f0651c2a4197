import { Backoff } from "../backoff.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { System } from "../ports.ts";
import type { Peer } from "../settings/settings.ts";
import type { DaemonContext } from "./context.ts";
import { unlessStopped } from "./wait.ts";

/** IPv4 addresses by host. */
export type HostAddresses = ReadonlyMap<string, string>;

/** The codes in words. A name that is unknown and one that has only IPv6 addresses have the same. */
const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such name, or it has no IPv4 address",
  EAI_AGAIN: "no name server gives an answer for now",
};

interface SearchContext {
  readonly system: Pick<System, "resolve" | "clock">;
  readonly log: Pick<Log, "debug">;
  readonly stop: AbortSignal;
}

/** Finds the IPv4 address of a host. @throws {IpipouError} when it has none */
export async function resolveHost(host: string, { resolve }: Pick<System, "resolve">): Promise<string> {
  try {
    return await resolve(host);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === undefined ? String(cause) : `${REASONS[code] ?? "the look-up failed"} (${code})`;
    throw new IpipouError(`Cannot find the IPv4 address of ${host}: ${why}`, EXIT.failure, { cause });
  }
}

/**
 * Like {@linkcode resolveHost}, for the first of several hosts that has an address, but retries until there is one: at
 * boot, name resolution may start after us.
 */
export function awaitHosts(
  hosts: readonly string[],
  { system, log, service, stop }: Pick<DaemonContext, "system" | "log" | "service" | "stop">,
): Promise<{ readonly index: number; readonly ip: string }> {
  const look = async () => {
    const [first, ...others] = await Promise.allSettled(hosts.map((host) => resolveHost(host, system)));
    const index = [first!, ...others].findIndex(({ status }) => status === "fulfilled");
    if (index < 0) throw (first as PromiseRejectedResult).reason;
    return { index, ip: ([first, ...others][index] as PromiseFulfilledResult<string>).value };
  };
  return keepLooking(look, system, stop, ({ message }, delay) => {
    service.waitingFor(`the IPv4 address of ${hosts[0]}`);
    log.warning(`${message}; trying again in ${delay / 1000} s`, { event: "unresolved", host: hosts[0]! });
  });
}

/** The hosts whose addresses identify peers. */
export function hostsOf(peers: readonly Peer[]): Set<string> {
  return new Set(peers.flatMap(({ byRemote, remote }) => byRemote.ip ? remote.host ?? [] : []));
}

/** The addresses that identify peers, by peer name; a peer whose host was not found has none. */
export function remotesOf(peers: readonly Peer[], addresses: HostAddresses): Map<string, string> {
  return new Map(peers.flatMap(({ name, byRemote, remote }) => {
    const ip = byRemote.ip ? addresses.get(remote.host ?? "") : undefined;
    return ip === undefined ? [] : [[name, ip] as const];
  }));
}

/** Looks up each host once. One that is not found keeps its address in `known` or is left out, and the log warns. */
export async function findHosts(
  hosts: ReadonlySet<string>,
  known: HostAddresses,
  { system, log }: { readonly system: Pick<System, "resolve">; readonly log: Pick<Log, "warning"> },
): Promise<HostAddresses> {
  const found = Array.from(hosts, async (host) => {
    try {
      return [[host, await resolveHost(host, system)] as const];
    } catch (error) {
      const { message } = error as Error;
      const ip = known.get(host);
      if (ip === undefined) {
        log.warning(`${message}; peers identified by it are shut out until it is found`, {
          event: "unresolved",
          host,
        });
        return [];
      }
      log.warning(`${message}; keeping ${ip}`, { event: "unresolved", host });
      return [[host, ip] as const];
    }
  });
  return new Map((await Promise.all(found)).flat());
}

/** Describes, a line each, which hosts have another address than before. */
export function describeHosts(before: HostAddresses, after: HostAddresses): string[] {
  return [...after].filter(([host, ip]) => (before.get(host) ?? ip) !== ip)
    .map(([host, ip]) => `the address of ${host} changed from ${before.get(host)} to ${ip}`);
}

/** Keeps looking up hosts, each until it is found or no longer wanted, or the program stops. */
export class HostSearch {
  readonly #onFound: () => void;
  readonly #context: SearchContext;
  readonly #searches = new Map<string, AbortController>();
  #found = new Map<string, string>();

  /** @param onFound called when `take()` has something new */
  constructor(onFound: () => void, context: SearchContext) {
    this.#onFound = onFound;
    this.#context = context;
  }

  /** Wanted hosts whose addresses were not taken yet. */
  get missing(): readonly string[] {
    return [...this.#searches.keys(), ...this.#found.keys()];
  }

  /** Looks for these hosts from now on, and no others. */
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

  /** Returns the addresses that were found since the last call, of hosts that are still wanted. */
  take(): HostAddresses {
    const found = this.#found;
    this.#found = new Map();
    return found;
  }

  async #search(host: string): Promise<void> {
    const search = new AbortController();
    this.#searches.set(host, search);
    const { system, log } = this.#context;
    const stop = AbortSignal.any([this.#context.stop, search.signal]);
    const onFailure = ({ message }: Error, delay: number) =>
      log.debug(`${message}; trying again in ${delay / 1000} s`);
    try {
      const ip = await keepLooking(() => resolveHost(host, system), system, stop, onFailure);
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

/** Looks, with growing pauses, until something is found. @throws the reason of `stop` when that is aborted */
async function keepLooking<T>(
  look: () => Promise<T>,
  system: Pick<System, "clock">,
  stop: AbortSignal,
  onFailure: (error: IpipouError, delay: number) => void,
): Promise<T> {
  const backoff = new Backoff();
  while (true) {
    try {
      return await unlessStopped(look(), stop);
    } catch (error) {
      if (!(error instanceof IpipouError)) throw error;
      const delay = backoff.next();
      onFailure(error, delay);
      await system.clock.waitUntil(system.clock.now() + delay, stop);
      stop.throwIfAborted();
    }
  }
}
