import { concerns, coversPrivate, type Ground, isOfWay } from "./concerns.ts";
import { GATE_CHAINS, gateNames } from "./gate_names.ts";
import { GateWatch, TABLE_ITSELF } from "./gate_watch.ts";
import type { Outside } from "./member.ts";
import type { KernelChange } from "../kernel_ports.ts";
import type { Settings } from "../settings/settings.ts";
import { type Identity, identityOf } from "./identity.ts";
import { ExpectedNews } from "./expected_news.ts";
import type { Transition } from "./plan.ts";
import { recallGate } from "./recall.ts";
import {
  EMPTY_STATE,
  type Gate,
  type KernelState,
  type Listener,
  listenerKey,
  type Observed,
} from "./state.ts";
import { type FindWays, NO_WAYS, Ways } from "./ways.ts";

/** What must be looked at before the kernel can be changed. The kernel sends no news of FOU ports. */
type Need = "nothing" | "listeners" | "all";

/** Least milliseconds between two looks that follow from changes by others, on average. */
const LEAST_INTERVAL_MILLISECONDS = 1_000;

/**
 * How many looks may follow each other at once: some tools flush all rules twice, and others take an address away before
 * they give another.
 */
const MOST_AT_ONCE = 3;

/** Protocol of the routes that the kernel makes and removes with addresses. */
const KERNEL_ROUTE_PROTOCOL = 2;

const NONE: ReadonlySet<string> = new Set();

/**
 * What one instance knows of the kernel, as a state machine without I/O. It is told of looks, of our changes and of the
 * kernel's news. It tells what to look at next, and whether others made a change that calls for a repair.
 */
export class Picture {
  #settings: Settings;
  #outside: Outside | null = null;
  #identity: Identity;
  #hasRoutes: boolean;
  #observed: Observed | null = null;
  #looks = 0;
  /** The result of the last change that succeeded. */
  #written: KernelState | null = null;
  /** Listeners and private addresses of a change that failed after they were made: nothing else may tell whose they are. */
  #made: Pick<KernelState, "listeners" | "altAddresses"> = EMPTY_STATE;
  #need: Need = "all";
  #expected: ExpectedNews | null = null;
  /** Names of our devices by number: the news of a renamed device has only its new name. */
  readonly #devices = new Map<number, string>();
  /** The ways to the far ends of our tunnels. */
  #ways = NO_WAYS;
  /** Where they begin. */
  #from: object | null = null;
  /** FOU ports that were closed while a change of ours ran, which takes them to be there. */
  #closedMeanwhile = NONE;
  #isClosing = false;
  #isHindered = false;
  /** Whether there were news of the way to the far ends that nobody took yet. */
  #isWayNew = false;
  #needsRepair = false;
  /** When a look at everything may follow from others' changes. */
  #lookDue = -Infinity;
  readonly #gate = new GateWatch();
  /** Names of the gate's chains, and of the table that they are in. */
  readonly #chains: ReadonlySet<string>;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#identity = identityOf(settings);
    this.#hasRoutes = hasRoutes(settings);
    const names = gateNames(settings.name);
    this.#chains = new Set([TABLE_ITSELF, ...GATE_CHAINS.map((chain) => names[chain])]);
  }

  /** What our own objects are recognized by, also those of earlier settings until they are removed. */
  get identity(): Identity {
    const { listeners, altAddresses } = this.#written ?? EMPTY_STATE;
    const keys = [this.#made, { listeners, altAddresses }]
      .flatMap((state) => [...state.listeners.keys(), ...state.altAddresses.keys()]);
    return { ...this.#identity, made: new Set(keys), indexes: new Set(this.#devices.keys()) };
  }

  get hasRoutes(): boolean {
    return this.#hasRoutes;
  }

  /** How often everything was looked at. As long as that stays, nobody else has changed what was seen, as far as is known. */
  get looks(): number {
    return this.#looks;
  }

  /** What was seen, with our changes since; null when everything must be looked at. */
  get observed(): Observed | null {
    return this.#observed;
  }

  /** The result of the last change that succeeded; null: there was none. */
  get written(): KernelState | null {
    return this.#written;
  }

  /** FOU ports of ours that must not be open without a gate, as far as they are known. */
  get guarded(): Listener[] {
    const states = [this.#made, this.#written ?? EMPTY_STATE, this.#observed?.own ?? EMPTY_STATE];
    // To a private address nothing leads but the gate.
    const isPrivate = (ip: string) => states.some(({ altAddresses }) => altAddresses.has(ip));
    const listeners = new Map(states.flatMap((state) => [...state.listeners]));
    return [...listeners.values()].filter(({ local }) => !isPrivate(local.ip));
  }

  /** Whether a change of ours runs. */
  get isChanging(): boolean {
    return this.#expected !== null;
  }

  /** What is known of the gate. */
  get gate(): Pick<GateWatch, "isAway" | "isClosed" | "isTableSuspect"> {
    return this.#gate;
  }

  /** What must be looked at before `observed` can be relied on. */
  get need(): Need {
    return this.#observed === null ? "all" : this.#need;
  }

  /** When a repair is due because of others' changes, in milliseconds of `Clock.now()`; null: none is. */
  get repairDue(): number | null {
    return this.#needsRepair ? this.#lookDue : null;
  }

  /** When the FOU ports have to be closed as the gate is away; null: they need not. A client's gate is an addition. */
  get closeDue(): number | null {
    return this.#settings.mode === "server" ? this.#gate.closeDue(this.repairDue) : null;
  }

  /** Judges by these settings from here on; mode, name and table must be the same. */
  handleSettings(settings: Settings): void {
    if (settings === this.#settings) return;
    this.distrust(this.#needsFullLook(settings) ? "all" : "listeners");
    const { devices, ports, ...identity } = identityOf(settings);
    this.#settings = settings;
    this.#identity = {
      ...identity,
      devices: devices.union(this.#identity.devices),
      ports: ports.union(this.#identity.ports),
    };
    this.#hasRoutes ||= hasRoutes(settings);
  }

  /** The instance works on this outside from here on. */
  handleOutside(outside: Outside): void {
    this.#outside = outside;
  }

  /** Makes the next change look at least at this first. */
  distrust(what: Exclude<Need, "nothing">): void {
    if (this.#need !== "all") this.#need = what;
    this.#ways = NO_WAYS;
  }

  /** A look at what is needed begins; changes from now on may or may not be in what it finds. */
  beginLook(now: number): void {
    if (this.need === "all") {
      const earliest = now - (MOST_AT_ONCE - 1) * LEAST_INTERVAL_MILLISECONDS;
      this.#lookDue = Math.min(Math.max(earliest, this.#lookDue), now) + LEAST_INTERVAL_MILLISECONDS;
      this.#needsRepair = false;
      this.#gate.beginLook();
    }
    this.#need = "nothing";
  }

  handleListeners(found: Observed): void {
    this.#observed = found;
  }

  handleLook(found: Observed, now: number): void {
    this.#looks++;
    const own = recallGate(found.own, this.#written);
    const isMissing = !isWhole(own.gate) && (this.#written?.gate ?? null) !== null ||
      own.listeners.size > 0 && !isWhole(own.gate);
    this.#gate.handleLook(!isMissing ? "all" : own.gate === null ? "nothing" : "part", now);
    this.#observed = { ...found, own: this.#gate.isSuspect ? { ...own, gate: spoilt(own.gate) } : own };
    this.#ways = NO_WAYS;
    this.#devices.clear();
    for (const index of found.ownIndexes) this.#devices.set(index, found.links.get(index)!.name);
  }

  /** A look or a change failed: nothing is known any more. */
  handleFailure(): void {
    this.#observed = null;
    this.#expected = null;
    this.#closedMeanwhile = NONE;
  }

  /** We are about to change the kernel. */
  beginChange(plan: Transition): void {
    const { own, links } = this.#observed!;
    const names = new Map([...links].map(([index, { name }]) => [index, name]));
    this.#expected = new ExpectedNews(own, plan, new Map([...names, ...this.#devices]));
  }

  /** Of the change that runs, all of `ip` succeeded. */
  handleMade(made: KernelState): void {
    this.#made = made;
  }

  /** The change succeeded. @param isHindered whether foreign objects keep some tunnel from being made */
  handleChange(desired: KernelState, isHindered: boolean, now: number): void {
    const expected = this.#expected!;
    this.#observed = { ...this.#observed!, own: desired };
    const closed = this.#closedMeanwhile;
    this.#written = without(desired, closed);
    this.#made = EMPTY_STATE;
    this.#expected = null;
    this.#closedMeanwhile = NONE;
    this.#gate.handleChange(closed.size > 0 || this.#isClosing);
    // Others may have changed one of the very devices that we changed.
    this.handleNews(expected.differencesFrom(desired), now);
    this.#isHindered = isHindered;
  }

  handleRemoval(): void {
    this.handleFailure();
    this.#written = null;
    this.#made = EMPTY_STATE;
  }

  /** A FOU port of ours is gone: others deleted it. */
  handleLostPort(): void {
    this.#need = "all";
    this.#needsRepair = true;
  }

  /** The FOU ports are being closed because the gate is away. */
  beginClosing(): void {
    this.#isClosing = true;
    this.#gate.handleClosing();
  }

  /** They are closed, or could not be. What was known of them is out of date. */
  handleClosed(isDone: boolean, now: number): void {
    this.#isClosing = false;
    if (!isDone) this.#gate.handleClosingFailure(now);
    else {
      const closed = new Set(this.guarded.map(({ local }) => listenerKey(local)));
      if (this.isChanging) this.#closedMeanwhile = closed;
      if (this.#written !== null) this.#written = without(this.#written, closed);
    }
    this.handleLostPort();
  }

  /** The kernel sent news of changes, by us or by others. */
  handleNews(changes: readonly KernelChange[], now: number): void {
    for (const change of changes) {
      // Such routes follow from an address, of which there is news too.
      if (
        change.kind === "route" && change.protocol === KERNEL_ROUTE_PROTOCOL &&
        !this.#ways.isIn(change.network) && !coversPrivate(change.network, this.#ground)
      ) continue;
      if (change.kind === "table" && this.#gate.isVoid(change)) continue;
      if (this.#expected?.take(change)) {
        if (change.kind === "device") this.#devices.set(change.index, change.name);
        if (change.kind === "table") this.#gate.handleOurs();
        continue;
      }
      if (change.kind === "table" && change.chains.some((name) => this.#chains.has(name))) {
        this.#gate.handleNews(change, now);
      }
      if (change.kind === "unknown" && change.of === "tables") this.#gate.handleLoss();
      this.#isWayNew ||= isOfWay(change, this.#ground);
      this.#need = "all";
      this.#needsRepair ||= this.#isHindered || concerns(change, this.#ground);
    }
  }

  /** Finds the ways to far addresses that are not known. @param from the outside @param find asks the kernel */
  findWays(far: readonly string[], from: object, find: FindWays): void {
    if (this.#from !== from || this.#ways === NO_WAYS) this.#ways = new Ways(this.#observed!.links);
    this.#from = from;
    this.#ways.find(far, find);
    if (this.#observed!.paths === this.#ways.mtus) return;
    this.#observed = { ...this.#observed!, paths: this.#ways.mtus };
  }

  /** Whether there is a route to a far address, as far as is known. */
  isRouted(ip: string): boolean {
    return this.#ways.isListed(ip);
  }

  /** Takes the news that the way to the far ends may be another one. @returns whether there was any */
  takeWayNews(): boolean {
    const isNew = this.#isWayNew;
    this.#isWayNew = false;
    return isNew;
  }

  /** What changes by others may concern. */
  get #ground(): Ground {
    return {
      settings: this.#settings,
      outside: this.#outside,
      written: this.#written ?? EMPTY_STATE,
      observed: this.#observed,
      indexes: new Set(this.#devices.keys()),
      ways: this.#ways,
    };
  }

  /** Whether a look under these settings might sort objects in another way. */
  #needsFullLook(settings: Settings): boolean {
    const [known, next] = [this.#identity, identityOf(settings)];
    const isTaken = (name: string) => !known.devices.has(name) && this.#observed?.foreign.devices.has(name);
    return known.queue !== next.queue || known.outer !== next.outer || !next.ports.isSubsetOf(known.ports) ||
      next.devices.values().some(isTaken) || hasRoutes(settings) && !this.#hasRoutes;
  }
}

/** A state without some listeners. */
function without(state: KernelState, keys: ReadonlySet<string>): KernelState {
  if (keys.size === 0) return state;
  return { ...state, listeners: new Map([...state.listeners].filter(([key]) => !keys.has(key))) };
}

/** Whether a gate is there with all its rules. */
function isWhole(gate: Gate | null): boolean {
  return gate !== null && gate.fingerprint !== "";
}

/** A gate whose rules are not to be relied on. */
function spoilt(gate: Gate | null): Gate | null {
  return gate === null ? null : { ...gate, fingerprint: "", rules: null };
}

function hasRoutes({ peers }: Settings): boolean {
  return peers.some(({ routes }) => routes.length > 0);
}
