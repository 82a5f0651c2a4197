import { INNER, PATIENCE, PORT, Scenario } from "../e2e/scenario.ts";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";

/** Seconds between a client's auth packets: how soon it can notice what no kernel tells. */
export const KEEPALIVE = 2;

const TOKEN = ["--auth-token", "open sesame", "--reply-on-auth-ok"];

/** How the two ends are started. */
export interface TunnelOptions {
  /** Options of the server, beside the token. */
  readonly server?: readonly string[];
  /** Seconds between the client's auth packets; {@linkcode KEEPALIVE} if left out. */
  readonly keepalive?: number;
  /** The client's own address or device; its first device if left out. */
  readonly local?: string | null;
  /** The server as the client knows it. */
  readonly remote?: string;
  /** What is done before they are started. */
  readonly before?: (tunnel: Tunnel) => Promise<unknown>;
}

/** A line of a program's log. */
interface Line {
  /** When it was read, in milliseconds of Unix time. */
  readonly at: number;
  readonly text: string;
}

/** A client behind a NAT, its server, and a stranger behind the same NAT. */
export class Tunnel implements AsyncDisposable {
  readonly scenario: Scenario;
  readonly log: Line[] = [];
  readonly #options: TunnelOptions;
  #server!: Process;
  #client!: Process;

  private constructor(scenario: Scenario, options: TunnelOptions) {
    this.scenario = scenario;
    this.#options = options;
  }

  static async open(options: TunnelOptions): Promise<Tunnel> {
    await using resources = new AsyncDisposableStack();
    const scenario = resources.use(await Scenario.create({ client2: true }));
    const tunnel = new Tunnel(scenario, options);
    await options.before?.(tunnel);
    await tunnel.startServer();
    await tunnel.startClient();
    resources.move();
    return tunnel;
  }

  get server(): Process {
    return this.#server;
  }

  get client(): Process {
    return this.#client;
  }

  /** Runs a shell script on a host. */
  async sh(host: Host, script: string, stdin = ""): Promise<string> {
    return await this.scenario.network.must(host, ["sh", "-ec", script], { stdin });
  }

  async startServer(): Promise<void> {
    const { server = [] } = this.#options;
    this.#server = this.#note(this.scenario.start("server", "-s", "-n1", "-b", "@eth0", ...TOKEN, ...server));
    await this.#server.waitForLine(/waiting for clients at/, PATIENCE);
  }

  async startClient(): Promise<void> {
    const { keepalive = KEEPALIVE, local = "@eth0", remote = `192.0.2.1:${PORT}` } = this.#options;
    const bind = local === null ? [] : ["-b", local];
    const words = ["-r", remote, "--tunl-ip", INNER.client, "--keepalive", `${keepalive}`];
    this.#client = this.#note(this.scenario.start("client", "-n1", ...bind, ...words, ...TOKEN));
    await this.#client.waitForLine(/set up/, PATIENCE);
  }

  /**
   * What is in the kernels of both ends and does not depend on where they are: the rules of the server's gate,
   * without elements of sets; the tunnel devices with their addresses; the number of FOU ports.
   */
  async state(): Promise<string> {
    const devices = "ip -4 -o address show dev ipipou1 up | sed 's,^[^ ]* *,,'; ip fou show | wc -l";
    const list = (host: Host, script: string) => this.scenario.network.run(host, ["sh", "-c", script]);
    const [server, client] = await Promise.all([
      list("server", `${devices}; nft -s list table ip ipipou`),
      list("client", devices),
    ]);
    const rules = server.stdout.replace(/^\s+elements = \{[^}]*\}\n/gm, "");
    return rules.replaceAll(/192\.0\.2\.\d+|comment "ipipou:[^"]*"/g, "") + client.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]();
  }

  #note(process: Process): Process {
    process.onLine = (text) => this.log.push({ at: Date.now(), text });
    return process;
  }
}
