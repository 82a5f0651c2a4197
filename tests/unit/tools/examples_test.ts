import assert from "node:assert/strict";
import { load } from "../settings/memory_files.ts";

const FOLDER = new URL("../../../docs/examples/", import.meta.url);
const PRIVATE_KEY = "RuBZkT23na2Q4QH1xfmZCfRgSgPt5s362UPAFbecTso=";

/** What is in the files that the examples name. */
const NAMED = {
  "/etc/ipipou/office.secret": "open sesame\n",
  "/etc/ipipou/hub.secret": "open sesame\n",
  "/etc/ipipou/office.key": `${PRIVATE_KEY}\n`,
};

function settingsOf(example: string) {
  const text = Deno.readTextFileSync(new URL(`${example}.toml`, FOLDER));
  const [, path = ""] = /^# (\S+) of a /.exec(text) ?? [];
  const { settings, warnings } = load(["--config", path], { ...NAMED, [path]: text });
  assert.deepEqual(warnings, []);
  return settings;
}

Deno.test("loadSettings() accepts every example at the path it names, without a warning", () => {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name.replace(/\.toml$/, ""));
  assert.deepEqual(names.sort(), ["client", "hub", "server"]);
  for (const name of names) settingsOf(name);
});

Deno.test("loadSettings() makes both ends of one tunnel from the examples server and client", () => {
  const [server, client] = [settingsOf("server"), settingsOf("client")];
  const [{ tunnel: near }, { tunnel: far, remote }] = [server.peers[0]!, client.peers[0]!];
  assert.deepEqual([far.ip, far.peerIp], [near.peerIp, near.ip]);
  assert.equal(remote.port, server.local.ports[0]);
});

Deno.test("loadSettings() makes a hub with two peers from the example hub", () => {
  const { peers } = settingsOf("hub");
  assert.deepEqual(peers.map(({ name }) => name), ["berlin", "paris"]);
  assert.deepEqual(peers[0]?.routes, ["10.1.0.0/16"]);
  assert.equal(peers[1]?.tunnel.peerIp, "172.28.16.9");
});
