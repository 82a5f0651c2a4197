import { isDeepStrictEqual } from "node:util";
import { EXIT, IpipouError } from "../errors.ts";
import { parseIpv4 } from "../ipv4.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { System } from "../ports.ts";
import type { LocalPlaces } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";
import { use } from "../use.ts";
import type { DaemonContext } from "./context.ts";

/** The device or address in the settings is missing, or the device has no address to use. */
class UnusableOutsideError extends IpipouError {
  readonly missing: string;
  readonly #about: keyof LocalPlaces | "route";
  readonly #messageAt: (place: string) => string;

  /** @param what is missing, in words that follow "the" @param about what of the settings names it, if any does */
  constructor(what: string, why: string, about: keyof LocalPlaces | "route", cure = "") {
    super(messageOf(what, why + cure, about === "route" ? null : "--fou-local"), EXIT.usage);
    this.missing = `${what}: ${why}`;
    this.#about = about;
    this.#messageAt = (place) => messageOf(what, why + cure, place);
  }

  /** Whether a route is missing: that is waited for even when started by hand. */
  get isRoute(): boolean {
    return this.#about === "route";
  }

  /** The same, with the place where what is missing was given. */
  at(places: LocalPlaces): IpipouError {
    if (this.#about === "route") return this;
    return new IpipouError(this.#messageAt(places[this.#about]), EXIT.usage, { cause: this });
  }
}

function messageOf(what: string, why: string, place: string | null): string {
  return `Cannot use the ${what}${place === null ? "" : ` (${place})`}: ${why}`;
}

/** Names the place in an error about what is missing; any other error stays. */
export function withLocalPlace(error: unknown, places: LocalPlaces): unknown {
  return error instanceof UnusableOutsideError ? error.at(places) : error;
}

/**
 * Finds the outside: the configured address, one of the configured device, or the preferred one where a client names
 * neither. Link-local and deprecated ones, and the like, are not taken.
 *
 * @param preferred the address to take of those that can be, wherever it is; null: the first one of the device
 * @throws {IpipouError} exit code 2 when there is no such device or address
 */
export function findOutside(
  { openRoutes }: Pick<System, "openRoutes">,
  settings: Settings,
  observed: Observed,
  preferred: string | null = null,
): Outside {
  const { local } = settings;
  const { hostAddresses, vrfMembers } = observed;
  if (local.device !== null && !hostAddresses.has(local.device)) {
    const present = [...hostAddresses.keys()].filter((device) => device !== "lo").join(", ");
    const why = `there is no such device; there are: ${present}`;
    throw new UnusableOutsideError(`network device ${local.device}`, why, "device");
  }
  const ip = local.ip ?? chooseAddress(settings, observed, preferred);
  const holder = holderOf(ip, observed);
  if (holder === undefined) {
    throw new UnusableOutsideError(
      `local address ${ip}`,
      "no network device here has it",
      "ip",
    );
  }
  // A VRF has routes of its own, which only what is bound to it or to a device in it takes.
  const link = local.device ?? (vrfMembers.has(holder) ? holder : null);
  using routes = openRoutes();
  const { fouMark } = settings;
  const isMarkRuled = fouMark !== 0 && routes.hasRuleForMark(fouMark);
  return { ip, device: holder, link, isRuled: routes.hasRuleFor(ip), isMarkRuled };
}

function chooseAddress(settings: Settings, observed: Observed, preferred: string | null): string {
  const { hostAddresses, unfitAddresses, own } = observed;
  const device = settings.local.device ?? deviceTowardsServer(observed, preferred);
  const isFit = (ip: string) => !unfitAddresses.has(ip);
  const isLeft = (ip: string) => mayBeLeft(ip, settings, observed);
  const holder = preferred === null ? undefined : holderOf(preferred, observed);
  const isOwn = own.altAddresses.has(preferred ?? "") || own.tunnels.has(holder ?? "");
  if (holder !== undefined && isFit(preferred!) && !isOwn && !isLeft(preferred!)) return preferred!;
  const addresses = hostAddresses.get(device)!.filter((address) => !own.altAddresses.has(address));
  const fit = addresses.filter(isFit);
  const usable = fit.filter((address) => !isLeft(address));
  // What a killed run left leads to its address.
  const ip = usable.find((address) => address === own.gate?.ip) ?? usable[0] ?? fit[0];
  if (ip !== undefined) return ip;
  if (addresses.length === 0) {
    throw new UnusableOutsideError(
      `network device ${device}`,
      "it has no IPv4 address",
      "device",
    );
  }
  const list = addresses.map((address) => `${address} (${unfitAddresses.get(address)})`).join(", ");
  const cure = `; give it another address, or give --fou-local ${addresses[0]}@${device} to use that one`;
  throw new UnusableOutsideError(
    `network device ${device}`,
    `it has only ${list}`,
    "device",
    cure,
  );
}

/** The device by which the way to a client's server leaves, which is none of our tunnels. */
function deviceTowardsServer(observed: Observed, preferred: string | null): string {
  const { own } = observed;
  const unusable = (why: string) => new UnusableOutsideError("way to the server", why, "route");
  const holder = preferred === null ? undefined : holderOf(preferred, observed);
  if (holder === undefined) throw unusable("there is no route to it");
  if (own.tunnels.has(holder) || own.altAddresses.has(preferred!)) {
    throw unusable(`it leads through ${holder}; add a route to the server by another device`);
  }
  return holder;
}

/** Whether an address looks like a private one that a killed run left, though nothing marks it. */
function mayBeLeft(ip: string, { firstAltIp, peers }: Settings, { loneAddresses }: Observed): boolean {
  const networkOf = (address: string) => parseIpv4(address)! >>> 16;
  const isPrivate = networkOf(ip) === networkOf(firstAltIp) || peers.some(({ altIp }) => altIp === ip);
  return loneAddresses.has(ip) && isPrivate;
}

/** The device that has an address; one in front where several have it. */
function holderOf(ip: string, { hostAddresses }: Observed): string | undefined {
  return [...hostAddresses].find(([, addresses]) => addresses.includes(ip))?.[0];
}

/** The address that the kernel would send from to a client's server; null: it has no route by the device, or no choice. */
export function preferredSource(
  { openRoutes }: Pick<System, "openRoutes">,
  { local, fouMark }: Settings,
  server: string | null,
): string | null {
  if (server === null || local.ip !== null) return null;
  const query = { destination: server, device: local.device, mark: fouMark };
  return use(openRoutes(), (routes) => routes.findSource(query));
}

/** Whether an outside is still as good as when it was found, whatever the routes are. */
function isGood({ ip, device }: Outside, { local }: Settings, observed: Observed): boolean {
  if (local.ip === null && local.device === null) return false;
  return local.ip === ip || holderOf(ip, observed) === device && !observed.unfitAddresses.has(ip);
}

/**
 * Finds the outside of a running instance, which stays where it was if there is none. The result is the same object if
 * it is equal.
 *
 * @param choose finds another one; throws like `findOutside()`
 * @param isFixed whether to stay as long as that is possible
 * @returns the outside, and what it lacks; null: nothing
 */
export function followOutside(
  system: Pick<System, "openRoutes">,
  previous: Outside,
  settings: Settings,
  observed: Observed,
  choose: () => Outside,
  isFixed: boolean,
): { readonly outside: Outside; readonly lack: string | null } {
  try {
    const stays = isFixed && isGood(previous, settings, observed);
    const outside = stays ? findOutside(system, settings, observed, previous.ip) : choose();
    const lack = describeDown(outside, observed);
    return { outside: isDeepStrictEqual(outside, previous) ? previous : outside, lack };
  } catch (error) {
    if (!(error instanceof IpipouError)) throw error;
    return { outside: previous, lack: error.message };
  }
}

/** Says that the device of the outside is down; null: it is up. */
function describeDown({ ip, device }: Outside, { links }: Observed): string | null {
  const isDown = links.values().some(({ name, isUp }) => name === device && !isUp);
  return isDown ? `Cannot use ${ip}: its network device ${device} is down` : null;
}

/** Describes what a move of the outside is; null: its address is the same. */
export function describeMove(from: Outside, to: Outside): string | null {
  return from.ip === to.ip ? null : `the own address changed from ${from.ip} to ${to.ip}`;
}

/**
 * Finds the outside. As a service, or with --wait, it waits as long as it takes: at boot, devices and addresses may appear
 * after the program starts. A way to the server is waited for always, as by a client that is given its own address.
 *
 * @param server the address of a client's server, if that is known
 * @throws {IpipouError} exit code 2 when there is no such device or address, and it is not to wait
 * @throws the reason of `stop`
 */
export async function awaitOutside(
  { system, settings, kernel, log, service, stop }:
    & Pick<DaemonContext, "settings" | "log" | "service" | "stop">
    & {
      readonly system: Pick<System, "openRoutes">;
      readonly kernel: Pick<Kernel, "observe" | "changed">;
    },
  server: string | null = null,
): Promise<{ readonly observed: Observed; readonly outside: Outside }> {
  let told = "";
  while (true) {
    stop.throwIfAborted();
    const observed = await kernel.observe();
    try {
      const outside = findOutside(system, settings, observed, preferredSource(system, settings, server));
      return { observed, outside };
    } catch (error) {
      if (!(error instanceof UnusableOutsideError)) throw error;
      if (!(error.isRoute || service.isManaged || settings.wait)) throw error;
      if (error.message !== told) {
        log.warning(`${error.message}; waiting for it`, { event: "waiting", why: error.missing });
      }
      told = error.message;
      service.waitingFor(`the ${error.missing}`);
    }
    await kernel.changed(stop);
  }
}
