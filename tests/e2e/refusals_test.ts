import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { INNER, IPIPOU, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];

Deno.test("the program that has our port is named, and so is a FOU port of another kind, with what removes it", async () => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const bind = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 10001)); " +
    "print('bound', flush=True); time.sleep(1000)";
  const holder = network.spawn("server", ["/usr/bin/python3", "-c", bind]);
  await holder.waitForLine(/bound/, PATIENCE);
  const refused = async () => {
    const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    const server = network.spawn("server", ["env", "-i", path, IPIPOU, "-s", "-n1", "-b@eth0", ...TOKEN]);
    assert.equal((await server.exit).code, 53, server.lines.join("\n"));
    return server.lines.at(-1)!.replace(/^ipipou: (Cannot run '.*?': )?/, "");
  };
  assert.equal(
    await refused(),
    `Address already in use; it belongs to python3 (process ${holder.pid}); ` +
      "choose another --fou-local-port, or stop that",
  );
  await holder.kill();
  const kinds = ["gue", "ipproto 47", "ipproto 4 local 192.0.2.1 dev lo"];
  for (const kind of [...kinds, "ipproto 4 local 192.0.2.1 peer 192.0.2.9 peer_port 5"]) {
    await network.must("server", ["ip", "fou", "add", "port", "10001", ...kind.split(" ")]);
    const words = await refused();
    assert.match(words, / not ours/);
    const cure = /remove it: ([^;]*)/.exec(words)![1]!;
    assert.equal(
      cure,
      `ip fou del port 10001 ${kind.replace("ipproto 4 local 192.0.2.1 dev", "local 192.0.2.1 dev")}`,
    );
    await network.must("server", cure.split(" "));
  }
  assert.equal(await network.must("server", ["ip", "fou", "show"]), "");
});

Deno.test("root of an unprivileged container is told what it lacks, and what it is told to do helps", async () => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const commands = [
    "ip link add eth0 type dummy",
    `ip address add ${ADDRESS.client}/24 dev eth0`,
    "ip link set dev eth0 up",
    "echo up",
    "exec sleep 1000",
  ];
  const isolated = ["unshare", "--user", "--map-root-user", "--net"];
  const container = network.spawn("client", [...isolated, "sh", "-ec", commands.join("\n")]);
  await container.waitForLine(/^up$/, PATIENCE);
  const enter = ["nsenter", `--target=${container.pid}`, "--user", "--net", "--preserve-credentials"];
  const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
  const start = () => network.spawn("client", [...enter, IPIPOU, "-n1", "-b@eth0", ...remote, ...TOKEN]);
  const refused = start();
  assert.equal((await refused.exit).code, 53, refused.lines.join("\n"));
  const words = refused.lines.at(-1)!;
  assert.match(
    words,
    /: Operation not permitted; FOU ports need CAP_NET_ADMIN in the first user namespace, /,
  );
  const [, cure] = /have the host's root add the port: (.*) \(PID: /.exec(words)!;
  await network.must("client", ["sh", "-ec", cure!.replace("PID", `${container.pid}`)]);
  const client = start();
  await client.waitForLine(/set up/, PATIENCE);
  assert.equal((await client.kill()).code, 0);
});
