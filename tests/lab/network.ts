import { must, type Outcome, run } from "../../tools/command.ts";
import { Process } from "./process.ts";

/** The hosts; `client2` and `direct` are there only when asked for. */
export type Host = "server" | "router" | "nat" | "client" | "client2" | "direct";

/** Each host's own address, without its prefix length (24 everywhere); the NAT's is its public one. */
export const ADDRESS: Readonly<Record<Host, string>> = {
  server: "192.0.2.1",
  router: "192.0.2.254",
  nat: "198.51.100.2",
  client: "10.0.1.2",
  client2: "10.0.1.3",
  direct: "203.0.113.2",
};

/** Where `ip netns` keeps its namespaces. */
const NAMESPACES = "/run/netns";

/** Which network to make. */
export interface NetworkOptions {
  /** Goes before the names of its namespaces, so that several networks can exist: "t1" makes "t1-server". */
  prefix?: string;
  /** A second client behind the NAT. */
  client2?: boolean;
  /** A client that reaches the server without NAT. */
  direct?: boolean;
}

/**
 * Hosts as network namespaces; every host's way out is its eth0 where it has only one:
 *
 *     server 192.0.2.1 -- 192.0.2.254 router 198.51.100.254 -- 198.51.100.2 nat 10.0.1.1 -- 10.0.1.2 client
 *                                     router 203.0.113.254 -- 203.0.113.2 direct         -- 10.0.1.3 client2
 *
 * The NAT masquerades and, as such boxes do, drops what comes in from outside unasked. Disposing of the
 * network ends every process in it.
 */
export class Network implements AsyncDisposable {
  readonly #prefix: string;
  readonly #hosts: readonly Host[];
  readonly #processes: Process[] = [];
  #remaps = 0;

  private constructor({ prefix = "", client2 = false, direct = false }: NetworkOptions) {
    this.#prefix = prefix;
    const optional: Host[] = [...client2 ? ["client2" as const] : [], ...direct ? ["direct" as const] : []];
    this.#hosts = ["server", "router", "nat", "client", ...optional];
  }

  /** Makes the network; needs root, and names that are free. On an error it leaves nothing behind. */
  static async create(options: NetworkOptions = {}): Promise<Network> {
    const network = new Network(options);
    const taken = network.#present();
    if (taken.length > 0) {
      throw new Error(`Cannot make a network of namespaces that exist: ${taken.join(", ")}`);
    }
    await using undo = new AsyncDisposableStack();
    undo.use(network);
    await network.#build();
    undo.move();
    return network;
  }

  /** The name of a host's namespace, as `ip netns` knows it. */
  ns(host: Host): string {
    return this.#prefix === "" ? host : `${this.#prefix}-${host}`;
  }

  /** The hosts this network has. */
  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** Runs a command on a host, to its end. */
  async run(host: Host, argv: readonly string[], options: { stdin?: string } = {}): Promise<Outcome> {
    return await run([...this.#enter(host), ...argv], options);
  }

  /** Runs a command that must succeed on a host; returns what it wrote. Throws CommandError. */
  async must(host: Host, argv: readonly string[], options: { stdin?: string } = {}): Promise<string> {
    return await must([...this.#enter(host), ...argv], options);
  }

  /** Starts a program on a host; it ends with the network, if not before. */
  spawn(host: Host, argv: readonly string[], env: Record<string, string> = {}): Process {
    const process = new Process([...this.#enter(host), ...argv], env);
    this.#processes.push(process);
    return process;
  }

  /**
   * Makes the NAT forget its connections and use other public ports from now on, as after a restart of it.
   *
   * @param then a shell command that is run at once
   */
  async remapNat(then = ":"): Promise<void> {
    const first = 20000 + 1000 * (this.#remaps++ % 40);
    await this.#remap(natRules(`masquerade to :${first}-${first + 999}`), then);
  }

  /** Makes the NAT forget its connections and give the two clients these public UDP ports from now on. */
  async mapNat(ports: Readonly<Record<"client" | "client2", string>>): Promise<void> {
    const rules = Object.entries(ports).map(([host, port]) =>
      `ip saddr ${ADDRESS[host as Host]} meta l4proto udp masquerade to :${port}`
    );
    await this.#remap(natRules("masquerade", rules.join("\n")));
  }

  async #remap(rules: string, then = ":"): Promise<void> {
    await this.must("nat", ["sh", "-ec", `nft -f -; conntrack -F; ${then}`], { stdin: rules });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill("SIGKILL")));
    const namespaces = this.#present();
    // Programs may have left others behind.
    const inodes = new Set(namespaces.map((name) => inodeOf(`${NAMESPACES}/${name}`)));
    for (const { name } of Deno.readDirSync("/proc")) {
      if (/^\d+$/.test(name) && inodes.has(inodeOf(`/proc/${name}/ns/net`) ?? 0)) killNow(Number(name));
    }
    await ipBatch(namespaces.map((name) => `netns delete ${name}`));
  }

  /** The names of this network's namespaces that exist. */
  #present(): string[] {
    return this.#hosts.map((host) => this.ns(host)).filter((name) => {
      return inodeOf(`${NAMESPACES}/${name}`) !== undefined;
    });
  }

  #enter(host: Host): string[] {
    return ["ip", "netns", "exec", this.ns(host)];
  }

  async #build(): Promise<void> {
    const hosts = this.#hosts;
    await ipBatch([
      ...hosts.map((host) => `netns add ${this.ns(host)}`),
      this.#cable("server", "eth0", "router", "server"),
      this.#cable("nat", "wan", "router", "nat"),
      this.#cable("client", "eth0", "nat", "client"),
      ...hosts.includes("client2") ? [this.#cable("client2", "eth0", "nat", "client2")] : [],
      ...hosts.includes("direct") ? [this.#cable("direct", "eth0", "router", "direct")] : [],
    ]);
    await Promise.all(hosts.map((host) => ipBatch(this.#configuration(host), this.ns(host))));
    const forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
    await this.must("router", ["sh", "-ec", forward]);
    await this.must("nat", ["sh", "-ec", `${forward}; nft -f -`], { stdin: natRules("masquerade") });
  }

  #cable(host: Host, device: string, peer: Host, peerDevice: string): string {
    const there = `name ${peerDevice} netns ${this.ns(peer)}`;
    return `link add ${device} netns ${this.ns(host)} type veth peer ${there}`;
  }

  /** What is said to `ip` in a host's namespace. */
  #configuration(host: Host): string[] {
    // Without IPv6 addresses of their own, devices have none that change a second later.
    const start = (device: string) => `link set dev ${device} addrgenmode none up`;
    const up = (
      device: string,
      address: string,
    ) => [`address add ${address}/24 dev ${device}`, start(device)];
    const leaf = (gateway: string) => [...up("eth0", ADDRESS[host]), `route add default via ${gateway}`];
    const loopback = "link set dev lo up";
    switch (host) {
      case "server":
        return [loopback, ...leaf("192.0.2.254")];
      case "direct":
        return [loopback, ...leaf("203.0.113.254")];
      case "client":
      case "client2":
        return [loopback, ...leaf("10.0.1.1")];
      case "router": {
        const direct = this.#hosts.includes("direct") ? up("direct", "203.0.113.254") : [];
        return [loopback, ...up("server", ADDRESS.router), ...up("nat", "198.51.100.254"), ...direct];
      }
      case "nat": {
        const ports = this.#hosts.filter((name) => name === "client" || name === "client2");
        return [
          loopback,
          ...up("wan", ADDRESS.nat),
          "route add default via 198.51.100.254",
          "link add lan type bridge",
          ...ports.flatMap((port) => [`link set dev ${port} master lan`, start(port)]),
          ...up("lan", "10.0.1.1"),
        ];
      }
    }
  }
}

/** The NAT's rules; `masquerade` is the statement for protocols with ports, `first` is a rule before all others. */
function natRules(masquerade: string, first = ""): string {
  return `table ip nat
delete table ip nat
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${first}
    oifname wan meta l4proto { tcp, udp } ${masquerade}
    oifname wan masquerade
  }
  chain input {
    type filter hook input priority filter
    iifname wan meta l4proto { tcp, udp } ct state != established drop
  }
}
`;
}

/** What a file is known by in the kernel; undefined when it does not exist. */
function inodeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).ino ?? undefined;
  } catch (error) {
    // A process that is about to be gone may not be looked into.
    const { NotFound, PermissionDenied } = Deno.errors;
    if (error instanceof NotFound || error instanceof PermissionDenied) return undefined;
    throw error;
  }
}

function killNow(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function ipBatch(lines: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ["-netns", namespace];
  await must(["ip", ...where, "-batch", "-"], { stdin: lines.map((line) => `${line}\n`).join("") });
}
