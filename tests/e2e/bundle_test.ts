import assert from "node:assert/strict";
import { ADDRESS, type Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { onRouter } from "../lab/router.ts";
import { INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame", "--reply-on-auth-ok"];

Deno.test("the bundle tunnels between two routers without glibc", async () => {
  await using scenario = await Scenario.create();
  const start = (host: Host, ...args: string[]) =>
    scenario.network.spawn(host, onRouter(["ipipou", "-vv", "-n1", "-b@eth0", ...args, ...TOKEN]));
  const server = start("server", "-s");
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const client = start("client", "-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client);
  await client.waitForLine(/accepted by/, PATIENCE);
  await scenario.ping("client");
  const libraries = {
    client: await mappedFiles(client),
    server: await mappedFiles(server),
  };
  for (const file of [...libraries.client, ...libraries.server]) assert.match(file, /\/mnt\/usb\/ipipou\//);
  const hasQueue = (files: string[]) => files.some((file) => file.endsWith("/lib/libnetfilter_queue.so.1"));
  assert.deepEqual([hasQueue(libraries.client), hasQueue(libraries.server)], [false, true]);
  assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
});

/** The files that a process has mapped: its executable and libraries. */
async function mappedFiles({ pid }: Process): Promise<string[]> {
  const maps = await Deno.readTextFile(`/proc/${pid}/maps`);
  return [...maps.matchAll(/ (\/.*)$/gm)].map(([, file]) => file!);
}
