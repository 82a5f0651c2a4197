import assert from "node:assert/strict";
import { INNER, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const REPLIES = ["--auth-secret", "a secret", "--reply-on-auth-ok"];

/** A server's firewall that lets nothing in that it does not know. */
const FIREWALL = `table inet admin {
  chain input {
    type filter hook input priority 0; policy drop
    ct state established,related accept
  }
}`;

/** Looks at a client whose data gets no answer. */
async function checkDeafness(scenario: Scenario, state: string, received: RegExp): Promise<void> {
  const { code, stdout } = await scenario.command("client", "status");
  assert.match(stdout, new RegExp(`^ {2}state +${state}\n {2}cure `, "m"));
  assert.match(stdout, received);
  assert.equal(code, 4, stdout);
}

Deno.test("a client behind whose back the server's firewall drops data says so, and the lines that it names help", async () => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  await network.must("server", ["nft", "-f", "-"], { stdin: FIREWALL });
  const { privateKey, publicKey } = makeKeys();
  await scenario.server(...REPLIES, "--auth-remote-pubkey-b64", publicKey);
  // Replies of this length count as data that the tunnel's device received.
  const client = await scenario.client(
    "client",
    ...REPLIES,
    "--auth-key-b64",
    privateKey,
    "--keepalive",
    "1",
  );
  await client.waitForLine(/accepted by/, PATIENCE);
  const pings = network.spawn("client", ["ping", "-i0.2", "-c100000", INNER.server]);
  const line = await client.waitForLine(/accepted by \S+, but nothing comes out of the tunnel/, PATIENCE);
  await checkDeafness(scenario, "authenticated, nothing received", /received +0 B, 0 B\/s$/m);
  const [udp] = /udp dport \d+ ct state new,untracked accept/.exec(line)!;
  assert.equal(udp, `udp dport ${PORT} ct state new,untracked accept`);
  const accept = (rule: string) => network.must("server", ["nft", `add rule inet admin input ${rule}`]);
  await accept(udp);
  assert.equal(await scenario.answers("client"), false);
  await accept('iifname "ipipou1" accept');
  await scenario.ping("client");
  assert.equal((await scenario.command("client", "status")).code, 0);
  await network.must("server", ["nft", "flush table inet admin"]);
  await client.waitForLine(/accepted by \S+, but nothing comes out of the tunnel/, PATIENCE);
  await checkDeafness(
    scenario,
    "silent: nothing came for \\d+ s, though something was sent",
    /received +[\d.]+ KiB, .*, noticed \d+ s ago$/m,
  );
  await pings.kill();
});
