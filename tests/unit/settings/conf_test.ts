import assert from "node:assert/strict";
import fc from "fast-check";
import { convertConf } from "../../../lib/settings/conf.ts";
import { SettingsError } from "../../../lib/settings/errors.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { parseToml } from "../../../lib/settings/toml.ts";
import { anyText, valueOf } from "./arbitrary_values.ts";
import { BASES, PRIVATE_KEY, PUBLIC_KEY } from "./bases.ts";
import { load } from "./memory_files.ts";

const PATH = "/etc/ipipou/x.conf";

function tomlOf(conf: string): string {
  return convertConf(conf, PATH).toml;
}

/** Example files of version 0.1. */
const EXAMPLES = {
  server: `server
number 0
fou-dev eth0
fou-local-port 10000
tunl-ip 172.28.0.0
auth-remote-pubkey-b64 ${PUBLIC_KEY}
auth-secret topsecret
auth-lifetime 3600
reply-on-auth-ok
verb 3
`,
  client: `client
number 0
fou-local @wlan0
fou-remote ipipou.example.net:10000
tunl-ip 172.28.0.1
# pubkey of auth-key-b64: ${PUBLIC_KEY}
auth-key-b64 ${PRIVATE_KEY}
auth-secret topsecret
keepalive 27
verb 2
`,
};

Deno.test("convertConf() converts version 0.1's own examples line by line", () => {
  assert.deepEqual(convertConf(EXAMPLES.server, PATH), {
    toml: `server = true
number = 0
fou.dev = "eth0"
fou.local-port = 10000
tunl.ip = "172.28.0.0"
auth.remote-pubkey-b64 = "${PUBLIC_KEY}"
auth.secret = "topsecret"
auth.lifetime = 3600
reply-on-auth-ok = true
verb = 3
`,
    holdsSecret: true,
  });
  assert.equal(
    tomlOf(EXAMPLES.client),
    `client = true
number = 0
fou.local = "@wlan0"
fou.remote = "ipipou.example.net:10000"
tunl.ip = "172.28.0.1"
# pubkey of auth-key-b64: ${PUBLIC_KEY}
auth.key-b64 = "${PRIVATE_KEY}"
auth.secret = "topsecret"
keepalive = 27
verb = 2
`,
  );
});

Deno.test("convertConf() preserves the settings of version 0.1's own examples", () => {
  const words = (conf: string) => conf.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  for (const conf of Object.values(EXAMPLES)) {
    const argv = words(conf).flatMap((line) => `--${line}`.split(" "));
    const files = { "x.toml": tomlOf(conf) };
    assert.deepEqual(load(["--config", "{dir}/x.toml"], files).settings, load(argv).settings);
  }
});

Deno.test("convertConf() reads lines like version 0.1", () => {
  const lines: [conf: string, toml: string][] = [
    ["  --server", "server = true"],
    ["\t-s", "server = true"],
    ["server ", "server = true"],
    ["- - n 5", "number = 5"],
    ["number=5", "number = 5"],
    ["number  5 ", "number = 5"],
    ["numb 5", "number = 5"],
    ["keepalive 027", "keepalive = 27"],
    ["auth-secret  two  words ", 'auth.secret = " two  words "'],
    ["auth-secret --server", 'auth.secret = "--server"'],
    ["auth-secret # no comment", 'auth.secret = "# no comment"'],
    ["auth-secret=", 'auth.secret = ""'],
    ["auth-token-b64=aGk=", 'auth.token-b64 = "aGk="'],
    ['auth-secret "\\\u007f', 'auth.secret = "\\"\\\\\\u007f"'],
    ["no-encap-csum", "encap.csum = false"],
    ["no-nft-counter", "nft.counter = false"],
    ["no-log-time\r", "log.time = false\n"],
    ["b @eth0", 'fou.local = "@eth0"'],
    ["v", "verb = 1"],
    ["", ""],
    ["---", ""],
    ["# remark", "# remark"],
    ["  # remark\t1  ", "  # remark\t1"],
    ["#\u0007 bell", "#\ufffd bell"],
  ];
  for (const [conf, toml] of lines) {
    assert.equal(tomlOf(conf), toml === "" || toml.endsWith("\n") ? toml : `${toml}\n`, JSON.stringify(conf));
    assert.ok(parseToml(tomlOf(conf), "/x.toml"));
  }
});

Deno.test("convertConf() keeps the last of repeated options, and adds up verbosity", () => {
  assert.equal(
    tomlOf(
      "number 1\n# all of them\nnumber 2\nserver\nclient\nencap-csum\nno-encap-csum\nfou-local :5@eth0\nb @eth1\n",
    ),
    '# all of them\nnumber = 2\nclient = true\nencap.csum = false\nfou.local = "@eth1"\n',
  );
  assert.equal(tomlOf("v\nverb 1\nv\n\n# end"), "verb = 3\n\n# end\n");
  assert.equal(tomlOf("verb 1\nverb 2"), "verb = 2\n");
  assert.equal(tomlOf("verb 99\nv"), "verb = 99\n");
});

Deno.test("convertConf() replaces --config by a comment, because version 0.1 ignored it", () => {
  assert.match(tomlOf("config other\nserver"), /^# .*--config.*\nserver = true\n$/);
});

Deno.test("convertConf() tells whether the file contains a secret", () => {
  assert.equal(convertConf("server\nauth-remote-pubkey-b64 " + PUBLIC_KEY, PATH).holdsSecret, false);
  for (
    const secret of [`auth-key-b64 ${PRIVATE_KEY}`, "auth-token x", "auth-token-b64 aGk=", "auth-secret x"]
  ) {
    assert.equal(convertConf(`server\n${secret}`, PATH).holdsSecret, true, secret);
  }
});

Deno.test("convertConf() names the invalid line, and never shows a secret", () => {
  const refused: [line: string, message: string][] = [
    [
      "fou-local-port 70000",
      'Cannot use "70000" as --fou-local-port at @: must be a UDP port from 1 to 65535, or up to 64 different ones',
    ],
    [
      "tunl-ip  10.0.0.1",
      'Cannot use " 10.0.0.1" as --tunl-ip at @: must be an IPv4 address of a host, like 192.0.2.1',
    ],
    [
      "auth-key-b64 hunter2!",
      "Cannot use (hidden) as --auth-key-b64 at @: must be 32 bytes in standard base64",
    ],
    ["keepalive", "Cannot use --keepalive at @ without a value: give SEC after one space"],
    ["server yes", "Cannot give a value to -s/--server at @: it takes none"],
    ["server=", "Cannot give a value to -s/--server at @: it takes none"],
    [
      "auth-secret=my hunter2",
      "Cannot use what follows the value of --auth-secret at @: a value after = has no spaces",
    ],
    ["numbr 1", 'Cannot read @: unknown option "--numbr": did you mean --number?'],
    ["number\t1", 'Cannot read @: unknown option "--number\\t1": did you mean --number?'],
    [
      "auth-secret\thunter2",
      "Cannot read @: unknown option that begins with --auth-secret: its value needs a space or = before it",
    ],
    ["x 1", 'Cannot read @: unknown option "-x": ipipou --help lists the options'],
    ["=", 'Cannot read @: unknown option "-=": ipipou --help lists the options'],
    ["=hunter2", 'Cannot read @: unknown option "--": ipipou --help lists the options'],
    [
      "no-log",
      "Cannot read @: cannot tell which option --no-log is: it could be --no-log-time, --no-log-pid",
    ],
    ["auth-keygen", "Cannot use --auth-keygen at @: it can only be used on the command line"],
    ["h", "Cannot use -h/--help at @: it can only be used on the command line"],
  ];
  for (const [line, message] of refused) {
    const expected = { message: message.replace("@", `${PATH}:3`), exitCode: 2 };
    assert.throws(() => tomlOf(`# first\n\n${line}\nserver\n`), expected, line);
  }
  assert.throws(() => tomlOf("fou-local :1\nfou-local-port 1"), {
    message: `Cannot use both -b/--fou-local at ${PATH}:1 and --fou-local-port at ${PATH}:2: ` +
      "they set the same value, give one",
  });
});

const valued = OPTIONS.flatMap((option) => {
  const value = valueOf(option);
  return value === null ? [] : [value.map(({ word }) => ({ option, word }))];
});
const ENDPOINTS = { local: [":5", "@eth0", "192.0.2.9:7@x"], remote: [":5", "host", "192.0.2.9:7"] };
const endpoints = OPTIONS.flatMap((option) =>
  option.kind === "local" || option.kind === "remote"
    ? [fc.constantFrom(...ENDPOINTS[option.kind]).map((word) => ({ option, word }))]
    : []
);
const counts = OPTIONS.filter(({ kind }) => kind === "count").map((option) =>
  fc.constant({ option, word: "" })
);
const noise = fc.constantFrom("", "# remark", "   ", "#", "# [table]", "# a = 'b", "--");
const layouts = fc.record({
  before: fc.array(noise, { maxLength: 2 }),
  indent: fc.constantFrom("", "--", "\t", "  -"),
});
const saids = fc.tuple(fc.oneof(...valued, ...counts, ...endpoints), layouts)
  .filter(([{ option, word }]) =>
    word !== "" ? !/[\r\n]/.test(word) : option.kind === "flag" || option.kind === "count"
  );
// At most one line of each: version 0.1 let the last line replace an earlier one completely.
const confs = fc.array(saids, { maxLength: 8 }).filter((lines) =>
  (["local", "remote"] as const).every((kind) =>
    lines.filter(([{ option }]) => option.kind === kind).length < 2
  )
);

Deno.test("convertConf() makes TOML with the same meaning as the same options on the command line", () => {
  let settled = 0;
  const settingsOf = (make: () => ReturnType<typeof load>) => {
    try {
      const { settings } = make();
      // `verb` in a file is limited to 99, beyond which nothing changes, but any number of -v can be added.
      return { ...settings, log: { ...settings.log, verbosity: Math.min(99, settings.log.verbosity) } };
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      return null;
    }
  };
  fc.assert(
    fc.property(
      confs,
      fc.constantFrom("client", "server"),
      fc.constantFrom("\n", "\r\n"),
      (lines, mode, end) => {
        const base = ["--config", "{dir}/base.toml"];
        const argv = lines.map(([{ option, word }]) =>
          option.long === null ? `-${option.short}` : `--${option.long}${word === "" ? "" : `=${word}`}`
        );
        const conf = lines.flatMap(([{ option, word }, { before, indent }]) => [
          ...before,
          `${indent}${option.long ?? option.short}${word === "" ? "" : ` ${word}`}`,
        ]).join(end);
        const fromWords = settingsOf(() => load([...base, ...argv], { "base.toml": BASES[mode] }));
        const fromConf = settingsOf(() =>
          load([...base, "--config", "{dir}/x.toml"], { "base.toml": BASES[mode], "x.toml": tomlOf(conf) })
        );
        assert.deepEqual(fromConf, fromWords);
        if (fromConf !== null) settled++;
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(settled > 500, `only ${settled} were settings`);
});

Deno.test("convertConf() turns any text into TOML with all its comments, or one line of error", () => {
  const names = OPTIONS.map(({ long, short }) => long ?? short ?? "");
  const anyLine = fc.oneof(
    anyText,
    noise,
    fc.tuple(fc.constantFrom(...names), anyText).map((words) => words.join(" ")),
  );
  fc.assert(
    fc.property(fc.array(anyLine, { maxLength: 4 }).map((lines) => lines.join("\n")), (conf) => {
      let toml;
      try {
        toml = tomlOf(conf);
      } catch (error) {
        assert.ok(error instanceof SettingsError, String(error));
        assert.doesNotMatch(error.message, /[\n\r]/);
        return;
      }
      parseToml(toml, "/x.toml");
      const remarks = conf.split(/[\r\n]/).filter((line) => /^[ \t]*# [\w =']*$/.test(line)).map((line) =>
        line.trimEnd()
      );
      for (const remark of remarks) assert.ok(toml.split("\n").includes(remark), remark);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("convertConf() takes no longer than linear time for a file of many lines", () => {
  const start = performance.now();
  const { toml } = convertConf("number 1\nverb 2\n".repeat(150_000), PATH);
  assert.equal(toml, "number = 1\nverb = 2\n");
  assert.ok(performance.now() - start < 30_000, "the square of it took minutes");
});
