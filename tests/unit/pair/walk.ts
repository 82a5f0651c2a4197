import assert from "node:assert/strict";
import { outerHeader } from "../../../lib/outer_header.ts";
import { WalkAdmin } from "./walk_admin.ts";
import {
  BY_SOMEONE_ELSE,
  DAMAGING,
  type Event,
  HUB_NAME,
  MARK_REFUSAL,
  OTHER_KEY,
  REFUSALS,
  UNMARKING,
  VARIANTS,
} from "./walk_events.ts";
import { clientSettings, packetBetween, World } from "./world.ts";

/** Milliseconds from the gate's loss until it is back, or the FOU ports are closed: a second, and programs take time. */
const LONGEST_EXPOSURE = 2_000;

/** Applies events to a world, and checks what must hold whatever happens. */
export class Walk {
  readonly world = new World();
  readonly #admin = new WalkAdmin(this.world);
  /** When the gate was last damaged; null: not since everything settled. */
  #damagedAt: number | null = null;
  /** Whether nothing could close the FOU ports meanwhile: no server served, or `ip` failed. */
  #isHelpless = false;
  /** Whether something changed that only a reload picks up. */
  #needsReload = false;
  /** Whether marks may be missing. */
  #isUnmarked = false;
  /** Whether the kernel refused a mark: a device made without one keeps its MTU, which may have been set by hand. */
  #isMarkRefused = false;
  /** Whether a program died while marks were missing, so that nothing tells whose the marked things are. */
  #isForgotten = false;
  /** Clients whose key changed while the server was down. The next server adopts everyone the kernel admits. */
  #stillAdmitted: ReadonlySet<number> = new Set();
  /** The latest Unix time that there was. */
  #latestTime = 0;
  #foreign: string[][];
  #counter = 0;

  constructor() {
    const [first] = this.world.clients;
    first!.settings = { ...clientSettings(0), monitor: { port: true, ping: false } };
    this.#foreign = this.#listForeign();
    this.#updateResolver();
  }

  /** Runs a walk, stops all nodes, and checks that nothing is left behind. */
  static async run(events: readonly Event[]): Promise<void> {
    const walk = new Walk();
    try {
      await walk.world.begin();
      for (const event of events) await walk.step(event);
      await walk.#settle();
      await walk.#end();
    } catch (error) {
      (error as Error).message += `\n${walk.world.story}`;
      throw error;
    }
  }

  async step(event: Event): Promise<void> {
    if (DAMAGING.has(event[0])) this.#damagedAt = this.world.clock.now();
    if (/^(orphan|fail|hang)$/.test(event[0]) && event[1] === 0 && event[2] === "ip") this.#isHelpless = true;
    if (event[0] === "refuse" && event[3] === MARK_REFUSAL) this.#isMarkRefused = true;
    if (UNMARKING.has(event[0])) this.#isUnmarked = true;
    await this.#apply(event);
    this.#noteDeaths();
    if (BY_SOMEONE_ELSE.has(event[0])) this.#foreign = this.#listForeign();
    await this.world.clock.settle();
    this.#checkSafety();
  }

  #noteDeaths(): void {
    const isDead = this.world.nodes.some((node) => !node.isRunning && node.end !== "stopped");
    if (isDead && this.#isUnmarked) this.#isForgotten = true;
    if (this.world.server.settings !== OTHER_KEY) this.#stillAdmitted = new Set();
    else if (!this.world.server.isRunning) this.#stillAdmitted = new Set([0]);
  }

  /** Checks what must hold at any moment. */
  #checkSafety(): void {
    const { world } = this;
    for (const { host } of world.nodes) host.assertNoMistakes();
    assert.deepEqual(this.#listForeign(), this.#foreign, "something foreign was touched");
    const { server } = world;
    if (!server.isRunning || !/peers admitted/.test(server.status ?? "")) this.#isHelpless = true;
    const isRecent = world.clock.now() - (this.#damagedAt ?? -Infinity) < LONGEST_EXPOSURE;
    if (this.#damagedAt !== null && (isRecent || this.#isHelpless)) return;
    // Hosts behind the clients' NATs have the addresses of tunnels, too.
    for (const ip of ["203.0.113.66", ...world.nats.map(({ address }) => address)]) {
      const fate = world.attack({ ip, port: 1_234 }, packetBetween("172.28.0.1", "172.28.0.0", 100));
      assert.notEqual(fate.kind, "device", `a stranger's data got in from ${ip}`);
    }
  }

  /** Restores the surroundings, waits until all nodes have settled, and checks that everything works. */
  async #settle(): Promise<void> {
    const { world } = this;
    this.#noteDeaths();
    this.#restoreSurroundings();
    await world.settle(this.#needsReload);
    for (const node of world.nodes) assert.ok(node.isRunning, "it does not run");
    world.assertConnected(this.#stillAdmitted);
    world.assertPlacesDiffer();
    this.#checkTunnels();
    this.#needsReload = false;
    this.#damagedAt = null;
    this.#isHelpless = false;
    this.#isUnmarked = false;
    this.#checkSafety();
  }

  /** Checks that each tunnel has the header and MTU of its settings, or the MTU that was set by hand. */
  #checkTunnels(): void {
    for (const { settings, host: { kernel } } of this.world.nodes) {
      const uplink = kernel.devices.get("eth0")!.mtu - 28;
      for (const { tunnel: { device, mtu, header } } of settings instanceof Error ? [] : settings.peers) {
        const found = kernel.devices.get(device);
        if (!found?.outer?.encap) continue;
        const { ttl, tos, pmtudisc } = header;
        const [ttlByte, tosByte] = [ttl === "inherit" ? 0 : ttl, tos === "inherit" ? 1 : tos];
        assert.equal(found.outer.header, outerHeader(ttlByte, tosByte, pmtudisc), device);
        const isParked = found.outer.remote.startsWith("0.");
        if (!isParked && !this.#isMarkRefused) {
          assert.ok([mtu ?? uplink, mtu ?? 1234].includes(found.mtu), `${device}: ${found.mtu}`);
        }
      }
    }
  }

  async #end(): Promise<void> {
    const { world } = this;
    for (const node of world.nodes) await node.stop();
    for (const { end } of world.nodes) assert.equal(end, "stopped");
    // Things whose owner cannot be known stay, as README says.
    const isLeft = (line: string) => this.#isForgotten && /^fou |^address 172\.29\./.test(line);
    const lines = world.snapshots().map((snapshot) =>
      snapshot.filter((line) => !this.#isModule(line) && !isLeft(line))
    );
    assert.deepEqual(lines, this.#foreign, "something was left behind");
    assert.equal(world.clock.pending, 0, "somebody still waits");
  }

  #restoreSurroundings(): void {
    const { world } = this;
    // A server takes what comes from a clock that went back for a repetition.
    world.clock.jump(Math.max(0, this.#latestTime - world.clock.unixTime()));
    for (const nat of world.nats) nat.losses = 0;
    this.#updateResolver();
    for (const node of world.nodes) {
      const admin = world.admin(node);
      node.host.kernel.refuses = () => null;
      node.host.kernel.links.elsewhere.clear();
      admin.raise("eth0");
      this.#admin.addRoute(node);
      for (const [name, { alias, kind }] of node.host.kernel.devices) {
        if (alias === "somebodys" || kind !== "ipip" && /^(p0|ipipou1)$/.test(name)) admin.deleteDevice(name);
      }
    }
    this.#foreign = this.#listForeign();
  }

  #updateResolver(): void {
    const { server, nats } = this.world;
    const { addresses } = server.host.resolver;
    if (addresses.get(HUB_NAME) !== nats[1].address) this.#needsReload = true;
    addresses.set(HUB_NAME, nats[1].address);
  }

  /** The snapshot lines of foreign things, host by host. */
  #listForeign(): string[][] {
    return this.world.snapshots().map((lines) =>
      lines.filter((line) => !isOurs(line) && !this.#isModule(line))
    );
  }

  #isModule(line: string): boolean {
    return line.startsWith("device tunl0 ");
  }

  async #apply(event: Event): Promise<void> {
    const { world } = this;
    const { server, nats, clients } = world;
    const admin = world.admin(server);
    switch (event[0]) {
      case "pass":
        return await world.pass(event[1]);
      case "settle":
        return await this.#settle();
      case "NAT forgets":
        return nats[event[1]]!.forget();
      case "NAT renumbers":
        return nats[event[1]]!.renumber();
      case "NAT swaps":
        return nats[0].swap(world.insideOf(0), world.insideOf(1));
      case "NAT loses":
        nats[event[1]]!.losses = event[2];
        return;
      case "authenticate":
        clients[event[1]]!.authenticate();
        return await world.clock.advance(10);
      case "data":
        world.sendData(event[1], event[2]);
        return void world.sendBack(event[1]);
      case "reload":
        // The reload may fail if `ip` or `nft` does.
        this.#needsReload = true;
        return server.reload(VARIANTS[event[1]]!);
      case "reload with a mistake":
        return this.#reloadWithMistake();
      case "flush ruleset":
        return void admin.flushRuleset();
      case "delete rule":
        return void admin.deleteRule("ipipou", event[1]);
      case "delete chain":
        return void admin.deleteChain("ipipou", event[1]);
      case "delete set":
        return void admin.deleteSet("ipipou", event[1]);
      case "delete element":
        return void admin.deleteElement("ipipou", event[1]);
      case "add table":
        return void admin.addTable(`foreign${++this.#counter}`);
      case "names gone":
        server.host.resolver.addresses.delete(HUB_NAME);
        return;
      case "queue overflows":
        for (let port = 50_000; port < 50_100; port++) this.#sendJunk(port, 73);
        return;
      case "forged auth packet":
        return void world.server.host.receive(world.forge(event[1], event[2]));
      case "claimed place":
        return this.#claimPlace(event[1], event[2]);
      case "good-bye from another's place":
        return this.#sayGoodbyeElsewhere(event[1], event[2]);
      case "junk":
        return this.#sendJunk(event[1], event[2]);
      default:
        return await this.#applyToNode(event);
    }
  }

  /** Applies an event that concerns one node. */
  async #applyToNode(event: Event): Promise<void> {
    const node = this.world.nodes[event[1] as number]!;
    switch (event[0]) {
      case "kill":
        return node.kill();
      case "start":
        return node.start();
      case "stop":
        return await node.stop();
      case "lose news":
        return node.overflowNews();
      case "orphan":
        return node.host.programs.failNext(event[2], { kind: "orphaned", pause: 3_000, after: event[3] });
      case "fail":
        return node.host.programs.failNext(event[2], {
          kind: "fails",
          code: 1,
          stderr: "RTNETLINK answers: Cannot allocate memory",
          after: event[3],
        });
      case "hang":
        return node.host.programs.failNext(event[2], { kind: "hangs", after: event[3] });
      case "refuse": {
        const pattern = REFUSALS[event[3]]!(this.#admin.tunnelOf(node, event[2]));
        node.host.kernel.refuses = (line) => pattern.test(line) ? "Cannot allocate memory" : null;
        return;
      }
      case "relent":
        node.host.kernel.refuses = () => null;
        return;
      case "clock jumps":
        this.#latestTime = Math.max(this.#latestTime, this.world.clock.unixTime());
        return this.world.clock.jump(event[2]);
      default:
        this.#needsReload = this.#admin.apply(event, node) || this.#needsReload;
    }
  }

  #reloadWithMistake(): void {
    const { server } = this.world;
    const { settings } = server;
    server.reload(new Error("hub.toml:1:1: a mistake"));
    server.settings = settings;
  }

  /** A client says that it is where another one is. */
  #claimPlace(client: number, other: number): void {
    const { world } = this;
    const place = world.natOf(other).outside(world.insideOf(other));
    if (place !== null) world.server.host.receive(world.forge(client, place.ip, place.port));
  }

  /** A client says good-bye from where another one is: neither of them may notice. */
  #sayGoodbyeElsewhere(client: number, other: number): void {
    const { world } = this;
    const place = world.natOf(other).outside(world.insideOf(other));
    if (place === null || client === other) return;
    const packet = world.forgeGoodbye(client, place.ip, place.port);
    if (packet !== null) world.server.host.receive(packet);
  }

  #sendJunk(port: number, length: number): void {
    const payload = new Uint8Array(length).fill(length);
    this.world.attack({ ip: "203.0.113.67", port }, payload);
  }
}

/** Whether a line of a snapshot describes something that the program makes. */
function isOurs(line: string): boolean {
  return /\bipipou|\bdev (was-)?p\d\b|^device (was-)?p\d |\b172\.2[89]\.|^fou /.test(line);
}
