import assert from "node:assert/strict";
import { ADD, EMPTY, HUB, OFFICE, refused, succeed, WITH_OFFICE } from "./peer_scene.ts";

Deno.test("removePeer() removes an added peer, and makes the hub reload", () => {
  const { removed, notes, result, told } = succeed("remove hub office", WITH_OFFICE);
  assert.deepEqual(removed, ["/etc/ipipou/hub.peers/office.toml"]);
  assert.deepEqual(notes, ["removed /etc/ipipou/hub.peers/office.toml", "told hub (pid 123) to reload"]);
  assert.equal(result, "");
  assert.deepEqual(told, ["/etc/ipipou/hub.toml"]);
});

const IN_HUB = {
  ...WITH_OFFICE,
  "/etc/ipipou/hub.toml": `${HUB}
[[peer]]
name = "home"
tunl.peer-ip = "172.28.16.2"
auth.token = "hunter2"
[[peer]]
name = "fixed"
tunl.peer-ip = "172.28.16.200"
fou.remote = "198.51.100.1"
auth.by-remote-ip = true
`,
};

Deno.test("removePeer() rejects a peer that does not exist, or is defined in the hub's own file", () => {
  refused(
    "remove hub home",
    IN_HUB,
    /^Cannot remove peer "home": it is defined at \/etc\/ipipou\/hub\.toml:8:8, remove it there with an editor$/,
  );
  refused(
    "remove hub ofice",
    IN_HUB,
    /^Cannot remove peer "ofice": hub has no such peer; did you mean office\?$/,
  );
  refused(
    "remove hub other",
    IN_HUB,
    /^Cannot remove peer "other": hub has no such peer; ipipou peer list hub lists them$/,
  );
});

Deno.test("removePeer() removes a peer whose file is invalid, but none if the hub's own file is", () => {
  const broken = { ...EMPTY, "/etc/ipipou/hub.peers/office.toml": "nonsense" };
  const { removed, notes } = succeed("remove hub office", broken);
  assert.deepEqual(removed, ["/etc/ipipou/hub.peers/office.toml"]);
  assert.equal(notes.at(-1), "told hub (pid 123) to reload");
  refused("remove hub office", { ...WITH_OFFICE, "/etc/ipipou/hub.toml": `${HUB}x = 1` }, /Unknown key x /);
});

Deno.test("removePeer() does not suggest another peer for one whose name has one letter", () => {
  const files = { ...EMPTY, "/etc/ipipou/hub.peers/b.toml": OFFICE };
  refused(
    "remove hub a",
    files,
    /^Cannot remove peer "a": hub has no such peer; ipipou peer list hub lists them$/,
  );
  refused("remove hub offic", WITH_OFFICE, /^Cannot remove peer "offic": .* did you mean office\?$/);
});

Deno.test("Peers that clash are told of, and keep none from being listed, shown or removed", () => {
  const peer = (token: string, ip: string) =>
    `auth.token = "hunter2-${token}"\ntunl.peer-ip = "172.28.16.${ip}"\n`;
  const files = {
    ...WITH_OFFICE,
    "/etc/ipipou/hub.peers/b.toml": peer("b", "20"),
    "/etc/ipipou/hub.peers/c.toml": peer("b", "21"),
    "/etc/ipipou/hub.peers/d.toml": peer("d", "22"),
    "/etc/ipipou/hub.peers/e.toml": peer("e", "22"),
    "/etc/ipipou/hub.peers/f.toml": "nonsense",
  };
  const list = succeed("list hub", files);
  assert.deepEqual(list.result.match(/^\w+/gm), ["b", "c", "d", "e", "office"]);
  assert.match(list.notes[0]!, /^Warning: Cannot read \S+f\.toml:1:9 as TOML: /);
  const clashes = [
    /^Warning: Cannot use both peer "d" .* and peer "e" /,
    /^Warning: Cannot use both peer "b" .* and peer "c" /,
  ];
  for (const [index, clash] of clashes.entries()) assert.match(list.notes[index + 1]!, clash);
  assert.doesNotMatch(list.notes.join("\n"), /hunter2/);
  assert.match(succeed("show hub office --endpoint h", files).notes[1]!, clashes[0]!);
  for (const name of ["b", "f", "office"]) {
    assert.deepEqual(succeed(`remove hub ${name}`, files).removed, [`/etc/ipipou/hub.peers/${name}.toml`]);
  }
  refused("add hub g --make-key --endpoint h", files, /^Cannot /);
});

Deno.test("A peer's file with a mistake is told of, and keeps no other peer from being listed, shown or removed", () => {
  const mistakes: [file: string, warning: RegExp][] = [
    ["nonsense", /^Warning: Cannot read \/etc\/ipipou\/hub\.peers\/b\.toml:1:9 as TOML: /],
    ['tunl.peer-ip = "172.28.16.7"', /^Warning: Cannot use peer "b" .* without a way to identify it/],
  ];
  for (const [file, warning] of mistakes) {
    const files = { ...WITH_OFFICE, "/etc/ipipou/hub.peers/b.toml": file };
    const list = succeed("list hub", files);
    assert.match(list.result, /^office .*\n$/);
    assert.match(list.notes[0]!, warning);
    assert.match(succeed("show hub office --endpoint h", files).notes[0]!, warning);
    refused("show hub b --endpoint h", files, /^Cannot show peer "b": hub has no such peer/);
    const { removed, notes, told } = succeed("remove hub office", files);
    assert.deepEqual([removed, told], [["/etc/ipipou/hub.peers/office.toml"], []]);
    assert.match(notes[0]!, warning);
    assert.equal(
      notes.at(-1),
      "Warning: hub neither reloads nor starts until that is mended: the change takes effect then",
    );
  }
});

Deno.test("listPeers() shows each peer's address, how it authenticates, and where it is defined", () => {
  assert.equal(
    succeed("list hub", IN_HUB).result,
    `home    172.28.16.2    token    /etc/ipipou/hub.toml:8:8
fixed   172.28.16.200  address  /etc/ipipou/hub.toml:12:8
office  172.28.16.9    key      /etc/ipipou/hub.peers/office.toml
`,
  );
  assert.equal(succeed("list hub", EMPTY).result, "");
});

Deno.test("HUB is the name or the path of a file in /etc/ipipou", () => {
  for (const hub of ["hub", "hub.toml", "/etc/ipipou/hub.toml"]) succeed(`list ${hub}`, WITH_OFFICE);
  const elsewhere = { ...WITH_OFFICE, "/root/hub.toml": HUB, "/etc/hub.toml": HUB };
  for (
    const hub of ["/root/hub.toml", "../hub", "a/../hub", "/etc/ipipou/../hub.toml", "a/hub", ".hub", "a\nb"]
  ) {
    refused(
      `list ${hub}`,
      elsewhere,
      /^Cannot use \S+ as HUB: must be a file \/etc\/ipipou\/NAME\.toml, with NAME of/,
    );
  }
  refused("list none", WITH_OFFICE, /^Cannot read \/etc\/ipipou\/none\.toml \(HUB\): No such file/);
});

Deno.test("addPeer() and removePeer() report whether the hub reloads", () => {
  const last = (running: number | null) => succeed(ADD, EMPTY, running).notes.at(-1);
  assert.equal(last(null), "hub is not running: the change takes effect when it starts");
  assert.equal(last(0), "hub is running in another PID namespace: reload it there");
});

Deno.test("showPeer() prints the client's file again, wherever the peer is defined, and changes nothing", () => {
  const options = "--endpoint vpn.example --client-dev wan0";
  const added = succeed(`${ADD} --client-dev wan0`, EMPTY);
  const files = { ...EMPTY, [added.written[0]!.path]: added.written[0]!.text };
  const shown = succeed(`show hub office ${options}`, files);
  assert.equal(shown.result, added.result);
  assert.deepEqual([shown.written, shown.told], [[], []]);
  assert.deepEqual(shown.notes, ["the client's private key is not known here: hub.key there must hold it"]);
  const line = succeed(`${ADD} --client-dev wan0 --line`, EMPTY).result;
  assert.equal(succeed(`show hub office ${options} --line`, files).result, line);
  assert.match(
    succeed("show hub home --endpoint vpn.example:77", IN_HUB).result,
    /^remote = "vpn\.example:77"$/m,
  );
});

Deno.test("showPeer() rejects a peer that does not exist, and a hub without a known address", () => {
  refused(
    "show hub ofice --endpoint h",
    IN_HUB,
    /^Cannot show peer "ofice": hub has no such peer; did you mean office\?$/,
  );
  refused("show hub office", IN_HUB, /^Cannot tell the client where the hub is: give --endpoint /);
});
