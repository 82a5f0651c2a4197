import assert from "node:assert/strict";
import type { Process } from "../lab/process.ts";
import { IPIPOU, makeKeys, PATIENCE, Scenario } from "./scenario.ts";

const PAIR = await Deno.readTextFile(new URL("../../docs/pair.md", import.meta.url));

/** Its code blocks of this language. */
function blocks(language: string): string[] {
  return [...PAIR.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text!);
}

/** The arguments of the one command in it that begins with these words. */
function command(beginning: string): string[] {
  const commands = blocks("sh").join("\n").replaceAll("\\\n", " ").split("\n");
  const found = commands.filter((line) => line.startsWith(beginning));
  assert.equal(found.length, 1, beginning);
  return found[0]!.split(/ +/).slice(1);
}

async function works(scenario: Scenario, server: Process, startClient: () => Process): Promise<void> {
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const client = startClient();
  await client.waitForLine(/set up, not yet accepted/, PATIENCE);
  await client.waitForLine(/accepted by/, PATIENCE);
  await scenario.ping("client");
  assert.deepEqual([await client.kill(), await server.kill()], [{ code: 0 }, { code: 0 }]);
}

Deno.test("docs/pair.md's server and client work as written, from the command line and from files", async (t) => {
  await using scenario = await Scenario.create();
  const { privateKey, publicKey } = makeKeys();
  await scenario.write("office.key", `${privateKey}\n${publicKey}\n`);
  await scenario.write("office.secret", "a secret of your choice\n");
  const inHere = (text: string) =>
    text.replaceAll("/etc/ipipou", scenario.directory).replaceAll("PUBLIC_KEY", publicKey)
      .replaceAll("server.example", "192.0.2.1");
  const start = (host: "server" | "client", args: string[]) =>
    scenario.network.spawn(host, [IPIPOU, ...args.map(inHere)]);
  await t.step("from the command line", async () => {
    const server = start("server", command("ipipou -s"));
    await works(scenario, server, () => start("client", command("ipipou -n 1")));
  });
  await t.step("from files", async () => {
    const [server, client] = blocks("toml");
    const serverFile = await scenario.write("server.toml", inHere(server!));
    const clientFile = await scenario.write("client.toml", inHere(client!));
    await works(
      scenario,
      start("server", ["--config", serverFile]),
      () => start("client", ["--config", clientFile]),
    );
  });
});
