import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { must } from "../../tools/command.ts";
import { eventually, PATIENCE, Scenario } from "./scenario.ts";

const HUB = "172.28.0.2";
const HOSTS: Readonly<Record<string, Host>> = { a: "client", b: "client2", c: "direct", d: "direct" };

/** Settings of a hub with these peers; `d` has a private address of its own. */
function hubToml(names: string): string {
  const tables = [...names].map((name) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "172.28.0.1${name.charCodeAt(0) - 96}"\n` +
    `auth.token = "the token of ${name}"\n` +
    (name === "d" ? 'fou.local-ip-alt = "172.29.0.77"\nforce-fou-local-ip-alt = true\n' : "")
  );
  return `server = true\nnumber = 1\nfou.local = "@eth0"\ntunl.ip = "${HUB}"\n${tables.join("")}`;
}

Deno.test("a tunnel device that was moved to another network namespace is nobody's trouble but its peer's", async (t) => {
  await using scenario = await Scenario.create({ client2: true, direct: true });
  const { network } = scenario;
  const box = `box-${crypto.randomUUID().slice(0, 4)}`;
  await using resources = new AsyncDisposableStack();
  await must(["ip", "netns", "add", box]);
  resources.defer(async () => void await must(["ip", "netns", "delete", box]));
  const before = await scenario.snapshot("server");
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", hubToml("ab")));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  const join = async (name: string): Promise<Process> => {
    const inner = ["--tunl-ip", `172.28.0.1${name.charCodeAt(0) - 96}`, "--tunl-peer-ip", HUB];
    const token = ["--auth-token", `the token of ${name}`];
    const words = ["-n1", "-b@eth0", "-r192.0.2.1:10001", ...inner, ...token];
    const client = scenario.start(HOSTS[name]!, ...words);
    await hub.waitForLine(new RegExp(` ${name}: tunnel up`), PATIENCE);
    return client;
  };
  const moveAway = (name: string) => network.must("server", ["ip", "link", "set", "dev", name, "netns", box]);
  await join("a");
  await t.step("it is told, and the peer gets a private address", async () => {
    await moveAway("a");
    await hub.waitForLine(
      /Warning: a: a tunnel device from 192\.0\.2\.1 to 198\.51\.100\.2 was moved /,
      PATIENCE,
    );
    await eventually("a is in again", () => scenario.answers("client", HUB));
  });
  await t.step("others come in, also by a reload", async () => {
    await join("b");
    await scenario.reload(hub, "hub.toml", hubToml("abd"));
    const client = await join("d");
    for (const host of ["client", "client2", "direct"] as const) await scenario.ping(host, HUB);
    await moveAway("d");
    await hub.waitForLine(/Error: d: .*172\.29\.0\.77; .*kept out/, PATIENCE);
    for (const host of ["client", "client2"] as const) await scenario.ping(host, HUB);
    await client.kill();
    await scenario.reload(hub, "hub.toml", hubToml("abc"));
    await join("c");
    await scenario.ping("direct", HUB);
  });
  await t.step("a stop removes what was moved away, too", async () => {
    assert.equal((await hub.kill()).code, 0);
    const left = await must(["ip", "-netns", box, "-o", "link", "show", "type", "ipip"]);
    assert.doesNotMatch(left, /: [a-d]@/);
    assert.equal(await scenario.snapshot("server"), before);
  });
});
