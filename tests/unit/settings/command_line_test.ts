import assert from "node:assert/strict";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { COMMANDS } from "../../../lib/settings/commands.ts";
import type { GivenValues } from "../../../lib/settings/given.ts";
import { identify } from "../../../lib/settings/resolve.ts";

function givenOf(...argv: string[]): Readonly<GivenValues> {
  const invocation = parseInvocation(argv);
  assert.ok(invocation.kind === "run");
  return invocation.given;
}

function valuesOf(...argv: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(givenOf(...argv)).map(([slot, { value }]) => [slot, value]));
}

Deno.test("parseInvocation() accepts several short options in one word", () => {
  assert.deepEqual(valuesOf("-vvsn0"), { verbose: 2, server: true, number: 0 });
  assert.deepEqual(valuesOf("-svn", "12"), { server: true, verbose: 1, number: 12 });
});

Deno.test("parseInvocation() accepts a value after a space, after =, and directly after a letter", () => {
  for (const argv of [["-n5"], ["-n", "5"], ["-n=5"], ["--number", "5"], ["--number=5"]]) {
    assert.deepEqual(valuesOf(...argv), { number: 5 }, argv.join(" "));
  }
});

Deno.test("parseInvocation() accepts unambiguous abbreviations of long options", () => {
  assert.deepEqual(valuesOf("--numb", "5", "--serv", "--tunl-p=10.0.0.1"), {
    number: 5,
    server: true,
    tunnelPeerIp: "10.0.0.1",
  });
  assert.deepEqual(valuesOf("--verb", "1"), { verb: 1 });
  assert.deepEqual(valuesOf("--fou-local", ":5"), { localPorts: [5] });
});

Deno.test("parseInvocation() accepts every abbreviation of version 0.1 despite new options", () => {
  assert.deepEqual(valuesOf("--auth-sec", "x"), { secret: "x" });
  assert.deepEqual(valuesOf("--auth-secret-file", "x"), { secret: { file: "x" } });
});

Deno.test("parseInvocation() treats values that begin with a hyphen like version 0.1", () => {
  assert.deepEqual(valuesOf("--auth-token=-x"), { token: "-x" });
  assert.deepEqual(valuesOf("--auth-token", "-5"), { token: "-5" });
  assert.deepEqual(valuesOf("--auth-token", "-a b"), { token: "-a b" });
  assert.deepEqual(valuesOf("--auth-token", "-"), { token: "-" });
  assert.deepEqual(valuesOf("--auth-token=a=b\n=c"), { token: "a=b\n=c" });
});

Deno.test("parseInvocation() ignores a final --", () => {
  assert.deepEqual(valuesOf("-s", "--"), { server: true });
});

Deno.test("parseInvocation() records the option's full name as the value's place", () => {
  assert.equal(givenOf("--numb=5").number?.place, "-n/--number");
  assert.equal(givenOf("-b", ":5").localPorts?.place, "-b/--fou-local");
});

Deno.test("parseInvocation() keeps the order of --config", () => {
  const invocation = parseInvocation(["--config", "a", "-s", "--config=./b"]);
  assert.ok(invocation.kind === "run");
  assert.deepEqual(invocation.configs, ["a", "./b"]);
});

Deno.test("parseInvocation() shows the help or the version, whatever follows", () => {
  assert.deepEqual(parseInvocation(["-h"]), { kind: "help", commands: [] });
  assert.deepEqual(parseInvocation(["-s", "--help", "--nonsense"]), { kind: "help", commands: [] });
  assert.deepEqual(parseInvocation(["-vh"]), { kind: "help", commands: [] });
  assert.deepEqual(parseInvocation(["--vers"]), { kind: "version" });
});

Deno.test("parseInvocation() takes all options of a run with --dry-run, before it and after it", () => {
  const dry = parseInvocation(["-s", "--dry-run", "--config", "a", "-n1", "--auth-token", "x"]);
  const wet = parseInvocation(["-s", "--config", "a", "-n1", "--auth-token", "x"]);
  assert.ok(wet.kind === "run");
  assert.deepEqual(dry, { ...wet, kind: "dry-run" });
});

Deno.test("parseInvocation() takes a format and a name after export", () => {
  const wanted = { kind: "export", format: "networkd", name: "./a.toml" };
  assert.deepEqual(parseInvocation(["export", "networkd", "./a.toml"]), wanted);
});

Deno.test("parseInvocation() labels keys if the verbosity is not 0", () => {
  assert.deepEqual(parseInvocation(["--auth-keygen"]), { kind: "keygen", labelled: false });
  assert.deepEqual(parseInvocation(["--auth-keygen", "-v"]), { kind: "keygen", labelled: true });
  assert.deepEqual(parseInvocation(["--verb=1", "--auth-keygen"]), { kind: "keygen", labelled: true });
});

Deno.test("parseInvocation() treats a first word as a command", () => {
  assert.deepEqual(parseInvocation(["convert", "a"]), {
    kind: "convert",
    names: ["a"],
    hub: null,
    write: false,
    force: false,
  });
  assert.deepEqual(parseInvocation(["convert", "./a.conf", "--write", "b", "--force"]), {
    kind: "convert",
    names: ["./a.conf", "b"],
    hub: null,
    write: true,
    force: true,
  });
  assert.deepEqual(parseInvocation(["convert", "a", "--hub", "h", "b"]), {
    kind: "convert",
    names: ["a", "b"],
    hub: "h",
    write: false,
    force: false,
  });
});

Deno.test("parseInvocation() takes a name or run options for cleanup, in any order", () => {
  const cleanupOf = (...argv: string[]) => {
    const invocation = parseInvocation(["cleanup", ...argv]);
    assert.ok(invocation.kind === "cleanup");
    return { configs: invocation.configs, ...identify(invocation.given) };
  };
  const byDefault = {
    mode: "client",
    name: "ipipou0",
    ports: [10000],
    queue: 0,
    table: "ipipou",
  };
  assert.deepEqual(cleanupOf("-vv", "office"), { ...byDefault, configs: ["office"] });
  assert.deepEqual(cleanupOf("--config", "b", "a"), { ...byDefault, configs: ["a", "b"] });
  const second = {
    name: "ipipou2",
    ports: [10002],
    queue: 2,
    table: "ipipou",
    configs: [],
  };
  assert.deepEqual(cleanupOf("-n2"), { ...second, mode: "client" });
  assert.deepEqual(cleanupOf("-s", "-q2", "-b@eth0", "--auth-token", "x"), { ...second, mode: "server" });
  const named = ["--tunl-dev=t", "--fou-local=:5", "--nft-table=x"];
  assert.deepEqual(cleanupOf(...named), {
    mode: "client",
    name: "t",
    ports: [5],
    queue: 0,
    table: "x",
    configs: [],
  });
});

Deno.test("parseInvocation() takes no word at all for the status of all instances", () => {
  const all = { kind: "status", name: null, peer: null, json: false, watch: false };
  assert.deepEqual(parseInvocation([]), all);
  assert.deepEqual(parseInvocation(["status"]), all);
  assert.deepEqual(parseInvocation(["status", "hub", "--peer", "a", "--json", "--watch"]), {
    ...{ kind: "status", name: "hub", peer: "a", json: true, watch: true },
  });
});

Deno.test("parseInvocation() takes where metrics go", () => {
  const metrics = { kind: "metrics", name: null, file: null, listen: null };
  assert.deepEqual(parseInvocation(["metrics"]), metrics);
  assert.deepEqual(parseInvocation(["metrics", "hub", "--file=/run/ipipou/x.prom"]), {
    ...{ ...metrics, name: "hub", file: "/run/ipipou/x.prom" },
  });
  const listen = (place: string) => parseInvocation(["metrics", "--listen", place]);
  assert.deepEqual(listen("127.0.0.1:9586"), { ...metrics, listen: { ip: "127.0.0.1", port: 9586 } });
  assert.deepEqual(listen("/run/ipipou/metrics.sock"), { ...metrics, listen: "/run/ipipou/metrics.sock" });
});

Deno.test("parseInvocation() shows a command's own help, whatever else is given", () => {
  for (const { name } of COMMANDS) {
    for (const argv of [["--help"], ["-h"], ["a", "b", "--help", "--nonsense"]]) {
      const invocation = parseInvocation([...name.split(" "), ...argv]);
      assert.ok(invocation.kind === "help");
      assert.deepEqual(invocation.commands.map((command) => command.name), [name]);
    }
  }
});

Deno.test("parseInvocation() shows the help of all commands that begin with the same word", () => {
  for (const option of ["--help", "-h"]) {
    const invocation = parseInvocation(["peer", option]);
    assert.ok(invocation.kind === "help");
    assert.deepEqual(invocation.commands.map(({ name }) => name), [
      "peer add",
      "peer show",
      "peer remove",
      "peer list",
    ]);
  }
});

Deno.test("parseInvocation() separates the peer's options from its client's", () => {
  const argv = [
    "hub",
    "-r=198.51.100.7",
    "office",
    "--endpoint=vpn.example:77",
    "--client-dev",
    "wan0",
    "--line",
  ];
  const invocation = parseInvocation([
    "peer",
    "add",
    ...argv,
    "--auth-by-remote-ip",
    "--routes",
    "10.1.0.0/16",
  ]);
  assert.ok(invocation.kind === "peer-add");
  const { given, settings, ...rest } = invocation;
  assert.deepEqual(rest, {
    kind: "peer-add",
    hub: "hub",
    peer: "office",
    makeKey: false,
    endpoint: { host: "vpn.example", port: 77 },
    clientDevice: "wan0",
    asLine: true,
    warnings: [],
  });
  assert.deepEqual(Object.entries(given).map(([slot, { value }]) => [slot, value]), [
    ["remoteHost", "198.51.100.7"],
    ["byRemoteIp", true],
    ["routes", ["10.1.0.0/16"]],
  ]);
  assert.deepEqual(settings.map(({ option, text }) => [option.long, text]), [
    ["fou-remote", "198.51.100.7"],
    ["auth-by-remote-ip", ""],
    ["routes", "10.1.0.0/16"],
  ]);
});

Deno.test("parseInvocation() names no client device by default, and warns of a secret on the command line", () => {
  const invocation = parseInvocation(["peer", "add", "hub", "a", "--make-key", "--auth-secret", "hunter2"]);
  assert.ok(invocation.kind === "peer-add");
  assert.equal(invocation.clientDevice, null);
  assert.equal(invocation.makeKey, true);
  assert.deepEqual(invocation.endpoint, { host: null, port: null });
  assert.match(
    invocation.warnings.join("\n"),
    /^The value of --auth-secret is visible to every user of this host in the process list: use [^\n]*$/,
  );
});

Deno.test("parseInvocation() takes no longer than linear time for many words", () => {
  const start = performance.now();
  const invocation = parseInvocation(Array.from({ length: 400_000 }, () => "-v"));
  assert.ok(invocation.kind === "run" && invocation.given.verbose?.value === 400_000);
  assert.ok(performance.now() - start < 30_000, "the square of it took minutes");
});
