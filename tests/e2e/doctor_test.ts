import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { Practice } from "./practice.ts";
import { linkPrograms, makeKeys, PATIENCE, Scenario } from "./scenario.ts";

const CLIENT = `number = 1
[fou]
local = "@eth0"
remote = "192.0.2.1:10001"
[tunl]
ip = "172.28.0.3"
[auth]
token-file = "office.token"
`;

Deno.test("ipipou doctor finds what is wrong with a host, and changes nothing", async (t) => {
  await using scenario = await Scenario.create();
  const practice = new Practice(scenario);
  const { network } = scenario;
  // Which gives it a queue that stays.
  await practice.must("ip link set dev tunl0 up");
  await practice.must("ip link set dev tunl0 down");
  const before = await scenario.snapshot("client");
  await t.step("a host that is fine", async () => {
    const { of, findings } = await practice.examine(CLIENT);
    const wrong = findings.filter(({ level }) => level === "fault" || level === "warning");
    // Nothing runs, here or at the server.
    assert.deepEqual(wrong.map(({ topic }) => topic), ["instance", "server"]);
    assert.match(of("tools")[0]!, /^ok: ip [\d.]+, nft [\d.]+, /);
    assert.match(of("libraries")[0]!, /^ok: glibc \d/);
    assert.deepEqual(of("capabilities"), ["ok: CAP_NET_ADMIN and CAP_NET_RAW"]);
    assert.deepEqual(of("port"), ["ok: UDP port 10001 of 10.0.1.2 is free"]);
    assert.deepEqual(of("modules"), ["ok: fou and ipip are loaded"]);
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
    assert.deepEqual((await practice.examine(CLIENT)).of("ipip"), ["warning: tunl0 is up"]);
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
    assert.deepEqual(user.of("server"), ["unseen: whether 192.0.2.1:10001 accepts this client"]);
    const bounded = { prefix: ["/usr/bin/setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"] };
    assert.deepEqual((await practice.examine(CLIENT, bounded)).of("capabilities"), [
      "fault: root has no CAP_NET_RAW here",
    ]);
  });
  assert.equal(await scenario.snapshot("client"), before);
  for (const output of practice.outputs) assert.doesNotMatch(output, /hunter2/);
});
