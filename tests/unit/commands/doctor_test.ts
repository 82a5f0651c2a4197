import assert from "node:assert/strict";
import { doctor } from "../../../lib/commands/doctor.ts";
import type { Host } from "../../../lib/doctor_ports.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { VirtualClock } from "../fake/clock.ts";
import { FakeHost } from "../fake/host.ts";
import { snapshot } from "../fake/snapshot.ts";
import { BASES, PUBLIC_KEY } from "../settings/bases.ts";
import { filesInMemory } from "../settings/memory_files.ts";

const CLIENT = BASES.client.replace(/local-ip.*/, 'local = "@eth0"');
const PROC: Readonly<Record<string, string>> = {
  "/proc/self/status": "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
  "/proc/sys/net/ipv4/conf/all/rp_filter": "0\n",
  "/proc/sys/net/ipv4/conf/eth0/rp_filter": "2\n",
  "/proc/sys/net/ipv4/conf/default/forwarding": "0\n",
};
const VERSIONS = {
  ip: "ip utility, iproute2-6.1.0",
  nft: "nftables v1.0.6",
  modprobe: "kmod version 30",
  ss: "",
};

/** A host that is fine, and what its fake programs were asked. */
class Patient {
  readonly clock = new VirtualClock();
  readonly host = new FakeHost(this.clock, { address: "192.0.2.1/24", gateway: "192.0.2.254" });
  proc = PROC;
  families: ReadonlySet<string> = new Set(["fou"]);
  readonly runs: string[] = [];

  async examine(argv: readonly string[], files: Readonly<Record<string, string>>) {
    const invocation = parseInvocation(["doctor", ...argv]);
    assert.ok(invocation.kind === "doctor");
    const { system } = this.host.start();
    const runProgram: typeof system.runProgram = (program, args) => {
      this.runs.push([program, ...args].join(" "));
      return Promise.resolve({ code: 0, stdout: VERSIONS[program], stderr: "", isLate: false });
    };
    const host: Host = {
      release: () => "6.1.0-13-amd64",
      read: (path) => this.proc[path] ?? null,
      exists: (path) => path === "/sys/module/ipip",
      families: () => this.families,
      isClockKept: () => true,
      queueLibraryProblem: () => null,
      cLibrary: () => "glibc 2.36",
    };
    return await doctor(invocation, { system: { ...system, runProgram }, host, files: filesInMemory(files) });
  }
}

Deno.test("doctor tells for each thing it looked at how it is, and ends with 0 if nothing is wrong", async () => {
  const { text, exitCode } = await new Patient().examine(["office"], { "/etc/ipipou/office.toml": CLIENT });
  assert.equal(
    text,
    `this host
  ok       modules       fou and ipip are loaded
  ok       tools         ip 6.1.0, nft 1.0.6, modprobe 30, ss of unknown version
  ok       libraries     glibc 2.36
  ok       capabilities  CAP_NET_ADMIN and CAP_NET_RAW
  ok       clock         2026-11-21 00:00 UTC, kept right

office: client of 198.51.100.1:10000, instance ipipou0
  ok       settings      /etc/ipipou/office.toml: no mistakes
  ok       port          UDP port 10000 of 192.0.2.1 is free
  ok       ipip          tunl0 is down or not there, and no other tunnel is in the way
  ok       reverse path  rp_filter of eth0 is not strict

nothing wrong was found
`,
  );
  assert.equal(exitCode, 0);
});

Deno.test("doctor ends by the worst it found: 4 for a warning, 3 for a fault, 2 for a mistake in settings", async () => {
  const files = { "/etc/ipipou/office.toml": CLIENT };
  const warned = new Patient();
  warned.host.programs.missing.add("nft");
  assert.equal((await warned.examine([], files)).exitCode, 4);
  const faulty = new Patient();
  faulty.host.kernel.ip("fou add port 10000 ipproto 4 local 192.0.2.1 dev lo");
  const { text, exitCode } = await faulty.examine([], files);
  assert.equal(exitCode, 3);
  assert.match(
    text,
    /FAULT +port +UDP port 10000 of 192\.0\.2\.1 is taken: ip fou add port 10000 ipproto 4 local 192.0.2.1 dev lo\n +why: .*\n +cure: /,
  );
  const mistaken = await new Patient().examine([], { "/etc/ipipou/office.toml": `kepalive = 5\n${CLIENT}` });
  assert.equal(mistaken.exitCode, 2);
  assert.match(mistaken.text, /FAULT +settings +Unknown key kepalive at \/etc\/ipipou\/office\.toml:1:1: /);
  assert.match(mistaken.text, /^1 fault$/m);
});

Deno.test("doctor --json has each finding with its instance, and no secret", async () => {
  const hub = `server = true\n[fou]\nlocal = "@eth9"\n[auth]\nsecret = "hunter2"\n[[peer]]\nname = "a"\n` +
    `tunl.peer-ip = "172.28.0.9"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\nroutes = ["10.1.0.0/16"]\n`;
  const files = { "/etc/ipipou/office.toml": CLIENT, "/etc/ipipou/hub.toml": hub };
  const { text, exitCode } = await new Patient().examine(["--json"], files);
  const { version, ok, findings } = JSON.parse(text);
  assert.deepEqual([version, ok, exitCode], [1, false, 3]);
  const wrong = findings.filter(({ level }: { level: string }) => level === "fault" || level === "warning");
  assert.deepEqual(
    wrong.map(({ instance, topic }: { instance: string | null; topic: string }) => [instance, topic]),
    [["hub", "port"], ["hub", "forwarding"]],
  );
  for (const { what, why, cure } of wrong) {
    assert.ok(what && why && cure, JSON.stringify({ what, why, cure }));
  }
  assert.doesNotMatch(text, /hunter2|base secret/);
});

Deno.test("doctor asks for no FOU ports where that would load the module, and changes nothing", async () => {
  const patient = new Patient();
  patient.families = new Set();
  const before = snapshot(patient.host.kernel);
  await patient.examine([], { "/etc/ipipou/office.toml": CLIENT });
  assert.deepEqual(patient.host.reads, ["devices"]);
  assert.deepEqual(snapshot(patient.host.kernel), before);
  for (const run of patient.runs) {
    assert.match(run, /^(ip -V|nft --version|modprobe --version|ss -V|ss -H -lunp)$/);
  }
});
