import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { IPIPOU, linkPrograms, makeKeys, PATIENCE, Scenario } from "./scenario.ts";

const CLIENT = `number = 1
[fou]
local = "@eth0"
remote = "192.0.2.1:10001"
[tunl]
ip = "172.28.0.3"
[auth]
token-file = "office.token"
`;

/** A finding, as `--json` prints it. */
interface Finding {
  readonly instance: string | null;
  readonly topic: string;
  readonly level: string;
  readonly what: string;
  readonly why: string | null;
  readonly cure: string | null;
}

/** What doctor says of one host. */
class Practice {
  readonly scenario: Scenario;
  /** Folder of the programs that it finds. */
  programs = "/usr/sbin:/usr/bin:/sbin:/bin";
  readonly outputs: string[] = [];

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  /** Examines the client host. @param prefix the command that runs it */
  async examine(
    settings: string,
    { prefix = [], env = [] }: { readonly prefix?: readonly string[]; readonly env?: readonly string[] } = {},
  ): Promise<{ code: number; findings: readonly Finding[]; of: (topic: string) => readonly string[] }> {
    await this.scenario.write("office.token", "hunter2\n");
    const file = await this.scenario.write("office.toml", settings);
    await Deno.chmod(this.scenario.directory, 0o755);
    await Deno.chmod(file, 0o644);
    const argv = [
      ...prefix,
      "/usr/bin/env",
      "-i",
      `PATH=${this.programs}`,
      ...env,
      IPIPOU,
      "doctor",
      file,
      "--json",
    ];
    const { code, stdout, stderr } = await this.scenario.network.run("client", argv);
    this.outputs.push(stdout, stderr);
    assert.ok(stdout.startsWith("{"), stdout + stderr);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const of = (topic: string) =>
      findings.filter((finding) => finding.topic === topic).map(({ level, what }) => `${level}: ${what}`);
    return { code, findings, of };
  }

  async must(...words: string[]): Promise<string> {
    return await this.scenario.network.must("client", words.flatMap((word) => word.split(" ")));
  }
}

Deno.test("ipipou doctor finds what is wrong with a host, and changes nothing", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  // Which gives it a queue that stays.
  await practice.must("ip link set dev tunl0 up");
  await practice.must("ip link set dev tunl0 down");
  const before = await scenario.snapshot("client");
  await t.step("a host that is fine", async () => {
    const { code, of, findings } = await practice.examine(CLIENT);
    assert.deepEqual(findings.filter(({ level }) => level === "fault"), []);
    assert.match(of("tools")[0]!, /^ok: ip [\d.]+, nft [\d.]+, /);
    assert.match(of("libraries")[0]!, /^ok: glibc \d/);
    assert.deepEqual(of("capabilities"), ["ok: CAP_NET_ADMIN and CAP_NET_RAW"]);
    assert.deepEqual(of("port"), ["ok: UDP port 10001 of 10.0.1.2 is free"]);
    assert.deepEqual(of("modules"), ["ok: fou and ipip are loaded"]);
    assert.equal(code, 0, JSON.stringify(findings));
  });
  await t.step("a program has the port, and FOU of another kind", async () => {
    const bind = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 10001)); " +
      "print('bound', flush=True); time.sleep(1000)";
    const holder = network.spawn("client", ["/usr/bin/python3", "-c", bind]);
    await holder.waitForLine(/bound/, PATIENCE);
    const taken = await practice.examine(CLIENT);
    assert.equal(taken.code, 3);
    const [port] = taken.findings.filter(({ topic }) => topic === "port");
    assert.match(port!.cure!, new RegExp(`^it belongs to python3 \\(process ${holder.pid}\\); `));
    await holder.kill();
    await practice.must("ip fou add port 10001 gue");
    const [gue] = (await practice.examine(CLIENT)).findings.filter(({ topic }) => topic === "port");
    const cure = /remove it: (ip fou del .*)$/.exec(gue!.cure!)![1]!;
    await practice.must(cure);
    await practice.must("ip fou add port 10001 ipproto 4");
    assert.match((await practice.examine(CLIENT)).of("port")[0]!, /^ok: .* is FOU's, and no tunnel/);
    await practice.must("ip fou del port 10001");
  });
  await t.step("routes lead elsewhere, and rp_filter is strict", async () => {
    await practice.must("ip link add away type dummy");
    await practice.must("ip link set dev away up");
    await practice.must("ip route add 192.0.2.1/32 dev away");
    await practice.must("sysctl -qw net.ipv4.conf.eth0.rp_filter=1");
    const { of, findings } = await practice.examine(CLIENT);
    assert.match(
      of("reverse path")[0]!,
      /^fault: rp_filter of eth0 is strict, and the route to 192\.0\.2\.1 leaves by away/,
    );
    const { cure } = findings.find(({ topic }) => topic === "reverse path")!;
    await practice.must(cure!);
    assert.match((await practice.examine(CLIENT)).of("reverse path")[0]!, /^ok: /);
    await practice.must("ip link delete away");
    await practice.must("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0");
  });
  await t.step("tunl0 is up, and another tunnel has our pair of addresses", async () => {
    await practice.must("ip link set dev tunl0 up");
    const { code, of } = await practice.examine(CLIENT);
    assert.deepEqual([code, of("ipip")], [4, ["warning: tunl0 is up"]]);
    await practice.must("ip link set dev tunl0 down");
    await practice.must(`ip link add other type ipip local ${ADDRESS.client} remote ${ADDRESS.server}`);
    assert.deepEqual((await practice.examine(CLIENT)).of("ipip"), [
      "fault: other already is a tunnel between 10.0.1.2 and 192.0.2.1",
    ]);
    await practice.must("ip link delete other");
  });
  await t.step("no own address", async () => {
    const { of } = await practice.examine(CLIENT.replace("@eth0", "@eth9"));
    assert.match(of("port")[0]!, /^fault: Cannot use the network device eth9/);
  });
  await t.step("a mistake in the settings", async () => {
    const { code, of } = await practice.examine(`kepalive = 5\n${CLIENT}`);
    assert.deepEqual([code, of("settings").length], [2, 1]);
    assert.match(of("settings")[0]!, /^fault: Unknown key kepalive/);
  });
  await t.step("a server lacks tools, its library, and forwarding", async () => {
    const { publicKey } = makeKeys();
    const server = `server = true\nnumber = 1\nroutes = ["10.9.0.0/16"]\n[fou]\nlocal = "@eth0"\n[auth]\n` +
      `secret-file = "office.token"\nremote-pubkey-b64 = "${publicKey}"\n`;
    await linkPrograms(`${scenario.directory}/bare`, ["ip"]);
    practice.programs = `${scenario.directory}/bare`;
    const { code, of } = await practice.examine(server, { env: ["IPIPOU_LIBNETFILTER_QUEUE=/nowhere"] });
    practice.programs = "/usr/sbin:/usr/bin:/sbin:/bin";
    assert.equal(code, 3);
    assert.ok(of("tools").includes("fault: nft is not in PATH"), of("tools").join());
    assert.match(of("libraries")[1]!, /^fault: Cannot load libnetfilter_queue, tried \/nowhere/);
    assert.deepEqual(of("forwarding"), ["warning: it is off for what comes out of ipipou1"]);
  });
  await t.step("another user, and root without a capability", async () => {
    const user = await practice.examine(CLIENT, {
      prefix: ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"],
    });
    assert.deepEqual(user.of("capabilities"), ["unseen: this user has no CAP_NET_ADMIN and CAP_NET_RAW"]);
    assert.deepEqual(user.of("port"), ["ok: UDP port 10001 of 10.0.1.2 is free"]);
    assert.equal(user.code, 0, JSON.stringify(user.findings));
    const bounded = { prefix: ["/usr/bin/setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"] };
    assert.deepEqual((await practice.examine(CLIENT, bounded)).of("capabilities"), [
      "fault: root has no CAP_NET_RAW here",
    ]);
  });
  assert.equal(await scenario.snapshot("client"), before);
  for (const output of practice.outputs) assert.doesNotMatch(output, /hunter2/);
});

Deno.test("ipipou doctor takes the port and device of a tunnel that stands for the instance's own", async () => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  await scenario.server("--auth-token", "hunter2", "--reply-on-auth-ok");
  const client = await scenario.client("client", "--auth-token", "hunter2", "--reply-on-auth-ok");
  await client.waitForLine(/accepted by/, PATIENCE);
  const before = await scenario.snapshot("client");
  const { of, code } = await practice.examine(CLIENT);
  assert.deepEqual([of("port"), of("ipip"), code], [
    ["ok: UDP port 10001 of 10.0.1.2 is FOU's"],
    ["ok: tunl0 is down or not there, and no other tunnel is in the way"],
    0,
  ]);
  assert.equal(await scenario.snapshot("client"), before);
});
