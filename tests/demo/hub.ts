import { ADDRESS } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { check, CONFIG_FOLDER, IPIPOU, type Stage } from "./stage.ts";

const INNER = "172.28.16.1";
const SETTINGS = `server = true
reply-on-auth-ok = true
fou.local = ":10001@eth0"
tunl.net = "172.28.16.0/20"
auth.secret-file = "hub.secret"
`;
/** What the clients are called on the hub. */
const CLIENTS = { client: "office", client2: "home", direct: "guest" } as const;
const HOSTS = Object.keys(CLIENTS) as (keyof typeof CLIENTS)[];
const LOG = ["--no-log-time", "--no-log-pid"];

/** A server's firewall that forgets what comes out of the tunnels. */
const FIREWALL = `table inet filter {
  chain input {
    type filter hook input priority 0; policy drop
    ct state established,related accept
    iifname "lo" accept
    udp dport 10001 accept
  }
}
`;

/** A server with three clients, and how an administrator looks after them. */
export class Hub {
  readonly server: Process;
  readonly clients: Process[] = [];
  readonly #stage: Stage;

  private constructor(stage: Stage, server: Process) {
    this.#stage = stage;
    this.server = server;
  }

  /** Starts the server, and one client after the other. */
  static async start(stage: Stage): Promise<Hub> {
    stage.step(
      "A hub with three clients,",
      "two behind the NAT, and the stranger, who is invited now. Each gets a tunnel and a device of its own, by",
      "one command on the server. What it prints is pasted into the client's shell.",
    );
    await stage.write("server", "hub.toml", SETTINGS);
    await stage.write("server", "hub.secret", "a secret of all\n");
    await Deno.mkdir(`${stage.folder("server")}/hub.peers`);
    await stage.show("server", ["cat", `${CONFIG_FOLDER}/hub.toml`]);
    const server = stage.start("server", [IPIPOU, "--config", "hub", ...LOG]);
    await stage.expect(server, /waiting for clients/);
    const hub = new Hub(stage, server);
    for (const host of HOSTS) await hub.#add(host);
    return hub;
  }

  async #add(host: keyof typeof CLIENTS): Promise<void> {
    const name = CLIENTS[host];
    const words = ["peer", "add", "hub", name, "--make-key", "--endpoint", ADDRESS.server, "--line"];
    const line = await this.#stage.show("server", [IPIPOU, ...words], /^(wrote|told) /);
    await this.#stage.paste(host, line);
    const client = this.#stage.start(host, [IPIPOU, "--config", "hub", ...LOG]);
    this.clients.push(client);
    await this.#stage.expect(client, /accepted by/);
  }

  /** Shows how all of them are. */
  async showStatus(): Promise<void> {
    this.#stage.step("How are they?", "The running server tells.");
    for (const host of HOSTS) {
      const answer = await this.#stage.show(host, ["ping", "-c1", INNER], /bytes from/);
      check(answer.includes("bytes from"), "a ping through the tunnel was lost");
    }
    const all = await this.#stage.show("server", [IPIPOU, "status"]);
    check(/: 3 of 3 peers up$/m.test(all), "not all three clients are up");
    this.#stage.kept("all three are up, the two behind one address, too");
  }

  /** Breaks something, has it found, and cures it. */
  async showDoctor(): Promise<void> {
    const stage = this.#stage;
    stage.step(
      "What is wrong?",
      "The server gets a firewall that lets the UDP port in, and forgets what comes out of the tunnels. The clients",
      "stay authenticated, and no data gets through.",
    );
    await stage.write("server", "firewall.nft", FIREWALL);
    await stage.show("server", ["nft", "-f", `${CONFIG_FOLDER}/firewall.nft`]);
    const ping = stage.start("client", ["ping", "-i0.2", INNER]);
    const said = await stage.show("server", [IPIPOU, "doctor", "hub"]);
    const cure = /^ +cure: (nft .*)$/m.exec(said)?.[1];
    check(cure !== undefined, "doctor knows no cure");
    check(ping.lines.every((line) => !line.includes("bytes from")), "the firewall let data in");
    stage.kept("doctor traced the pings through the firewall, and names the rule and the cure");
    await stage.paste("server", cure!, cure);
    await stage.expect(ping, /bytes from/);
    await ping.kill();
    stage.kept("pings are answered again");
    await stage.show("server", ["nft", "delete", "table", "inet", "filter"]);
  }
}
