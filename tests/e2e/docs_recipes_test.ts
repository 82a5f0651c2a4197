import assert from "node:assert/strict";
import type { Process } from "../lab/process.ts";
import { Document, Reader } from "./reader.ts";
import { makeKeys } from "./scenario.ts";

const WAITING = /waiting for clients at/;
const ACCEPTED = /accepted by 192\.0\.2\.1:10001/;
const SECRET = "a secret of your choice\n";

async function stop(...processes: readonly Process[]): Promise<void> {
  for (const process of processes) assert.deepEqual(await process.kill(), { code: 0 });
}

/** Makes a client's key as README says, admits it at the hub, and starts it. */
async function join(reader: Reader, readme: Document, add: Document): Promise<Process> {
  const publicKey = (await reader.run("client", readme.block("install -d /etc/ipipou &&"))).trim();
  const line = await reader.run("server", add.block("ipipou peer add hub office", { PUBLIC_KEY: publicKey }));
  await reader.run("client", line);
  return await reader.start("client", "ipipou --config hub", ACCEPTED);
}

Deno.test("README's hub and client work as written", async () => {
  const readme = await Document.read("README.md");
  await using reader = await Reader.create();
  await reader.run("server", readme.block("install -d /etc/ipipou/hub.peers"));
  const hub = await reader.start("server", "ipipou --config hub", WAITING);
  const client = await join(reader, readme, readme);
  await reader.run("client", readme.block("ping -c 3"));
  for (const host of ["server", "client"] as const) {
    assert.match(await reader.run(host, "ipipou status"), /^ {2}state +up$/m);
    await reader.run(host, "ipipou check");
    await reader.run(host, "ipipou metrics > /dev/null");
    await reader.run(host, "ipipou --config hub --dry-run");
  }
  await stop(client, hub);
  readme.assertDone();
});

Deno.test("what docs/hub.md shows works as written", async (t) => {
  const document = await Document.read("docs/hub.md");
  await using reader = await Reader.create();
  await reader.write("server", "hub.secret", SECRET);
  const { privateKey, publicKey } = makeKeys();
  await t.step("a peer in the hub's file", async () => {
    await reader.write("server", "hub.toml", document.block("server = true", { PUBLIC_KEY: publicKey }));
    const hub = await reader.start("server", "ipipou --config hub", WAITING);
    await reader.write("client", "hub.key", `${privateKey}\n${publicKey}\n`);
    const show = "ipipou peer show hub office --endpoint hub.example --line";
    await reader.run("client", await reader.run("server", show));
    const client = await reader.start("client", "ipipou --config hub", ACCEPTED);
    await reader.scenario.ping("client", "172.28.16.1");
    assert.match(await reader.run("server", "ip route show proto 201"), /^10\.1\.0\.0\/16 dev office /m);
    await stop(client, hub);
  });
  await t.step("a peer by command", async () => {
    await reader.run("server", "cd /etc/ipipou && mkdir hub.peers && sed -i '/^.*peer]]/,$d' hub.toml");
    await reader.run("client", "rm /etc/ipipou/hub.*");
    const hub = await reader.start("server", "ipipou --config hub", WAITING);
    const client = await join(reader, await Document.read("README.md"), document);
    await reader.scenario.ping("client", "172.28.16.1");
    assert.match(await reader.run("server", "ipipou peer list hub"), /^office +172\.28\.\S+ +key +\/etc\//);
    await reader.run("server", "ipipou peer remove hub office");
    assert.equal(await reader.run("server", "ipipou peer list hub"), "");
    await stop(client, hub);
  });
  document.assertDone();
});

Deno.test("the server and the client of docs/pair.md work as written", async (t) => {
  const document = await Document.read("docs/pair.md");
  await using reader = await Reader.create();
  const publicKey = (await reader.run("client", document.block("install -d /etc/ipipou"))).trim();
  for (const host of ["server", "client"] as const) await reader.write(host, "office.secret", SECRET);
  const works = async (onServer: string, onClient: string) => {
    const server = await reader.start("server", onServer, WAITING);
    const client = await reader.start("client", onClient, ACCEPTED);
    await reader.scenario.ping("client");
    await stop(client, server);
  };
  await t.step("by command line", async () => {
    await works(
      document.block("ipipou -s -n 1", { PUBLIC_KEY: publicKey }),
      document.block("ipipou -n 1"),
    );
  });
  await t.step("by file", async () => {
    await reader.write("server", "office.toml", document.block("server = true", { PUBLIC_KEY: publicKey }));
    await reader.write("client", "office.toml", document.block("number = 1"));
    const start = document.block("ipipou --config office");
    await works(start, start);
  });
  document.assertDone();
});
