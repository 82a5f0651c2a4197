import assert from "node:assert/strict";
import { type Finding, Practice } from "./practice.ts";
import { eventually, INNER, IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

const SERVER = `server = true
number = 1
reply-on-auth-ok = true
[fou]
local = "@eth0"
[auth]
token-file = "office.token"
`;
const CLIENT = `number = 1
reply-on-auth-ok = true
[fou]
local = "@eth0"
remote = "192.0.2.1:10001"
[tunl]
ip = "${INNER.client}"
[auth]
token-file = "office.token"
`;
/** A server's firewall that lets nothing in that it does not know. */
const FIREWALL = `table inet admin {
  chain input {
    type filter hook input priority 0; policy drop
    ct state established,related accept
    iifname "lo" accept
  }
}`;

/** Starts both sides. */
async function connect(scenario: Scenario): Promise<void> {
  await scenario.write("office.token", "hunter2\n");
  const server = scenario.start("server", "--config", await scenario.write("server.toml", SERVER));
  await server.waitForLine(/waiting for clients at/, PATIENCE);
  const client = scenario.start("client", "--config", await scenario.write("client.toml", CLIENT));
  await client.waitForLine(/accepted by/, PATIENCE);
}

Deno.test("ipipou doctor names the rules of a server's firewall that drop data, and its cures let it in", async () => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  await connect(scenario);
  await network.must("server", ["nft", "-f", "-"], { stdin: FIREWALL });
  const before = await scenario.snapshot("server");
  const pings = network.spawn("client", ["ping", "-i0.2", INNER.server]);
  const examine = async () => {
    let findings: readonly Finding[] = [];
    await eventually("a packet comes by while doctor looks", async () => {
      const all = (await practice.examine(SERVER, { host: "server" })).findings;
      findings = all.filter(({ topic }) => topic === "firewall");
      return findings[0]!.level !== "unseen";
    });
    assert.deepEqual(findings.map(({ level }) => level), ["fault"], JSON.stringify(findings));
    return findings[0]!;
  };
  const udp = await examine();
  assert.equal(
    udp.what,
    "inet admin input drops UDP from the other side to port 10001: its policy is drop",
  );
  assert.match(udp.why!, /^(\d+) of \1 such packets/);
  assert.equal(await scenario.snapshot("server"), before);
  await network.must("server", udp.cure!.split(" "));
  const inner = await examine();
  assert.equal(inner.what, "inet admin input drops what comes out of ipipou1: its policy is drop");
  await network.must("server", inner.cure!.split(" "));
  await pings.waitForLine(/icmp_seq/, PATIENCE);
  const { of } = await practice.examine(SERVER, { host: "server" });
  assert.match(
    of("firewall")[0]!,
    /^ok: \d+ packets of the instance were traced through nftables: none is dropped$/,
  );
});

Deno.test("ipipou doctor traces a client's own packets, and leaves no trace of that, however it ends", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  await connect(scenario);
  const client = (rules: string) => network.must("client", ["nft", "-f", "-"], { stdin: rules });
  await t.step("nothing is dropped", async () => {
    const { of, code, findings } = await practice.examine(CLIENT);
    assert.match(of("firewall")[0]!, /^ok: \d+ packets/);
    assert.equal(code, 0, JSON.stringify(findings));
  });
  const before = await scenario.snapshot("client");
  await t.step("what goes out, and what comes out of the tunnel", async () => {
    await client(
      "table ip f { chain o { type filter hook output priority 0; udp sport 10001 counter drop; }; }",
    );
    const { of } = await practice.examine(CLIENT);
    assert.ok(
      of("firewall")[0]!.startsWith(
        "fault: ip f o drops UDP from port 10001 to the other side: udp sport 10001",
      ),
    );
    await client("delete table ip f");
    await client(
      "table ip f { chain i { type filter hook input priority 0; iifname ipipou1 jump j; }; chain j { drop; }; }",
    );
    assert.deepEqual((await practice.examine(CLIENT)).of("firewall"), [
      "fault: ip f j drops what comes out of ipipou1: drop",
    ]);
    await client("delete table ip f");
  });
  const file = `${scenario.directory}/office.toml`;
  const tables = () => network.must("client", ["nft", "list", "tables"]);
  for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
    await t.step(`it is ended by ${signal} while it traces`, async () => {
      // Pings that are lost make it take its time.
      await client("table ip f { chain i { type filter hook input priority 0; iifname ipipou1 drop; }; }");
      const process = network.spawn("client", [
        "/usr/bin/env",
        "-i",
        "PATH=/usr/sbin:/usr/bin",
        IPIPOU,
        "doctor",
        file,
      ]);
      await eventually("it traces", async () => (await tables()).includes("ipipou-doctor-"));
      await process.kill(signal);
      await eventually("nothing is left", async () => !(await tables()).includes("ipipou-doctor-"));
      await client("delete table ip f");
      assert.equal(await scenario.snapshot("client"), before);
    });
  }
});
