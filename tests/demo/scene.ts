import { ADDRESS, type Host, Network } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { Hub } from "./hub.ts";
import { check, CONFIG_FOLDER, IPIPOU, Mishap, print, Stage } from "./stage.ts";

const SERVER = `${ADDRESS.server}:10001`;
const INNER = { server: "172.28.0.2", client: "172.28.0.3" } as const;
const LOG = ["-vv", "--no-log-time", "--no-log-pid"];

/** State shared by the steps of the story. */
interface Cast {
  readonly network: Network;
  readonly stage: Stage;
}

async function makeKeys({ stage }: Cast): Promise<string> {
  stage.step("Keys", "The client's private key stays in a file of its own; the server needs the public one.");
  const keys = (await stage.show("client", [IPIPOU, "--auth-keygen", "-v"], /Public/)).split("\n");
  const [privateKey, publicKey] = keys.map((line) => line.replace(/.*: /, ""));
  await stage.write("client", "client.key", `${privateKey}\n`);
  for (const host of ["server", "client", "direct"] as const) {
    await stage.write(host, "secret", "a secret of both sides\n");
  }
  return publicKey!;
}

async function startServer({ stage }: Cast, publicKey: string): Promise<Process> {
  stage.step(
    "The server",
    "sets up a gate in nftables and then the kernel's FOU port behind it. The gate drops everything but",
    "datagrams that look like auth packets, a few a second; those go to the program.",
  );
  const auth = ["--auth-remote-pubkey-b64", publicKey, "--auth-secret-file", `${CONFIG_FOLDER}/secret`];
  const server = stage.start("server", [
    IPIPOU,
    "-s",
    "-n1",
    "-b@eth0",
    "--reply-on-auth-ok",
    ...auth,
    ...LOG,
  ]);
  await stage.expect(server, /waiting for clients/);
  stage.kept("the gate stands");
  return server;
}

function startClient({ stage }: Cast, host: Host, key: string, ...more: string[]): Process {
  const auth = [
    "--auth-key-file",
    `${CONFIG_FOLDER}/${key}`,
    "--auth-secret-file",
    `${CONFIG_FOLDER}/secret`,
  ];
  const where = ["-n1", "-b@eth0", "-r", SERVER, "--tunl-ip", INNER.client];
  return stage.start(host, [IPIPOU, ...where, ...auth, ...LOG, ...more]);
}

async function connect(cast: Cast, server: Process): Promise<Process> {
  const { stage } = cast;
  stage.step(
    "The client, behind the NAT,",
    "sets up its end and sends one signed auth packet. The server checks it, makes the other end towards the",
    "address it came from, and lets that address and port through the gate.",
  );
  const client = startClient(cast, "client", "client.key", "--keepalive", "5", "--reply-on-auth-ok");
  await stage.expect(server, /tunnel up to 198\.51\.100\.2:/);
  stage.kept("accepted: the server knows the client by the NAT's address");
  return client;
}

async function ping({ stage }: Cast): Promise<void> {
  stage.step("Data", "From here on the kernel carries every packet; the program sees none of them.");
  const answer = await stage.show("client", ["ping", "-c3", "-i0.3", INNER.server], /from|loss/);
  check(/ 0% packet loss/.test(answer), "pings through the tunnel were lost");
  stage.kept("the inner addresses reach each other");
}

async function refuseStranger(cast: Cast, server: Process): Promise<void> {
  const { network, stage } = cast;
  stage.step(
    "A stranger",
    "with a key of its own tries the same from another address, and sends data regardless.",
  );
  const wrongKey = (await network.must("direct", [IPIPOU, "--auth-keygen"])).split("\n")[0];
  await stage.write("direct", "stranger.key", `${wrongKey}\n`);
  const stranger = startClient(cast, "direct", "stranger.key");
  await stage.expect(server, /refused auth packet from 203\.0\.113\.2:10001: wrong signature/);
  const answer = await stage.show("direct", ["ping", "-c3", "-i0.3", "-W1", INNER.server], /from|loss/);
  check(/100% packet loss/.test(answer), "a stranger's data was answered");
  const rules = await stage.show(
    "server",
    ["nft", "list", "chain", "ip", "ipipou", "fou-ipipou1"],
    /vmap|drop/,
  );
  const dropped = Number(/^\s*counter packets (\d+) bytes \d+ drop$/m.exec(rules)?.[1]);
  check(dropped >= 3, "the gate did not count a stranger's packets as dropped");
  stage.kept("its auth packet was refused, and the gate's last rule dropped its data in the kernel");
  check((await stranger.kill()).code === 0, "the stranger's client did not stop cleanly");
}

async function roam(cast: Cast, server: Process): Promise<void> {
  const { network, stage } = cast;
  stage.step(
    "The NAT restarts",
    "and gives the client another public port. The next keepalive is an auth packet from there, and the server",
    "follows: one change of the device, one of the gate.",
  );
  await network.remapNat();
  await stage.expect(server, /moved from 198\.51\.100\.2:\d+ to 198\.51\.100\.2:\d+/);
  const answer = await stage.show("client", ["ping", "-c3", "-i0.3", INNER.server], /from|loss/);
  check(/ 0% packet loss/.test(answer), "pings were lost after the move");
  stage.kept("the tunnel works by the new way");
}

async function stop({ stage, network }: Cast, clients: readonly Process[], server: Process): Promise<void> {
  stage.step("The end", "SIGTERM to all: what they made goes, what was there before stays.");
  const codes = [...await Promise.all(clients.map((client) => client.kill())), await server.kill()];
  check(codes.every(({ code }) => code === 0), "a program did not stop with exit code 0");
  for (const host of ["server", "client"] as const) {
    const left = [
      await network.must(host, ["ip", "-o", "link", "show", "type", "ipip"]),
      await stage.show(host, ["ip", "fou", "show"]),
      await stage.show(host, ["nft", "list", "ruleset"]),
    ].join("").split("\n").filter((line) => line !== "" && !line.includes("tunl0"));
    check(left.length === 0, `${host} still has: ${left.join("; ")}`);
  }
  stage.kept("no device, no FOU port, no rule is left");
}

async function play(network: Network): Promise<void> {
  const stage = await Stage.create(network);
  const cast = { network, stage };
  const publicKey = await makeKeys(cast);
  const server = await startServer(cast, publicKey);
  const client = await connect(cast, server);
  await ping(cast);
  await refuseStranger(cast, server);
  await roam(cast, server);
  await stop(cast, [client], server);
  const hub = await Hub.start(stage);
  await hub.showStatus();
  await hub.showDoctor();
  const result = Deno.env.get("LAB_RESULT");
  if (Deno.args.includes("--record") && result !== undefined) {
    await Deno.writeTextFile(result, await hub.record());
  }
  await stop(cast, hub.clients, hub.server);
}

const MAP = `Hosts, each a network namespace of this kernel, among them a stranger:

   server 192.0.2.1 --- router --- 198.51.100.2 NAT 10.0.1.1 --- 10.0.1.2 client
                           \\                               \\-- 10.0.1.3 client2
                            \\------------------------------- 203.0.113.2 stranger (direct)`;

print(MAP);
try {
  await using network = await Network.create({ client2: true, direct: true });
  await play(network);
  print("\nAll of it was as announced.");
} catch (error) {
  if (!(error instanceof Mishap)) throw error;
  print(`\nNot as announced: ${error.message}`);
  Deno.exitCode = 1;
}
