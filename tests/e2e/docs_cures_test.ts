import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { Document, Reader } from "./reader.ts";
import { PATIENCE } from "./scenario.ts";

const WAITING = /waiting for clients at/;
const ACCEPTED = /accepted by 192\.0\.2\.1:10001/;
const RUN = "ipipou --config office";

const cures = await Document.read("docs/troubleshooting.md");

/** Server and client with the files of docs/pair.md. */
async function withPair(): Promise<Reader> {
  const pair = await Document.read("docs/pair.md");
  const reader = await Reader.create();
  const publicKey = (await reader.run("client", pair.block("install -d /etc/ipipou"))).trim();
  for (const host of ["server", "client"] as const) await reader.write(host, "office.secret", "a secret\n");
  await reader.write("server", "office.toml", pair.block("server = true", { PUBLIC_KEY: publicKey }));
  await reader.write("client", "office.toml", pair.block("number = 1"));
  return reader;
}

Deno.test("what docs/install.md, docs/status.md and docs/log.md show works as written", async () => {
  const log = await Document.read("docs/log.md");
  const install = await Document.read("docs/install.md");
  const status = await Document.read("docs/status.md");
  await using reader = await withPair();
  const server = await reader.start("server", RUN, WAITING);
  const told = await reader.run("client", install.block("ipipou --config office --dry-run"));
  assert.match(told, /^ip link add name ipipou1 /m);
  // killall ends all processes of that name that it sees, so it sees none of another test's.
  const alone = `unshare --pid --fork --kill-child --mount-proc bash -c '${RUN} & wait'`;
  const killed = await reader.start("client", alone, ACCEPTED);
  const child = await must(["pgrep", "--parent", `${killed.pid}`]);
  const kill = install.block("killall").trim().split(" ");
  await must(["nsenter", `--target=${child.trim()}`, "--pid", "--mount", ...kill]);
  await killed.exit;
  await reader.scenario.ping("client");
  const client = await reader.start("client", RUN, ACCEPTED);
  const answer = await reader.run("client", status.block('echo \'{"get":"status"}\''));
  const [instance, tunnel] = answer.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([instance.name, instance.tunnels, tunnel.ifname], ["ipipou1", 1, "ipipou1"]);
  assert.deepEqual(await client.kill(), { code: 0 });
  await server.waitForLine(/ event=shut-out /, PATIENCE);
  await reader.write("server", "log", `${server.lines.join("\n")}\n`);
  await reader.standIn("journalctl", "exec cat /etc/ipipou/log");
  const shutOut = await reader.run("server", log.block("journalctl -fu"));
  assert.match(shutOut, /^.* event=shut-out peer=ipipou1 why=good-bye\n$/);
  log.assertDone();
  install.assertDone();
  status.assertDone();
});

Deno.test("what docs/export.md shows works as written", async () => {
  const document = await Document.read("docs/export.md");
  await using reader = await withPair();
  await reader.start("server", RUN, WAITING);
  await reader.run("client", document.block("ipipou export sh"));
  assert.equal(await reader.scenario.answers("client"), false);
  await reader.run("client", document.block("ipipou --config office --reauth-only"));
  await reader.scenario.ping("client");
  document.assertDone();
});

Deno.test("the server's firewall lets a tunnel in by the rules of docs/troubleshooting.md", async () => {
  await using reader = await withPair();
  await reader.run(
    "server",
    `nft 'table inet filter { chain input { type filter hook input priority filter; policy drop;
      ct state established,related accept; }; }'`,
  );
  await reader.start("server", RUN, WAITING);
  await reader.start("client", cures.block("env -i"), ACCEPTED);
  assert.equal(await reader.scenario.answers("client"), false);
  await reader.run("server", cures.block("nft add rule"));
  await reader.scenario.ping("client");
});

Deno.test("a path of a small MTU is measured and told to the tunnel as docs/troubleshooting.md shows", async () => {
  await using reader = await withPair();
  const mute =
    "nft 'table ip mute { chain c { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'";
  for (const [host, device] of [["router", "nat"], ["nat", "wan"]] as const) {
    await reader.run(host, `${mute}\nip link set dev ${device} mtu 1400`);
  }
  // The first command fails, as it says.
  const pings = await reader.run("client", `set +e\n${cures.block("ping -c 3")}`);
  assert.deepEqual(pings.match(/\d+% packet loss/g), ["100% packet loss", "0% packet loss"]);
  const server = await reader.start("server", RUN, WAITING);
  await reader.start("client", RUN, ACCEPTED);
  const path = `${reader.scenario.directory}/server/settings/office.toml`;
  await Deno.writeTextFile(path, cures.block("[tunl]"), { append: true });
  server.signal("SIGHUP");
  await server.waitForLine(/reload: /, PATIENCE);
  assert.match(await reader.run("server", "ip link show dev ipipou1"), / mtu 1372 /);
});

Deno.test("a container gets its FOU port as docs/troubleshooting.md shows", async () => {
  await using reader = await withPair();
  await reader.start("server", RUN, WAITING);
  const container = await reader.start(
    "client",
    `exec unshare --user --map-root-user --net bash -ec 'ip link add eth0 type dummy
ip address add 10.0.1.2/24 dev eth0
ip link set dev eth0 up
echo up
exec sleep 1000'`,
    /^up$/,
  );
  const inside = `nsenter --target=${container.pid} --user --net --preserve-credentials ${RUN}`;
  await assert.rejects(reader.run("client", inside), /Operation not permitted; FOU ports need/);
  await reader.run("client", cures.block("modprobe -a fou ipip", { PID: `${container.pid}` }));
  await reader.start("client", inside, /set up/);
});

Deno.test("all that docs/troubleshooting.md shows was run", () => cures.assertDone());
