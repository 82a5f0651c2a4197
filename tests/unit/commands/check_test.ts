import assert from "node:assert/strict";
import { check } from "../../../lib/commands/check.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { SettingsError } from "../../../lib/settings/errors.ts";
import type { Files } from "../../../lib/settings/files.ts";
import { BAD_INPUTS } from "../settings/bad_input.ts";
import { BASES, GOOD_FILES, PUBLIC_KEY } from "../settings/bases.ts";
import { filesInMemory } from "../settings/memory_files.ts";

/** Runs the command. @returns the lines it printed, and the error it ended with */
function outcomeOf(files: Files, ...argv: string[]) {
  const invocation = parseInvocation(["check", ...argv]);
  assert.ok(invocation.kind === "check");
  const lines: string[] = [];
  try {
    check(invocation.names, files, (line) => lines.push(line));
    return { lines, end: null };
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return { lines, end: error.message };
  }
}

const HUB = `sevrer = true
server = true
number = 70000
[fou]
local = "eth0 x"
[auth]
secret-file = "gone"
[[peer]]
name = "a"
tunl.peer-ip = "10.0.0.9"
[[peer]]
name = "b"
auth.remote-pubkey-b64 = "AAAA"
[[peer]]
auth.token = "hunter2"
[[peer]]
name = "c"
tunl.peer-ip = "10.0.0.9"
auth.token = "hunter2-c"
routes = ["10.1.0.0/33"]
[tunnel]
`;

Deno.test("check prints all mistakes of a file and of its peers' files, each with its place and cure", () => {
  const files = filesInMemory({
    "/etc/ipipou/hub.toml": HUB,
    "/etc/ipipou/hub.peers/d.toml":
      `tokn = "hunter2"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\nrotes = []\n`,
  });
  const { lines, end } = outcomeOf(files, "hub");
  const mistakes = [
    /^Unknown key sevrer at \/etc\/ipipou\/hub\.toml:1:1: did you mean `server`\?$/,
    /^Cannot use 70000 as number at \/etc\/ipipou\/hub\.toml:3:10: /,
    /^Cannot use "eth0 x" as fou\.local at \/etc\/ipipou\/hub\.toml:5:9: /,
    /^Cannot use "AAAA" as auth\.remote-pubkey-b64 at \/etc\/ipipou\/hub\.toml:13:26: must be 32 bytes/,
    /^Cannot use "10\.1\.0\.0\/33|^Cannot use a list as routes at \/etc\/ipipou\/hub\.toml:20:10: /,
    /^Unknown table \[tunnel\] at \/etc\/ipipou\/hub\.toml:21:1: did you mean \[tunl\]\?$/,
    /^Cannot use \[\[peer\]\] at \/etc\/ipipou\/hub\.toml:14:1 without a name/,
    /^Unknown key tokn at \/etc\/ipipou\/hub\.peers\/d\.toml:1:1: /,
    /^Unknown key rotes at \/etc\/ipipou\/hub\.peers\/d\.toml:3:1: did you mean `routes`\?$/,
    /^Cannot use peer "a" \(name at \/etc\/ipipou\/hub\.toml:9:8\) without a way to identify it: /,
    /^Cannot read \/etc\/ipipou\/gone \(auth\.secret-file at \/etc\/ipipou\/hub\.toml:7:15\): No such file/,
  ];
  for (const mistake of mistakes) {
    assert.equal(lines.filter((line) => mistake.test(line)).length, 1, `${mistake}\n${lines.join("\n")}`);
  }
  assert.doesNotMatch(lines.join("\n"), /hunter2/);
  assert.match(end!, /^1\d mistakes$/);
});

Deno.test("check does not say that something is missing, or open to all, where a mistake was meant to be that", () => {
  const server = 'server = true\n[fou]\nlocal = "@eth0"\n[auth]\nsecret = "s"\n';
  const key = `remote-pubkey-b64 = "${PUBLIC_KEY}"\n`;
  const client = `[fou]\nremote = "h:1"\n[tunl]\nip = "10.0.0.1"\n`;
  const hub = (peer: string) => `${server.replace("\nsecret", "\n#")}[[peer]]\nname = "a"\n${peer}`;
  const cases: [file: string, start: RegExp][] = [
    [server + 'remote-pubkey-b64 = "abc"', /^Cannot use "abc" as auth\.remote-pubkey-b64 /],
    [(server + key).replace("[auth]", "[auht]"), /^Unknown table \[auht\] /],
    [(server + key).replace("local =", "locl ="), /^Unknown key fou\.locl /],
    [`local = "@eth0"\n${(server + key).replace('[fou]\nlocal = "@eth0"', "")}`, /^Unknown key local /],
    [(server + key).replace("server = true", "sevrer = true"), /^Unknown key sevrer /],
    [(server + key).replace("server = true", "server = 1"), /^Cannot use 1 as server /],
    [client.replace("10.0.0.1", "10.0.0"), /^Cannot use "10\.0\.0" as tunl\.ip /],
    [client.replace("h:1", "h..x:1"), /^Cannot use "h\.\.x:1" as fou\.remote /],
    [hub('tunl.peer-ip = "10.0.0.9"\nauth.tokn = "x"'), /^Unknown key auth\.tokn /],
    [hub('tunl.peer-ip = "10.0.0"\nauth.token = "x"'), /^Cannot use "10\.0\.0" as /],
    [hub('auth.token = "x"').replace('"a"', '"a b"'), /^Cannot use "a b" as name /],
    [hub('auth.token = "x"').replace("name", "nam"), /^Unknown key nam .* did you mean `name`/],
  ];
  for (const [file, start] of cases) {
    const { lines, end } = outcomeOf(filesInMemory({ "/x.toml": file }), "/x.toml");
    assert.match(lines[0]!, start);
    const told = lines.filter((line) => !/no effect|holds secrets/.test(line));
    assert.deepEqual([told.length, end], [1, "1 mistake"], lines.join("\n"));
  }
});

Deno.test("check says what is missing for one peer though another one's values are wrong", () => {
  const peer = (name: string, auth: string) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "10.0.0.9"\n${auth}\n`;
  const hub = `server = true\nfou.local = "@eth0"\n${peer("a", "auth.tokn = 'x'")}${peer("b", "")}`;
  const { lines } = outcomeOf(filesInMemory({ "/x.toml": hub }), "/x.toml");
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[1]!, /^Cannot use peer "b" .* without a way to identify it/);
});

Deno.test("check prints the mistakes in TOML of all lines, and then nothing of what may stand in them", () => {
  const files = filesInMemory({
    "/x.toml":
      'server = yes\nnumber = one\nlocal\nfou.locl = "x"\n[auth]\ntoken = hunter2\n[fou\nlocal-port = 10',
    "/y.toml": "server = true\n[fou]\nlocal-port = [1,\n2\nlocal = @eth0\n",
  });
  const { lines, end } = outcomeOf(files, "/x.toml", "/y.toml");
  assert.deepEqual(lines.map((line) => line.replace(/^[^/]*(\S*).*/, "$1")), [
    "/x.toml:1:10",
    "/x.toml:2:10",
    "/x.toml:3:6",
    "/x.toml:6:9",
    "/x.toml:7:5",
    "/y.toml:3:14",
  ]);
  assert.equal(end, "6 mistakes");
});

Deno.test("check names the file of each mistake and warning, also of what is nowhere in it", () => {
  const files = filesInMemory({
    "/etc/ipipou/a.toml": "",
    "/etc/ipipou/b.toml": 'server = true\nfou.local = "@eth0"\n',
    "/etc/ipipou/hub.toml": 'server = true\nfou.local = "@eth0"\n',
    "/etc/ipipou/hub.peers/d.toml": "x = 1",
  });
  const { lines } = outcomeOf(files);
  for (const line of lines) assert.match(line, /\/etc\/ipipou\/(a|b|hub)\b/, lines.join("\n"));
  assert.ok(lines.some((line) => /^\/etc\/ipipou\/a\.toml: Cannot run as a client without /.test(line)));
  assert.ok(lines.some((line) => /^Warning: \/etc\/ipipou\/b\.toml: Anyone who can send /.test(line)));
  assert.ok(lines.some((line) => /^Unknown key x at \/etc\/ipipou\/hub\.peers\/d\.toml:1:1: /.test(line)));
});

Deno.test("check finds every pair of peers that clash", () => {
  const peer = (name: string, more: string) =>
    `[[peer]]\nname = "${name}"\nauth.token = "${name}"\n${more}\n`;
  const files = filesInMemory({
    "/x.toml":
      `server = true\nfou.local = "@eth0"\n${
        peer("a", 'tunl.peer-ip = "10.0.0.1"\nroutes = ["10.1.0.0/16"]')
      }` +
      `${peer("b", 'tunl.peer-ip = "10.0.0.1"')}${
        peer("c", 'tunl.peer-ip = "10.0.0.3"\nroutes = ["10.1.0.0/16"]')
      }`,
  });
  const { lines, end } = outcomeOf(files, "/x.toml");
  assert.equal(
    lines.filter((line) => /^Cannot use both peer "a" .* and peer "[bc]" /.test(line)).length,
    2,
    lines.join("\n"),
  );
  assert.equal(end, "2 mistakes");
});

Deno.test("check says that files have no mistakes, with their warnings, and takes all of /etc/ipipou", () => {
  const files = filesInMemory({
    ...within(GOOD_FILES),
    "/etc/ipipou/a.toml": BASES.server,
    "/etc/ipipou/b.toml": "x = 1",
  });
  const one = outcomeOf(files, "a");
  assert.equal(one.end, null);
  assert.equal(one.lines.at(-1), "/etc/ipipou/a.toml: no mistakes");
  const all = outcomeOf(files);
  assert.match(all.end!, /^\d mistakes?$/);
  assert.ok(all.lines.includes("/etc/ipipou/a.toml: no mistakes"));
  assert.match(outcomeOf(filesInMemory({})).end!, /^Cannot check \/etc\/ipipou\/: .*; name a file$/);
});

function within(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`/etc/ipipou/${name}`, text]));
}

Deno.test("check needs not be root: secrets that it may not read are not checked, and that is said", () => {
  const text = 'server = true\nfou.local = "@eth0"\n[auth]\nkey-file = "k"\nsecret-file = "s"\n' +
    `remote-pubkey-b64 = "${PUBLIC_KEY}"\n`;
  const { read, list } = filesInMemory({ "/etc/ipipou/a.toml": text });
  const denied = { ok: false, missing: false, reason: "Permission denied" } as const;
  const files: Files = { list, read: (path) => /\/[ks]$/.test(path) ? denied : read(path) };
  const { lines, end } = outcomeOf(files, "a");
  assert.equal(end, null, lines.join("\n"));
  for (const name of ["k", "s"]) {
    const warning = `Warning: /etc/ipipou/${name} cannot be read by this user: its content was not checked`;
    assert.ok(lines.includes(warning), lines.join("\n"));
  }
});

Deno.test("check finds what a run would refuse of each bad file", () => {
  for (const { name, argv, files, message } of BAD_INPUTS) {
    const [option, config, ...more] = argv;
    if (option !== "--config" || config === undefined || more.length > 0) continue;
    const folder = "/dir";
    const memory = filesInMemory(
      Object.fromEntries(Object.entries(files ?? {}).map(([file, text]) => [`${folder}/${file}`, text])),
    );
    const { lines, end } = outcomeOf(memory, config.replaceAll("{dir}", folder));
    assert.notEqual(end, null, name);
    const asOfRun = lines.map((line) => line.replace("(NAME)", "(--config)"));
    assert.ok(asOfRun.some((line) => message.test(line)), `${name}\n${lines.join("\n")}`);
  }
});
