import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { Document, Reader } from "./reader.ts";
import { INNER, makeKeys } from "./scenario.ts";

const WAITING = /waiting for clients at/;
const ACCEPTED = /accepted by 192\.0\.2\.1:10001/;
const TOKEN = "--reply-on-auth-ok --auth-token-file /etc/ipipou/office.token";
const SERVER = `ipipou -s -n 1 -b @eth0 ${TOKEN}`;

const networks = await Document.read("docs/networks.md");

/** A server and clients with the same token. */
async function withToken(): Promise<Reader> {
  const reader = await Reader.create({ direct: true });
  for (const host of ["server", "client", "direct"] as const) {
    await reader.write(host, "office.token", "open sesame");
  }
  return reader;
}

Deno.test("a second uplink is used by a rule for its address, or for a mark, as docs/networks.md shows", async () => {
  await using reader = await withToken();
  const { scenario } = reader;
  const router = scenario.network.ns("router");
  await reader.run(
    "direct",
    `ip link add eth1 type veth peer second netns ${router}
ip address add 203.0.114.2/24 dev eth1
ip link set dev eth1 up
ip -n ${router} address add 203.0.114.254/24 dev second
ip -n ${router} link set dev second up`,
  );
  await reader.run("direct", networks.block("ip route add default via"));
  const server = await reader.start("server", SERVER, WAITING);
  for (const local of ["203.0.114.2", "203.0.114.2@eth1", "@eth1"]) {
    const client = `ipipou -n 1 -b ${local} -r server.example:10001 --tunl-ip ${INNER.client} ${TOKEN}`;
    const running = await reader.start("direct", client, ACCEPTED);
    await scenario.ping("direct");
    assert.deepEqual(await running.kill(), { code: 0 });
  }
  await reader.run("direct", "ip rule delete from 203.0.114.2 lookup 102");
  const marked = await reader.start("direct", networks.block("ip rule add fwmark"), ACCEPTED);
  await scenario.ping("direct");
  assert.match(await reader.run("server", "ipipou status"), /203\.0\.114\.2/);
  assert.deepEqual([await marked.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
});

Deno.test("all traffic goes through the tunnel with the settings and commands of docs/networks.md", async () => {
  await using reader = await Reader.create({ direct: true });
  const { privateKey, publicKey } = makeKeys();
  await reader.write("client", "office.key", `${privateKey}\n`);
  for (const host of ["server", "client"] as const) await reader.write(host, "office.secret", "a secret\n");
  await reader.write("client", "office.toml", networks.block("number = 1"));
  await reader.run("server", networks.block("sysctl -w"));
  const auth = `--auth-remote-pubkey-b64 ${publicKey} --auth-secret-file /etc/ipipou/office.secret`;
  await reader.start("server", `ipipou -s -n 1 -b @eth0 --reply-on-auth-ok ${auth}`, WAITING);
  await reader.start("client", "ipipou --config office", ACCEPTED);
  const sources = reader.scenario.network.spawn("direct", ["tcpdump", "-nlc1", "icmp", "and", "icmp[0]=8"]);
  await sources.waitForLine(/listening on/, 60_000);
  await reader.scenario.ping("client", ADDRESS.direct);
  await sources.waitForLine(/IP 192\.0\.2\.1 > 203\.0\.113\.2: ICMP echo request/, 60_000);
});

Deno.test("a server works in a VRF that was made as docs/networks.md shows", async () => {
  await using reader = await withToken();
  await reader.start("server", networks.block("ip link add vrf1"), WAITING);
  const client = `ipipou -n 1 -r server.example:10001 --tunl-ip ${INNER.client} ${TOKEN}`;
  await reader.start("direct", client.replace("--reply-on-auth-ok ", ""), /set up/);
  await reader.scenario.ping("direct");
});

Deno.test("Docker's chain for users lets in what docs/networks.md says", async () => {
  await using reader = await withToken();
  const { scenario } = reader;
  await reader.run(
    "server",
    `sysctl -w net.ipv4.ip_forward=1
iptables -N DOCKER-USER
iptables -I FORWARD -j DOCKER-USER
iptables -P FORWARD DROP
iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE`,
  );
  await reader.start("server", SERVER, WAITING);
  await reader.start(
    "client",
    `ipipou -n 1 -r server.example:10001 --tunl-ip ${INNER.client} ${TOKEN}`,
    ACCEPTED,
  );
  await reader.run("client", `ip route add ${ADDRESS.direct} dev ipipou1`);
  assert.equal(await scenario.answers("client", ADDRESS.direct), false);
  await reader.run("server", networks.block("iptables -I DOCKER-USER"));
  await scenario.ping("client", ADDRESS.direct);
});

Deno.test("all that docs/networks.md shows was run", () => networks.assertDone());
