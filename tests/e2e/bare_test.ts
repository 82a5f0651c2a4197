import assert from "node:assert/strict";
import { dirname } from "node:path";
import { must } from "../../tools/command.ts";
import { ADDRESS } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, IPIPOU, linkPrograms, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];

Deno.test("a server whose folder is deleted or hidden puts back its gate, and stops clean", async (t) => {
  const changes = {
    deleted: (_pid: number, folder: string) => ["rmdir", folder],
    hidden: (
      pid: number,
      folder: string,
    ) => ["nsenter", "-t", `${pid}`, "-m", "mount", "-t", "tmpfs", "none", dirname(folder)],
  };
  for (const [what, change] of Object.entries(changes)) {
    await t.step(what, async () => {
      await using scenario = await Scenario.create();
      const before = await scenario.snapshot("server");
      const folder = `${scenario.directory}/above/here`;
      await Deno.mkdir(folder, { recursive: true });
      const argv = ["env", "-i", `PATH=${scenario.programs}`, `STATE_DIRECTORY=${scenario.state}`, IPIPOU];
      const server = scenario.network.spawn("server", [
        ...["sh", "-ec", 'cd "$0"; exec "$@"', folder],
        ...[...argv, "-s", "-n1", "-b@eth0", ...TOKEN],
      ]);
      await server.waitForLine(/waiting for clients/, PATIENCE);
      await must(change(server.pid, folder));
      await scenario.network.must("server", ["nft", "flush", "ruleset"]);
      const gate = ["nft", "list", "chain", "ip", "ipipou", "gate-ipipou1"];
      await eventually(
        "the gate is back",
        async () => (await scenario.network.run("server", gate)).code === 0,
      );
      assert.equal((await server.kill()).code, 0);
      assert.equal(await scenario.snapshot("server"), before);
    });
  }
});

/** The executable while /tmp is hidden, where the checkout may be. */
const BOUND = "/mnt/ipipou";
/** Makes everything read-only but /tmp, from where nothing can be executed, hides /proc/sys, and runs the rest. */
const READ_ONLY = `cd /
mount -t tmpfs tmpfs /mnt
touch ${BOUND}
mount --bind '${IPIPOU}' ${BOUND}
for place in / /run /var /var/lib; do
  if mountpoint -q $place; then mount -o remount,bind,ro $place; fi
done
mount -t tmpfs -o noexec tmpfs /tmp
mount -t tmpfs -o ro tmpfs /proc/sys
exec env -i "$@"`;

Deno.test("with a read-only root, an empty environment and no /proc/sys it runs, and says what it cannot keep", async () => {
  await using scenario = await Scenario.create();
  const keys = makeKeys();
  const bare = (...argv: string[]) => ["sh", "-ec", READ_ONLY, "sh", ...argv];
  const touched = await scenario.network.run("server", bare("/usr/bin/touch", "/run/ipipou-test"));
  assert.match(touched.stderr, /Read-only file system/);
  const start = (host: "server" | "client", ...argv: string[]) =>
    scenario.network.spawn(host, bare(BOUND, "--no-log-time", "-n1", "-b@eth0", ...argv));
  const server = start("server", "-s", "--auth-remote-pubkey-b64", keys.publicKey);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
  const client = start("client", ...remote, "--auth-key-b64", keys.privateKey);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  const { stdout } = await scenario.network.run("server", bare(BOUND, "status"));
  assert.match(stdout, /it has no socket to be asked at/);
  for (const process of [client, server]) assert.equal((await process.kill()).code, 0);
  const count = ({ lines }: Process, text: string) => lines.filter((line) => line.includes(text)).length;
  for (const process of [server, client]) {
    assert.equal(count(process, "Warning: Cannot offer a status: Read-only file system"), 1);
  }
  assert.equal(count(server, "Warning: Cannot write /var/lib/ipipou/ipipou1.replays.json: Read-only"), 1);
});

Deno.test("the program needs no other programs or environment, and a client neither nft nor libnetfilter_queue", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  const environment = await Deno.readTextFile(`/proc/${server.pid}/environ`);
  assert.deepEqual(environment.split("\0").map((line) => line.split("=")[0]), [
    "PATH",
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "",
  ]);
  const bare = `${scenario.directory}/bare`;
  await linkPrograms(bare, ["ip"]);
  const hide = `for library in /usr/lib/*/libnetfilter_queue.so*; do mount --bind /dev/null $library; done`;
  const start = (host: "server" | "client", path: string, ...argv: string[]) => {
    const program = ["env", "-i", `PATH=${path}`, IPIPOU, "--no-log-time", ...argv, ...TOKEN];
    return scenario.network.spawn(host, ["sh", "-c", `${hide}; exec "$@"`, "sh", ...program]);
  };
  const remote = ["-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
  const client = start("client", bare, "-n1", "-b@eth0", ...remote);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  assert.equal((await client.kill()).code, 0);
  const withoutNft = start("server", bare, "-s", "-n2", "-b@eth0");
  assert.equal((await withoutNft.exit).code, 40);
  assert.equal(
    withoutNft.lines.at(-1),
    "ipipou: Cannot run nft: not found in PATH; install the package nftables",
  );
  const withoutQueue = start("server", scenario.programs, "-s", "-n2", "-b@eth0");
  assert.equal((await withoutQueue.exit).code, 20);
  assert.match(
    withoutQueue.lines.at(-1)!,
    /^ipipou: Cannot load libnetfilter_queue, tried .*: install it \(package /,
  );
  for (const { lines } of [withoutNft, withoutQueue]) {
    assert.equal(lines.filter((line) => line.startsWith("ipipou: ")).length, 1, lines.join("\n"));
  }
});
