import assert from "node:assert/strict";
import { publicKeyOf } from "../../../lib/auth/keys.ts";
import { ACCEPTED } from "../auth/vectors.ts";
import { Admin } from "../fake/admin.ts";
import { snapshot } from "../fake/snapshot.ts";
import { SERVER_NAME } from "../pair/world.ts";
import { PUBLIC_KEY } from "../settings/bases.ts";
import { OFFICE, Patient, PROC } from "./patient.ts";

Deno.test("doctor tells for each thing it looked at how it is, and ends with 0 if nothing is wrong", async () => {
  const patient = await Patient.begin();
  const before = patient.world.snapshots();
  const { text, exitCode } = await patient.examine(["office"]);
  assert.equal(
    text,
    `this host
  ok       modules       fou and ipip are loaded
  ok       tools         ip 6.1.0, nft 1.0.6, modprobe 30, ss of unknown version
  ok       libraries     glibc 2.36
  ok       capabilities  CAP_NET_ADMIN and CAP_NET_RAW
  ok       clock         2026-11-21 00:00 UTC, kept right

office: client of server.example:10000, instance ipipou1
  ok       settings      /etc/ipipou/office.toml: no mistakes
  ok       instance      it runs as process 7
  ok       tunnel        1 is up
  ok       port          UDP port 10000 of 10.0.0.2 is FOU's
  ok       ipip          tunl0 is down or not there, and no other tunnel is in the way
  ok       reverse path  rp_filter of eth0 is not strict
  ok       server        192.0.2.1:10000 accepts this client, after 0 ms
  ok       mtu           packets of 1472 bytes get through ipipou1, and back from 172.28.0.0
  ok       firewall      nf_tables is not loaded, so nftables has no rules
  ok       offloads      eth0 is a virtual device, and no checksum was wrong

nothing wrong was found
`,
  );
  assert.equal(exitCode, 0);
  assert.deepEqual(patient.world.snapshots(), before);
  for (const run of patient.runs) {
    assert.match(run, /^(ip -V|nft --version|modprobe --version|ss -V|ss -H -lunp)$/);
  }
  patient.world.assertConnected();
});

Deno.test("doctor ends by the worst it found: 4 for a warning, 3 for a fault, 2 for a mistake in settings", async () => {
  const patient = await Patient.begin();
  patient.host.programs.missing.add("nft");
  assert.equal((await patient.examine()).exitCode, 4);
  patient.proc = { ...PROC, "/proc/7/status": PROC["/proc/7/status"]!.replace("3000", "1000") };
  const { text, exitCode } = await patient.examine();
  assert.equal(exitCode, 3);
  assert.match(text, /FAULT +capabilities +the running process has no CAP_NET_RAW\n +why: .*\n +cure: /);
  const mistaken = await patient.examine(["office"], {
    "/etc/ipipou/office.toml": `kepalive = 5\n${OFFICE}`,
  });
  assert.equal(mistaken.exitCode, 2);
  assert.match(mistaken.text, /FAULT +settings +Unknown key kepalive at \/etc\/ipipou\/office\.toml:1:1: /);
  assert.match(mistaken.text, /^1 fault, 1 warning$/m);
});

Deno.test("doctor tells a server that accepts, one that does not answer, one that proves nothing, and a lost name", async () => {
  const patient = await Patient.begin();
  const serverOf = async (settings = OFFICE) => {
    const { text } = await patient.examine(["office"], { "/etc/ipipou/office.toml": settings });
    return / {2}(\w+) +server +(.*)\n(?: +why: (.*)\n)?/.exec(text)!.slice(1).join(": ");
  };
  assert.match(await serverOf(), /^ok: 192\.0\.2\.1:10000 accepts this client/);
  const publicKey = publicKeyOf(ACCEPTED[0]!.privateKey).toBase64();
  const { text } = await patient.examine(["office"], {
    "/etc/ipipou/office.toml": OFFICE.replace('secret = "s"', 'secret = "t"'),
  });
  assert.match(text, /FAULT +server .* gave no answer\n +why: .*answers pings/);
  assert.ok(text.includes(`(its auth.remote-pubkey-b64 for this client must be "${publicKey}")`), text);
  patient.longest = 0;
  assert.match(await serverOf(OFFICE.replace('secret = "s"', 'secret = "t"')), /answers no pings either/);
  const quiet = OFFICE.replace("reply-on-auth-ok = true", "").replace('secret = "s"', 'secret = "t"');
  assert.match(await serverOf(quiet), /^unseen: .* gave no answer: these settings expect none/);
  const signed = OFFICE.replace("key-b64", `remote-pubkey-b64 = "${PUBLIC_KEY}"\nkey-b64`);
  assert.match(await serverOf(signed), /^FAULT: .* does not prove to be the server/);
  await patient.node.stop();
  const gone = OFFICE.replace(SERVER_NAME, "nowhere.example");
  assert.match(await serverOf(gone), /^FAULT: nowhere\.example:10000: this name has no IPv4 address/);
});

Deno.test("doctor leaves nothing at a server that it asked while no tunnel stands", async () => {
  const patient = await Patient.begin();
  await patient.node.stop();
  const before = patient.world.snapshots();
  const { text } = await patient.examine();
  assert.match(text, /FAULT +instance +it does not run\n/);
  assert.match(text, /ok +server +192\.0\.2\.1:10000 accepts this client/);
  assert.match(text, /ok +mtu +packets of 1500 bytes get through the way to 192\.0\.2\.1\n/);
  await patient.world.pass(5);
  assert.deepEqual(patient.world.snapshots(), before);
});

Deno.test("doctor says no good-bye where an exported tunnel stands, which would lose its place", async () => {
  const patient = await Patient.begin();
  const { world, node, host } = patient;
  node.kill();
  assert.ok(new Admin(host.kernel).mark("ipipou1", "ipipou-export:ipipou1"));
  const { text } = await patient.examine(["office"]);
  assert.match(text, /ok +server +192\.0\.2\.1:10000 accepts this client/);
  await world.pass(5);
  world.assertConnected();
});

Deno.test("doctor says no good-bye for a client that runs, also while somebody has its device", async () => {
  const patient = await Patient.begin();
  const { world, host } = patient;
  const admin = new Admin(host.kernel);
  assert.ok(admin.moveElsewhere("ipipou1"));
  await world.pass(5);
  const { text } = await patient.examine(["office"]);
  assert.match(text, /ok +server +192\.0\.2\.1:10000 accepts this client/);
  host.kernel.links.elsewhere.clear();
  await world.pass(10);
  world.assertConnected();
});

Deno.test("doctor finds the longest packets that get through the tunnel", async () => {
  const patient = await Patient.begin();
  patient.longest = 1_372;
  const { text, exitCode } = await patient.examine();
  assert.match(
    text,
    /FAULT +mtu +packets of more than 1372 bytes do not get through ipipou1, .*MTU is 1472\n/,
  );
  assert.match(text, / cure: mtu = 1372 in \[tunl\], on both sides; /);
  assert.equal(exitCode, 3);
});

Deno.test("doctor --json has each finding with its instance, and no secret", async () => {
  const patient = await Patient.begin();
  const hub = `server = true\n[fou]\nlocal = "@eth9"\n[auth]\nsecret = "hunter2"\n[[peer]]\nname = "a"\n` +
    `tunl.peer-ip = "172.28.9.9"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\nroutes = ["10.1.0.0/16"]\n`;
  const { text, exitCode } = await patient.examine(["--json"], { "/etc/ipipou/hub.toml": hub });
  const { version, ok, findings } = JSON.parse(text);
  assert.deepEqual([version, ok, exitCode], [1, false, 3]);
  const wrong = findings.filter(({ level }: { level: string }) => level === "fault" || level === "warning");
  assert.deepEqual(
    wrong.map(({ instance, topic }: { instance: string | null; topic: string }) => [instance, topic]),
    [["hub", "instance"], ["hub", "port"], ["hub", "forwarding"]],
  );
  for (const { what, why, cure } of wrong) {
    assert.ok(what && why && cure, JSON.stringify({ what, why, cure }));
  }
  assert.doesNotMatch(text, /hunter2/);
  assert.ok(!text.includes(ACCEPTED[0]!.privateKey.toBase64()));
});

Deno.test("doctor sends nothing for a user who may not, and says what it could not see", async () => {
  const patient = await Patient.begin();
  patient.proc = {
    ...PROC,
    "/proc/self/status": "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n",
  };
  const { length } = patient.world.seen;
  const { text, exitCode } = await patient.examine();
  assert.match(text, /unseen +server +whether 192\.0\.2\.1:10000 accepts this client\n/);
  assert.match(text, /unseen +mtu +the longest packets that get through\n/);
  assert.match(text, /^nothing wrong was found; 3 things could not be looked at$/m);
  assert.deepEqual([exitCode, patient.world.seen.length], [0, length]);
  patient.modules = ["ipip", "nf_tables"];
  assert.match(
    (await patient.examine()).text,
    /unseen +firewall +whether a firewall drops packets of the instance\n/,
  );
  assert.deepEqual(patient.traces, []);
});

Deno.test("doctor tells the instance of its network namespace from another of its name, and from one it may not ask", async () => {
  const patient = await Patient.begin();
  const found = async () =>
    / {2}(\w+) +instance +(.*)\n/.exec((await patient.examine()).text)!.slice(1).join(": ");
  patient.closed.add("/run/ipipou/other/status.sock");
  assert.equal(await found(), "ok: it runs as process 7");
  patient.isElsewhere = true;
  // It may be what runs it.
  assert.equal(await found(), "unseen: office cannot be asked");
  patient.closed.clear();
  assert.match(await found(), /^FAULT: it does not run, and what it left stands in the kernel$/);
  patient.isElsewhere = false;
  for (const label of patient.host.statusSockets.keys()) patient.closed.add(label);
  assert.match(await found(), /^unseen: office cannot be asked$/);
});

Deno.test("doctor minds tunl0 unless plain IPIP is left to it", async () => {
  const patient = await Patient.begin();
  patient.host.kernel.ip("link set dev tunl0 up");
  const found = async (settings: string) =>
    / {2}(\w+) +ipip +(.*)\n/.exec((await patient.examine([], { "/etc/ipipou/office.toml": settings })).text)!
      .slice(1);
  assert.deepEqual(await found(OFFICE), ["warning", "tunl0 is up"]);
  const shared = OFFICE.replace("[tunl]", "[tunl]\nshared-ipip = true");
  assert.deepEqual(await found(shared), ["ok", "tunl0 is up, and plain IPIP is left to it"]);
});

Deno.test("doctor sends no auth packet that a stand-in for an unread secret signs", async () => {
  const patient = await Patient.begin();
  const { length } = patient.world.seen;
  patient.unread.add("/etc/ipipou/office.secret");
  const settings = OFFICE.replace('secret = "s"', 'secret-file = "office.secret"');
  const { text } = await patient.examine([], { "/etc/ipipou/office.toml": settings });
  assert.match(text, /unseen +settings +.*office\.secret cannot be read by this user/);
  assert.match(text, /unseen +server +whether 192\.0\.2\.1:10000 accepts this client\n/);
  assert.equal(patient.world.seen.length, length);
});

Deno.test("doctor examines the host alone where there are no settings, and says so", async () => {
  const patient = new Patient();
  // As an editor leaves it.
  patient.settings = { "/etc/ipipou/.office.toml": "" };
  const { text, exitCode } = await patient.examine();
  assert.match(text, /\n {2}unseen +settings +there is no NAME\.toml in \/etc\/ipipou\/\n/);
  assert.equal(exitCode, 0);
});

Deno.test("doctor asks for no FOU ports where that would load the module", async () => {
  const patient = new Patient();
  patient.families = new Set();
  const before = snapshot(patient.host.kernel);
  await patient.examine();
  assert.ok(!patient.host.reads.includes("FOU ports"), patient.host.reads.join());
  assert.deepEqual(snapshot(patient.host.kernel), before);
});
