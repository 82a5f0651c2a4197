import assert from "node:assert/strict";
import { must, run } from "../../tools/command.ts";
import { eventually, IPIPOU, type Keys, makeKeys, PATIENCE } from "../e2e/scenario.ts";
import { endUnharmed } from "../lab/pings.ts";
import { FAR, Instance, Machine, NEAR, UNIT_FILE } from "./machine.ts";

/** Inner addresses: both ends of this machine's two tunnels. */
const INNER = { office: "172.28.0.2", officeFar: "172.28.0.3", home: "172.28.0.7", homeFar: "172.28.0.6" };
const SECRET = "open sesame";
/** CAP_NET_ADMIN is number 12, CAP_NET_RAW 13. */
const CAPABILITIES = "0000000000003000";

function officeSettings({ publicKey }: Keys, more = ""): string {
  return `server = true
number = 1
reply-on-auth-ok = true
${more}
[fou]
local = "@eth0"
[auth]
remote-pubkey-b64 = "${publicKey}"
secret-file = "office.secret"
`;
}

const HOME_SETTINGS = `number = 2
reply-on-auth-ok = true
[fou]
local = "@eth1"
remote = "far.test:10003"
[tunl]
ip = "${INNER.home}"
[auth]
key-file = "home.key"
secret-file = "home.secret"
`;

const HUB_SETTINGS = `server = true
number = 4
[fou]
local = "@eth0"
[tunl]
net = "172.28.16.0/20"
[auth]
secret-file = "hub.secret"
`;

async function configure(machine: Machine, keys: Keys): Promise<void> {
  await machine.write("office.toml", officeSettings(keys), 0o644);
  await machine.write("home.toml", HOME_SETTINGS, 0o644);
  for (const name of ["office", "home"]) await machine.write(`${name}.secret`, `${SECRET}\n`, 0o600);
  await machine.write("home.key", `${keys.privateKey}\n`, 0o600);
  // Short enough for the test to wait for it.
  await machine.edit("home", "[Service]\nWatchdogSec=6\n");
}

/** Starts the server of the client `home`. Its device must exist already. */
async function startFarServer(machine: Machine, keys: Keys): Promise<void> {
  const auth = ["--auth-remote-pubkey-b64", keys.publicKey, "--auth-secret-file", "/etc/ipipou/home.secret"];
  const server = machine.spawnFar([IPIPOU, "-s", "-n3", "-b@eth1", ...auth, "--reply-on-auth-ok"]);
  await server.waitForLine(/waiting for clients/, PATIENCE);
}

async function startFarClient(machine: Machine): Promise<void> {
  const auth = ["--auth-key-file", "/etc/ipipou/home.key", "--auth-secret-file", "/etc/ipipou/office.secret"];
  const remote = ["-r", `${NEAR.ip}:10001`, "--tunl-ip", INNER.officeFar];
  const client = machine.spawnFar([IPIPOU, "-n1", "-b@eth0", ...remote, ...auth, "--reply-on-auth-ok"]);
  await client.waitForLine(/accepted by/, PATIENCE);
}

async function ping(address: string): Promise<void> {
  await must(["ping", "-c1", "-W5", "-w30", address]);
}

async function has(...argv: string[]): Promise<boolean> {
  return (await run(argv)).code === 0;
}

/** Adds a peer to a hub that runs under the unit, breaks other peers' files, and removes the peer. */
async function checkHub(machine: Machine): Promise<void> {
  await machine.write("hub.toml", HUB_SETTINGS, 0o644);
  await machine.write("hub.secret", `${SECRET}\n`, 0o600);
  await Deno.mkdir("/etc/ipipou/hub.peers");
  // A run by hand leaves this file.
  await must(["install", "-D", "-m600", "/dev/null", "/run/ipipou/hub/lock"]);
  const hub = new Instance(machine, "hub");
  await must(["systemctl", "start", hub.unit]);
  const peer = (...words: string[]) => must(["/usr/local/bin/ipipou", "peer", ...words]);
  const file = await peer("add", "hub", "far", "--make-key", "--endpoint", NEAR.ip);
  await hub.waitForMessage(/reload: far: added/);
  // The far host already has a tunnel from its first address.
  await must(["ip", "-n", "far", "address", "add", "192.0.2.3/24", "dev", "eth0"]);
  const local = 'local = "192.0.2.3:10004"';
  await machine.write("client.toml", file.replace("local-port = 10004", local), 0o600);
  const client = machine.spawnFar([IPIPOU, "--config", "/etc/ipipou/client.toml"]);
  await hub.waitForProperty("StatusText", /; 1 of 1 peers admitted$/);
  const inner = /^peer-ip = "(.*)"$/m.exec(file)![1]!;
  await must(["ip", "netns", "exec", "far", "ping", "-c1", "-W5", "-w30", inner]);
  const status = ["/usr/local/bin/ipipou", "status", "hub", "--peer", "far"];
  assert.match(await must(status), /^hub \(ipipou4\): server at .*\n {2}state +up$/m);
  assert.equal(await must(["stat", "-c%a", "/run/ipipou/hub/status.sock"]), "660\n");
  const goesOn = "; going on with the settings as they were";
  await machine.write("hub.peers/half.toml", "", 0o644);
  await must(["systemctl", "reload", hub.unit]);
  await hub.waitForMessage(new RegExp(`half\\.toml.* without a way to identify it.*${goesOn}`));
  await Deno.chmod("/etc/ipipou/hub.peers/half.toml", 0o600);
  await must(["systemctl", "reload", hub.unit]);
  await hub.waitForMessage(new RegExp(`half\\.toml .*Permission denied.*${goesOn}`));
  await must(["ip", "netns", "exec", "far", "ping", "-c1", "-W5", "-w30", inner]);
  await Deno.remove("/etc/ipipou/hub.peers/half.toml");
  await peer("remove", "hub", "far");
  await hub.waitForMessage(/reload: far: removed/);
  await hub.waitForProperty("StatusText", /; 0 of 0 peers admitted$/);
  await client.kill();
  const known = `fou.remote = "lost.test"\nauth.by-remote-ip = true\n`;
  await machine.write("hub.peers/lost.toml", known, 0o644);
  await must(["systemctl", "reload", hub.unit]);
  await hub.waitForProperty("StatusText", /; 0 of 1 peers admitted; cannot find lost\.test$/);
  await Deno.writeTextFile("/etc/hosts", "192.0.2.9 lost.test\n", { append: true });
  await hub.waitForMessage(/found the IPv4 address of lost\.test: 192\.0\.2\.9/);
  await hub.waitForProperty("StatusText", /; 0 of 1 peers admitted$/);
  await must(["systemctl", "stop", hub.unit]);
  assert.equal((await run(status.slice(0, 3))).code, 3);
  assert.equal(await hub.property("Result"), "success");
}

/** A drop-in takes an instance's credentials away, as images for LXC do. Either cure that it names helps. */
async function checkCredentials(machine: Machine, { publicKey }: Keys): Promise<void> {
  const settings = officeSettings({ publicKey, privateKey: "" }).replace("office", "bare");
  await machine.write("bare.toml", settings.replace("number = 1", "number = 5"), 0o644);
  await machine.write("bare.secret", `${SECRET}\n`, 0o600);
  const bare = new Instance(machine, "bare");
  await machine.edit("bare", "[Service]\nLoadCredential=\n", "zzz-lxc-service.conf");
  await run(["systemctl", "start", bare.unit]);
  const credential = "LoadCredential=bare.secret:/etc/ipipou/bare.secret";
  const { MESSAGE } = await bare.waitForMessage(
    /Cannot read \/etc\/ipipou\/bare\.secret .*Permission denied; a service/,
  );
  assert.match(
    MESSAGE,
    new RegExp(`put ${credential}, or else DynamicUser=no, into a drop-in that sorts after that$`),
  );
  for (const cure of [credential, "DynamicUser=no"]) {
    await machine.edit("bare", `[Service]\n${cure}\n`, "zzzz.conf");
    await must(["systemctl", "start", bare.unit]);
    await bare.waitForMessage(/waiting for clients/);
    await must(["systemctl", "stop", bare.unit]);
    assert.equal(await bare.property("Result"), "success");
  }
}

Deno.test("ipipou@.service runs tunnels under systemd", async (t) => {
  const keys = makeKeys();
  await using machine = await Machine.create();
  await configure(machine, keys);
  await must(["systemctl", "start", "nftables"]);
  const [office, home] = [new Instance(machine, "office"), new Instance(machine, "home")];
  await must(["systemctl", "start", "--no-block", office.unit, home.unit]);

  await t.step("its exposure is what its comments say", async () => {
    await must(["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=16", UNIT_FILE]);
  });
  await t.step(
    "a client waits for its device, address and server's name, and shows it in its status",
    async () => {
      const { PRIORITY } = await home.waitForMessage(/there is no such device.*; waiting for it/);
      assert.equal(PRIORITY, "4");
      await home.waitForProperty(
        "StatusText",
        /^waiting for the network device eth1: there is no such device/,
      );
      await machine.plug("eth1");
      await home.waitForMessage(/it has no IPv4 address; waiting for it/);
      await home.waitForProperty(
        "StatusText",
        /^waiting for the network device eth1: it has no IPv4 address/,
      );
      await machine.address("eth1", NEAR.laterIp, FAR.laterIp);
      await home.waitForMessage(/Cannot find the IPv4 address of far\.test/);
      await home.waitForProperty("StatusText", /^waiting for the IPv4 address of far\.test/);
      assert.equal(await home.property("ActiveState"), "activating");
      await startFarServer(machine, keys);
      await Deno.writeTextFile("/etc/hosts", `${FAR.laterIp} far.test\n`, { append: true });
      await home.waitForMessage(/accepted by/);
      await home.waitForProperty("StatusText", /^accepted by 192\.0\.3\.2:10003$/);
      await home.waitForProperty("ActiveState", /^active$/);
      await ping(INNER.homeFar);
    },
  );
  await t.step(
    "a server is ready once its gate is up, with two capabilities and as an unprivileged user",
    async () => {
      const { MESSAGE, PRIORITY } = await office.waitForMessage(/waiting for clients/);
      assert.equal(
        MESSAGE,
        "waiting for clients at 192.0.2.1:10001 event=listening local=192.0.2.1:10001",
      );
      assert.equal(PRIORITY, "5");
      await office.waitForProperty(
        "StatusText",
        /^waiting for clients at 192\.0\.2\.1:10001; 0 of 1 peers admitted$/,
      );
      assert.equal(await office.property("ActiveState"), "active");
      const status = await Deno.readTextFile(`/proc/${await office.property("MainPID")}/status`);
      const field = (name: string) => new RegExp(`^${name}:\\t(\\S+)`, "m").exec(status)?.[1];
      assert.notEqual(field("Uid"), "0");
      for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.equal(field(set), CAPABILITIES);
      assert.equal(field("NoNewPrivs"), "1");
      assert.equal(field("Seccomp"), "2");
    },
  );
  await t.step("a client is admitted", async () => {
    await startFarClient(machine);
    await office.waitForProperty("StatusText", /; 1 of 1 peers admitted$/);
    await ping(INNER.officeFar);
    const record = ["sh", "-c", "cat /var/lib/ipipou/office/*.replays.json"];
    await eventually("its packet is written down", async () => (await must(record)).includes(keys.publicKey));
  });
  await t.step("a reload ends when the new settings are in the kernel", async () => {
    const rules = ["nft", "list", "table", "ip", "ipipou"];
    assert.match(await must(rules), /counter/);
    await machine.write("office.toml", officeSettings(keys, "nft.counter = false"), 0o644);
    await must(["systemctl", "reload", office.unit]);
    assert.doesNotMatch(await must(rules), /counter/);
    await ping(INNER.officeFar);
  });
  await t.step("a reload and a restart of nftables remove the gate, which is restored at once", async () => {
    for (const verb of ["reload", "restart"]) {
      await must(["systemctl", verb, "nftables"]);
      await eventually("the gate is back", () => has("nft", "list", "chain", "ip", "ipipou", "fou-ipipou1"));
      await ping(INNER.officeFar);
      // What the log says of a restart, which removes it twice, depends on what the second time meets.
      if (verb === "reload") await office.waitForMessage(/the gate is gone from nftables: restoring it/);
    }
  });
  await t.step("a reload of invalid settings keeps those in use", async () => {
    await machine.write("office.toml", "This is not how settings are written.\n", 0o644);
    await must(["systemctl", "reload", office.unit]);
    await office.waitForMessage(/office\.toml:1:\d+ as TOML.*; going on with the settings as they were/);
    const status = await run(["/usr/local/bin/ipipou", "status", "office"]);
    assert.match(status.stdout, /^ {2}reload failed \d+ s ago: Cannot read .*office\.toml:1:\d+ as TOML/m);
    assert.match(await office.property("StatusText"), /^the last reload failed: .*office\.toml:1:\d+/);
    await machine.write("office.toml", officeSettings(keys), 0o644);
    await ping(INNER.officeFar);
  });
  await t.step("a crash and the restart lose no packet", async () => {
    const flood = machine.spawn(["ping", "-i0.1", INNER.officeFar]);
    await flood.waitForLine(/icmp_seq=3 /, PATIENCE);
    await office.signal("SIGKILL");
    await office.waitForMessage(/taking over the tunnel/);
    await office.waitForMessage(/waiting for clients/);
    await office.waitForProperty("StatusText", /; 1 of 1 peers admitted$/);
    assert.equal(await office.property("NRestarts"), "1");
    // Beside systemd and its journal.
    await endUnharmed(flood);
  });
  await t.step("an instance that hangs is restarted, and only such an instance", async () => {
    assert.equal(await home.property("NRestarts"), "0");
    await home.signal("SIGSTOP");
    await home.waitForMessage(/Watchdog timeout/);
    await home.waitForMessage(/accepted by/);
    await home.waitForProperty("NRestarts", /^1$/);
    await ping(INNER.homeFar);
  });
  await t.step("an instance with bad settings is not restarted, and its tunnel is removed", async () => {
    await Deno.remove("/etc/ipipou/home.key");
    await home.signal("SIGKILL");
    const { PRIORITY } = await home.waitForMessage(/ipipou: Cannot read \/etc\/ipipou\/home\.key/);
    assert.equal(PRIORITY, "3");
    await home.waitForMessage(/removed device ipipou2/);
    await home.waitForMessage(/Failed with result 'exit-code'/);
    await home.waitForProperty("ActiveState", /^failed$/);
    assert.equal(await home.property("ExecMainStatus"), "2");
    assert.ok(!await has("ip", "link", "show", "dev", "ipipou2"));
    await ping(INNER.officeFar);
  });
  await t.step(
    "a hub adds and removes peers while it runs, and goes on if a peer's file cannot be read",
    async () => {
      await checkHub(machine);
    },
  );
  await t.step("a service without its credentials says so, and how to give it them", async () => {
    await checkCredentials(machine, keys);
  });
  await t.step("a stop removes everything", async () => {
    await must(["systemctl", "stop", office.unit]);
    assert.equal(await office.property("Result"), "success");
    assert.ok(!await has("ip", "link", "show", "dev", "ipipou1"));
    assert.equal(await must(["ip", "fou", "show"]), "");
    assert.doesNotMatch(await must(["nft", "list", "tables"]), /ipipou/);
  });
  await t.step("systemd understands the unit, except for directives newer than it", async () => {
    const said = await must(["journalctl", "--output=cat", "_PID=1"]);
    for (const line of said.split("\n").filter((line) => /ipipou@\.service:\d/.test(line))) {
      assert.match(line, /Unknown key '(RestartSteps|RestartMaxDelaySec)'/);
    }
  });
});
