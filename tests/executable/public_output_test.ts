import assert from "node:assert/strict";
import { run } from "../../tools/command.ts";

const TERMINAL = new URL("../e2e/terminal.py", import.meta.url).pathname;
const NARROW_PIPE = new URL("narrow_pipe.py", import.meta.url).pathname;
const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;

Deno.test("--auth-keygen says which line is which in a terminal, on standard error", async () => {
  const inTerminal = async (command: string) => {
    const argv = ["/usr/bin/python3", "-B", TERMINAL, "never said", "sh", "-c", command, "sh", IPIPOU];
    return (await run(argv)).stdout.replaceAll("\r", "").split("\n");
  };
  const [privateKey, publicKey, note] = await inTerminal('"$1" --auth-keygen');
  assert.deepEqual([privateKey!.length, publicKey!.length], [44, 44]);
  assert.match(note!, /^The first line is the private key, .* The second is the public key, .*\.$/);
  assert.equal((await inTerminal('"$1" --auth-keygen > /dev/null'))[0], note);
  assert.deepEqual(await inTerminal('"$1" --auth-keygen 2> /dev/null | wc -l'), ["2", ""]);
  assert.match(
    (await inTerminal('"$1" --auth-keygen -v')).join("\n"),
    /^Private key: .{44}\nPublic key: .{44}\n$/,
  );
});

Deno.test("the executable warns when it prints a key into a file that others can read", async () => {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-output-" });
  const keygen = async (umask: string, file: string) => {
    const { code, stderr } = await run([
      "sh",
      "-c",
      `umask ${umask}; exec "$1" --auth-keygen > "$2"`,
      "sh",
      IPIPOU,
      file,
    ]);
    assert.equal(code, 0);
    assert.equal((await Deno.readTextFile(file)).length, 90);
    return stderr;
  };
  try {
    assert.match(
      await keygen("022", `${directory}/public`),
      /^Warning: [^\n]* every user of this host can read [^\n]*\n$/,
    );
    assert.equal(await keygen("077", `${directory}/private`), "");
    assert.equal((await run([IPIPOU, "--auth-keygen"])).stderr, "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the executable names standard output where that cannot be written, and goes on where standard error cannot", async () => {
  const inShell = async (command: string) => await run(["sh", "-c", command, "sh", IPIPOU]);
  for (const command of ["--version", "status --watch"]) {
    const { code, stderr } = await inShell(`"$1" ${command} > /dev/full`);
    const message = "ipipou: Cannot write to standard output: No space left on device\n";
    assert.deepEqual([code, stderr], [1, message], command);
  }
  const directory = await Deno.makeTempDir({ prefix: "ipipou-output-" });
  try {
    const file = `${directory}/public`;
    assert.equal((await inShell(`umask 022; "$1" --auth-keygen > ${file} 2> /dev/full`)).code, 0);
    assert.equal((await Deno.readTextFile(file)).length, 90);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the executable writes all of its output, or says that it could not, where a pipe takes little and has nobody wait", async () => {
  const whole = await run([IPIPOU, "--help"]);
  assert.ok(whole.stdout.length > 2 * 4096);
  for (const reader of Array.from({ length: 5 }, () => ["slow", "keen"]).flat()) {
    const command = ["/usr/bin/python3", "-B", NARROW_PIPE, reader, IPIPOU, "--help"];
    const { code, stdout, stderr } = await run(command);
    if (code === 0) assert.deepEqual([stdout, stderr], [whole.stdout, ""]);
    else {
      const message = "ipipou: Cannot write to standard output: Resource temporarily unavailable\n";
      assert.deepEqual([code, stderr], [1, message]);
    }
  }
});
