import assert from "node:assert/strict";
import { ADDRESS, type Host } from "../lab/network.ts";
import { onRouter } from "../lab/router.ts";
import { eventually, INNER, makeKeys, PORT, Scenario } from "./scenario.ts";

const { privateKey, publicKey } = makeKeys();
const SECRET = "a secret that nobody is told";

/** Debian's busybox would take its own `ip`, whatever is in PATH. */
const REAL_IP = 'ip() { /sbin/ip "$@"; }\n';

/** A client's file, with a network of its own. */
function clientFile(directory: string): string {
  return `number = 1
keepalive = 25
routes = ["10.9.0.0/16"]
[fou]
remote = "${ADDRESS.server}:${PORT}"
[tunl]
ip = "${INNER.client}"
[auth]
key-file = "${directory}/key"
secret = "${SECRET}"
`;
}

/** A network with a server that lets in the client, and the client's file. */
async function withServer(): Promise<{ scenario: Scenario; file: string }> {
  const scenario = await Scenario.create();
  await scenario.write("key", `${privateKey}\n`);
  await scenario.server("--auth-remote-pubkey-b64", publicKey, "--auth-secret", SECRET);
  return { scenario, file: await scenario.write("office.toml", clientFile(scenario.directory)) };
}

async function exported(scenario: Scenario, host: Host, format: string, file: string): Promise<string> {
  const { code, stdout, stderr } = await scenario.command(host, "export", format, file);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  for (const secret of [SECRET, privateKey]) assert.ok(!stdout.includes(secret));
  return stdout;
}

/** Authenticates as the head of what is exported says, until the tunnel works. */
async function authenticate(scenario: Scenario, file: string): Promise<void> {
  assert.equal(await scenario.answers("client"), false, "nothing is let in before");
  assert.equal((await scenario.command("client", "--config", file, "--reauth-only")).code, 0);
  await scenario.ping("client");
}

for (const shell of ["dash", "busybox"]) {
  Deno.test(`what is exported to sh brings a client's tunnel up and down in ${shell}, and leaves nothing`, async () => {
    const { scenario: created, file } = await withServer();
    await using scenario = created;
    const text = await exported(scenario, "client", "sh", file);
    const argv = shell === "dash" ? ["dash"] : onRouter(["sh"]);
    const stdin = shell === "dash" ? text : REAL_IP + text;
    const run = (...args: string[]) => scenario.network.run("client", [...argv, "-s", ...args], { stdin });
    const before = await scenario.snapshot("client");
    assert.equal((await run("up")).stderr, "");
    const up = await scenario.snapshot("client");
    assert.match(up, /10\.9\.0\.0\/16 dev ipipou1/);
    await authenticate(scenario, file);
    assert.equal((await run("up")).stderr, "");
    assert.equal(numberless(await scenario.snapshot("client")), numberless(up), "again");
    await scenario.ping("client");
    assert.deepEqual(await run("down"), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(await run("down"), { code: 0, stdout: "", stderr: "" });
    assert.equal(await scenario.snapshot("client"), before);
    assert.equal((await run()).code, 2);
    // Of others nothing is taken, and nothing is left halfway.
    for (const other of [`fou add port ${PORT} ipproto 4`, "link add name ipipou1 type dummy"]) {
      await scenario.network.must("client", ["ip", ...other.split(" ")]);
      const theirs = await scenario.snapshot("client");
      assert.notEqual((await run("up")).code, 0);
      assert.equal((await run("down")).code, 0);
      assert.equal(await scenario.snapshot("client"), theirs, other);
      await scenario.network.run("client", ["ip", "fou", "del", "port", `${PORT}`]);
    }
  });
}

function numberless(snapshot: string): string {
  return snapshot.replace(/^\d+: /gm, "");
}

Deno.test("what is exported of a server lets in a peer that is known by its place, and no stranger", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const file = await scenario.write(
    "hub.toml",
    `server = true
number = 1
[fou]
local = "@eth0"
[[peer]]
name = "office"
tunl.ip = "${INNER.server}"
tunl.peer-ip = "${INNER.client}"
fou.remote = "${ADDRESS.direct}:${PORT}"
auth.by-remote-ip = true
auth.by-remote-port = true
allowed-ips = ["10.78.0.0/16"]
[[peer]]
name = "home"
tunl.ip = "172.28.1.2"
tunl.peer-ip = "172.28.1.3"
auth.token = "${SECRET}"
`,
  );
  const text = await exported(scenario, "server", "sh", file);
  assert.match(text, /^# Not in here, .*: home$/m);
  const script = await scenario.write("script", text);
  const before = await scenario.snapshot("server");
  await scenario.network.must("server", ["sh", script, "up"]);
  await scenario.client("direct");
  await scenario.ping("direct");
  await scenario.addProbe("client", { fou: true });
  assert.equal(await scenario.answers("client"), false);
  await scenario.network.must("direct", ["ip", "address", "add", "10.77.0.1/32", "dev", "lo"]);
  const forged = ["ping", "-c3", "-i0.2", "-W1", "-I", "10.77.0.1", INNER.server];
  await scenario.network.must("server", ["ip", "route", "add", "10.77.0.1", "dev", "office"]);
  assert.notEqual((await scenario.network.run("direct", forged)).code, 0, "a source that is not allowed");
  await scenario.network.must("server", ["sh", script, "down"]);
  assert.equal(await scenario.snapshot("server"), before);
});

/** Has systemd-networkd see the host's devices, and files in /run, which is empty at first. */
const NETWORKD = `mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/network /run/systemd/netif
mount -o remount,ro /sys
sed '/^networkctl/d; s#/etc/#/run/#g' "$0" | sh -e
# It writes its state as a user of its own.
chmod -R 777 /run/systemd
exec /lib/systemd/systemd-networkd
`;

for (const local of [null, `${ADDRESS.client}:${PORT}@eth0`]) {
  const name = local === null ? "the address of its route" : "an address of its own";
  Deno.test(`what is exported to networkd is a tunnel from ${name} that systemd-networkd brings up`, async () => {
    const { scenario: created, file } = await withServer();
    await using scenario = created;
    const given = local === null ? "[fou]" : `[fou]\nlocal = "${local}"`;
    await scenario.write("office.toml", (await Deno.readTextFile(file)).replace("[fou]", given));
    const script = await scenario.write("files", await exported(scenario, "client", "networkd", file));
    const argv = ["unshare", "--mount", "sh", "-ec", NETWORKD, script];
    const networkd = scenario.network.spawn("client", argv);
    await eventually("it has given the address", async () => {
      const { stdout } = await scenario.network.run("client", ["ip", "route", "show", "dev", "ipipou1"]);
      return stdout.includes("10.9.0.0/16") && stdout.includes(INNER.server);
    });
    await authenticate(scenario, file);
    assert.match(await scenario.snapshot("client"), /table ip ipipou-export-ipipou1 /);
    await networkd.kill();
  });
}

/** Stand-ins for what only OpenWrt has. What UCI is told goes to standard error. */
const OPENWRT = `mount -t tmpfs none /etc
mkdir -p /etc/hotplug.d/iface /etc/init.d
printf '#!/bin/sh\\n' > /etc/init.d/network
chmod 755 /etc/init.d/network
uci() { cat >&2; }
hotplug() { (ACTION=$1 INTERFACE=wan; . /etc/hotplug.d/iface/40-ipipou-ipipou1); }
`;

const EVENTS = `ip link delete dev ipipou1
hotplug ifdown
if ip link show dev ipipou1 >/dev/null 2>&1; then echo "made too early"; fi
hotplug ifup
`;

Deno.test("what is exported to openwrt makes the device when another interface comes up, and says the rest to UCI", async () => {
  const { scenario: created, file } = await withServer();
  await using scenario = created;
  const text = await exported(scenario, "client", "openwrt", file);
  const pasted = text.replace("#!/bin/sh\n", `#!/bin/sh\n${REAL_IP}`);
  const stdin = OPENWRT + REAL_IP + pasted + EVENTS;
  const { code, stdout, stderr } = await scenario.network.run("client", onRouter(["sh", "-e"]), { stdin });
  assert.deepEqual([code, stdout], [0, ""], stderr);
  const option = (name: string) =>
    new RegExp(`^set network\\.ipipou1\\.${name}='(.*)'$`, "m").exec(stderr)?.[1];
  assert.equal(option("netmask"), "255.255.255.255");
  // As netifd does.
  const address = [option("ipaddr")!, "peer", option("ptpaddr")!, "dev", option("device")!];
  await scenario.network.must("client", ["ip", "address", "add", ...address]);
  await authenticate(scenario, file);
});

Deno.test("a server whose peers have to prove who they are is not exported", async () => {
  await using scenario = await Scenario.create();
  const file = await scenario.write(
    "s.toml",
    `server = true\nfou.local = "@eth0"\nauth.token = "${SECRET}"\n`,
  );
  const { code, stdout, stderr } = await scenario.command("server", "export", "sh", file);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^ipipou: Cannot export ipipou0: no peer is known by its address and port alone /m);
});
