import { ADDRESS, type Host } from "../lab/network.ts";
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

const RECORDER = new URL("recorder.py", import.meta.url).pathname;
/** How long the recorder runs, and what of it goes before the recording: until the sparklines are full. */
const SECONDS = { recorder: 26, before: 12 } as const;

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
    for (const host of HOSTS) await this.#ping(host);
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
    const ping = stage.start("client", ["ping", "-q", "-i0.02", INNER]);
    const said = await stage.show("server", [IPIPOU, "doctor", "hub"]);
    await ping.kill("SIGINT");
    check(ping.lines.some((line) => / 100% packet loss/.test(line)), "the firewall let data in");
    const cure = /^ +cure: (nft .*)$/m.exec(said)?.[1];
    check(cure !== undefined, "doctor knows no cure");
    stage.kept("doctor traced the pings through the firewall, and names the rule and the cure");
    await stage.paste("server", cure!, cure);
    await this.#ping("client");
    stage.kept("pings are answered again");
    await stage.show("server", ["nft", "delete", "table", "inet", "filter"]);
  }

  /** Shows how the server and its clients are while they carry data, and one leaves. @returns the recording */
  async record(): Promise<string> {
    const stage = this.#stage;
    stage.step("The picture", "The clients send and receive, and one leaves.");
    for (const [host, port, ...way] of [["client", "5201"], ["client2", "5202", "-R"]] as const) {
      stage.start("server", ["iperf3", "-s", "-p", port]).onLine = () => {};
      const command = ["iperf3", "-c", INNER, "-p", port, "-t", "1", "-b", "$rate", ...way].join(" ");
      const loop = `while :; do for rate in 1M 3M 8M 4M 2M; do ${command}; done; done > /dev/null 2>&1`;
      stage.start(host, ["sh", "-c", loop]);
    }
    stage.start("direct", ["ping", "-q", "-i0.1", INNER]);
    const leave = setTimeout(() => this.clients.at(-1)!.signal("SIGTERM"), 0.7 * SECONDS.recorder * 1_000);
    const recorder = ["python3", "-B", RECORDER, `${SECONDS.before}`, `${SECONDS.recorder}`, "104", "5"];
    const recording = await stage.show("server", [...recorder, IPIPOU, "status", "--watch"], /(?!)/);
    clearTimeout(leave);
    return recording;
  }

  async #ping(host: Host): Promise<void> {
    const answer = await this.#stage.show(host, ["ping", "-c1", INNER], /bytes from|loss/);
    check(answer.includes(" 0% packet loss"), "a ping through the tunnel was lost");
  }
}
