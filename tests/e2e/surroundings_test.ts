import assert from "node:assert/strict";
import { ADMIN_RULES } from "../lab/admin_rules.ts";
import { ADDRESS } from "../lab/network.ts";
import { INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";
import { exchange, serveTcp, turnOffOffloads } from "./tcp.ts";

const TOKEN = ["--auth-token", "open sesame"];

/** The ruleset of a home router: it masquerades what leaves, and drops unsolicited packets. */
const HOME_ROUTER = `table ip home {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname lo accept
    ct state established,related accept
    ct state invalid drop
    iifname "ipipou*" accept
    udp dport 10001 ct state new,untracked accept
  }
  chain postrouting {
    type nat hook postrouting priority 100
    oifname eth0 masquerade
  }
}
`;

Deno.test("beside a masquerading, stateful, default-drop ruleset, with the main and a private local address", async (t) => {
  await using scenario = await Scenario.create();
  await scenario.network.must("server", ["nft", "-f", "-"], { stdin: HOME_ROUTER });
  const before = await scenario.snapshot("server");
  const settings = (alt: boolean) =>
    `server = true\nnumber = 1\nfou.local = "@eth0"\nforce-fou-local-ip-alt = ${alt}\n` +
    `auth.token = "${TOKEN[1]}"\n`;
  const server = scenario.start("server", "--config", await scenario.write("server.toml", settings(false)));
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const bothWays = async (local: string) => {
    const device = await scenario.network.must("server", ["ip", "-d", "link", "show", "dev", "ipipou1"]);
    assert.match(device, new RegExp(` local ${local} `));
    await exchange(scenario, "client", INNER.server);
    await exchange(scenario, "server", INNER.client);
  };
  for (const host of ["server", "client"] as const) {
    await serveTcp(scenario, host);
    await turnOffOffloads(scenario, host);
  }
  await t.step("the main address", () => bothWays("192\\.0\\.2\\.1"));
  await t.step("a private address", async () => {
    await scenario.reload(server, "server.toml", settings(true));
    client.signal("SIGUSR1");
    await server.waitForLine(/authenticated again|tunnel up/, PATIENCE);
    await bothWays("172\\.29\\.0\\.1");
  });
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

/** The forms that rulesets of firewalls have, each with what it takes to open the tunnel's port and let its device in. */
const FIREWALLS = {
  "as in the examples of nftables": ADMIN_RULES,
  "of ufw": `table ip fw {
  chain input {
    type filter hook input priority filter; policy drop;
    iifname lo accept
    ct state related,established accept
    ct state invalid drop
    udp dport 10001 accept
    iifname ipipou1 accept
  }
  chain output {
    type filter hook output priority filter; policy accept;
    ct state related,established accept
    ct state new accept
  }
}`,
  "of firewalld": `table inet fw {
  chain input {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname lo accept
    iifname ipipou1 accept
    udp dport 10001 ct state { new, untracked } accept
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
}`,
  "of fw4": `table inet fw {
  chain input {
    type filter hook input priority filter; policy drop;
    iifname lo accept
    ct state vmap { established : accept, related : accept }
    iifname eth0 jump input_wan
    iifname ipipou1 accept
  }
  chain input_wan { meta nfproto ipv4 udp dport 10001 counter accept; drop; }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname lo accept
    ct state vmap { established : accept, related : accept }
  }
}`,
  "of Docker": `table ip fw {
  chain user { }
  chain docker { iifname != docker0 oifname docker0 drop; }
  chain forward {
    type filter hook forward priority filter; policy drop;
    jump user
    oifname docker0 ct state related,established accept
    oifname docker0 jump docker
    iifname docker0 accept
  }
  chain ports { iifname != docker0 tcp dport 8080 dnat to 172.17.0.2:80; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump ports; }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 172.17.0.0/16 oifname != docker0 masquerade
  }
}`,
  "that let out only what they name": `table inet fw {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    udp dport 10001 ct state new,untracked accept
    iifname ipipou1 accept
  }
  chain output {
    type filter hook output priority filter; policy drop;
    ct state established,related accept
    udp sport 10001 ct state untracked accept
    oifname ipipou1 accept
  }
}`,
} as const;

Deno.test("beside rulesets of every usual form", async (t) => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  for (const [form, rules] of Object.entries(FIREWALLS)) {
    await t.step(form, async () => {
      await network.must("server", ["nft", "-f", "-"], { stdin: `${rules}\n` });
      client.signal("SIGUSR1");
      await server.waitForLine(/authenticated again/, PATIENCE);
      await scenario.ping("client");
      await scenario.ping("server", INNER.client);
      const [, family] = rules.split(" ");
      await network.must("server", ["nft", "delete", "table", family!, "fw"]);
    });
  }
});

/** Puts a host's only device into a VRF, its default route with it. */
async function enslave({ network }: Scenario, host: "server" | "client", gateway: string): Promise<void> {
  const commands = [
    "ip link add vrf1 type vrf table 10",
    "ip link set dev vrf1 up",
    "ip link set dev eth0 master vrf1",
    `ip route add default via ${gateway} vrf vrf1`,
  ];
  await network.must(host, ["sh", "-ec", commands.join("\n")]);
}

Deno.test("what a client sends is forwarded beside Docker's rules once DOCKER-USER lets it", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  const server = await scenario.server(...TOKEN);
  await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const masquerade =
    "add table ip admin; add chain ip admin out { type nat hook postrouting priority 90; }; " +
    "add rule ip admin out oifname eth0 masquerade";
  await network.must("server", ["sh", "-ec", `echo 1 > /proc/sys/net/ipv4/ip_forward; nft '${masquerade}'`]);
  await network.must("server", ["nft", "-f", "-"], { stdin: `${FIREWALLS["of Docker"]}\n` });
  await network.must("client", ["ip", "route", "add", `${ADDRESS.direct}/32`, "dev", "ipipou1"]);
  assert.equal(await scenario.answers("client", ADDRESS.direct), false);
  const rules = 'add rule ip fw user iifname "ipipou*" accept; ' +
    'add rule ip fw user oifname "ipipou*" ct state established,related accept';
  await network.must("server", ["nft", rules]);
  await scenario.ping("client", ADDRESS.direct);
});

Deno.test("in a VRF, FOU port, tunnel and auth packets are bound to its device, without which nothing works there", async (t) => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  await enslave(scenario, "server", "192.0.2.254");
  await enslave(scenario, "client", "10.0.1.1");
  for (const [own, far] of [["@eth0", ADDRESS.client], [ADDRESS.server, "@vrf1"]] as const) {
    await t.step(`server -b ${own}, client -b ${far}`, async () => {
      const replies = [...TOKEN, "--reply-on-auth-ok"];
      const server = scenario.start("server", "-s", "-n1", "-b", own, ...replies);
      await server.waitForLine(/waiting for clients/, PATIENCE);
      assert.match(
        await network.must("server", ["ip", "fou", "show"]),
        / local 192\.0\.2\.1 dev (eth0|vrf1) *$/m,
      );
      const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
      const client = scenario.start("client", "-n1", "-b", far, ...remote, ...replies);
      await client.waitForLine(/accepted by/, PATIENCE);
      await scenario.ping("client");
      await scenario.ping("server", INNER.client);
      assert.equal((await client.kill()).code, 0);
      assert.equal((await server.kill()).code, 0);
      assert.equal(await network.must("server", ["ip", "fou", "show"]), "");
    });
  }
});

Deno.test("a device may be given by an alternative name, and a standing tunnel on it is taken over and kept", async () => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  for (const host of ["server", "client"] as const) {
    await network.must(host, ["ip", "link", "property", "add", "dev", "eth0", "altname", "wan0"]);
  }
  const start = (host: "server" | "client", ...args: string[]) =>
    scenario.start(host, "-n1", "-b@wan0", ...TOKEN, ...args);
  const server = start("server", "-s", "--force-fou-local-ip-alt");
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
  const client = start("client", ...remote);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  const indexes = () => network.must("server", ["sh", "-c", "cat /sys/class/net/ipipou1/ifindex"]);
  const before = await indexes();
  await server.kill("SIGKILL");
  const next = start("server", "-s", "--force-fou-local-ip-alt");
  await next.waitForLine(/waiting for clients/, PATIENCE);
  assert.equal(await indexes(), before);
  await network.must("server", ["ip", "address", "delete", "172.29.0.1/32", "dev", "lo"]);
  await next.waitForLine(/ip address add 172\.29\.0\.1\/32/, PATIENCE);
  await scenario.ping("client");
  for (const process of [client, next]) assert.equal((await process.kill()).code, 0);
});
