import assert from "node:assert/strict";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
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

Deno.test("parseInvocation() takes short options in one word", () => {
  assert.deepEqual(valuesOf("-vvsn0"), { verbose: 2, server: true, number: 0 });
  assert.deepEqual(valuesOf("-svn", "12"), { server: true, verbose: 1, number: 12 });
});

Deno.test("parseInvocation() takes a value after a space, after =, and right after a letter", () => {
  for (const argv of [["-n5"], ["-n", "5"], ["-n=5"], ["--number", "5"], ["--number=5"]]) {
    assert.deepEqual(valuesOf(...argv), { number: 5 }, argv.join(" "));
  }
});

Deno.test("parseInvocation() takes the beginning of a long option that no other begins with", () => {
  assert.deepEqual(valuesOf("--numb", "5", "--serv", "--tunl-p=10.0.0.1"), {
    number: 5,
    server: true,
    tunnelPeerIp: "10.0.0.1",
  });
  assert.deepEqual(valuesOf("--verb", "1"), { verb: 1 });
  assert.deepEqual(valuesOf("--fou-local", ":5"), { localPorts: [5] });
});

Deno.test("parseInvocation() lets new options break no abbreviation of version 0.1", () => {
  assert.deepEqual(valuesOf("--auth-sec", "x"), { secret: "x" });
  assert.deepEqual(valuesOf("--auth-secret-file", "x"), { secret: { file: "x" } });
});

Deno.test("parseInvocation() takes values with a hyphen as version 0.1 did", () => {
  assert.deepEqual(valuesOf("--auth-token=-x"), { token: "-x" });
  assert.deepEqual(valuesOf("--auth-token", "-5"), { token: "-5" });
  assert.deepEqual(valuesOf("--auth-token", "-a b"), { token: "-a b" });
  assert.deepEqual(valuesOf("--auth-token", "-"), { token: "-" });
  assert.deepEqual(valuesOf("--auth-token=a=b\n=c"), { token: "a=b\n=c" });
});

Deno.test("parseInvocation() takes -- at the end for nothing", () => {
  assert.deepEqual(valuesOf("-s", "--"), { server: true });
});

Deno.test("parseInvocation() names the place as the option is listed", () => {
  assert.equal(givenOf("--numb=5").number?.place, "-n/--number");
  assert.equal(givenOf("-b", ":5").localPorts?.place, "-b/--fou-local");
});

Deno.test("parseInvocation() keeps the order of --config", () => {
  const invocation = parseInvocation(["--config", "a", "-s", "--config=./b"]);
  assert.ok(invocation.kind === "run");
  assert.deepEqual(invocation.configs, ["a", "./b"]);
});

Deno.test("parseInvocation() shows the help or the version whatever comes after", () => {
  assert.deepEqual(parseInvocation(["-h"]), { kind: "help", command: null });
  assert.deepEqual(parseInvocation(["-s", "--help", "--nonsense"]), { kind: "help", command: null });
  assert.deepEqual(parseInvocation(["-vh"]), { kind: "help", command: null });
  assert.deepEqual(parseInvocation(["--vers"]), { kind: "version" });
});

Deno.test("parseInvocation() makes labelled keys with any verbosity", () => {
  assert.deepEqual(parseInvocation(["--auth-keygen"]), { kind: "keygen", labelled: false });
  assert.deepEqual(parseInvocation(["--auth-keygen", "-v"]), { kind: "keygen", labelled: true });
  assert.deepEqual(parseInvocation(["--verb=1", "--auth-keygen"]), { kind: "keygen", labelled: true });
});

Deno.test("parseInvocation() takes a first word for a command", () => {
  assert.deepEqual(parseInvocation(["convert", "a"]), {
    kind: "convert",
    names: ["a"],
    write: false,
    force: false,
  });
  assert.deepEqual(parseInvocation(["convert", "./a.conf", "--write", "b", "--force"]), {
    kind: "convert",
    names: ["./a.conf", "b"],
    write: true,
    force: true,
  });
});

Deno.test("parseInvocation() cleans up by name or by the options of a run, in any order", () => {
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

Deno.test("parseInvocation() shows a command's own help, and its before anything else", () => {
  for (const name of ["convert", "cleanup"]) {
    for (const argv of [["--help"], ["-h"], ["a", "b", "--help", "--nonsense"]]) {
      const invocation = parseInvocation([name, ...argv]);
      assert.ok(invocation.kind === "help");
      assert.equal(invocation.command?.name, name);
    }
  }
});
