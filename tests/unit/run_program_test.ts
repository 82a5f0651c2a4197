import assert from "node:assert/strict";
import { hasProgram } from "../../lib/run_program.ts";
import { FakePrograms } from "./kernel/fake_programs.ts";

/** An "ip" of these lines of sh. */
function programOf(...lines: string[]): FakePrograms {
  const programs = new FakePrograms({});
  programs.write("ip", lines);
  return programs;
}

Deno.test("runProgram() gives a program its words and its input, and has what it says and how it ends", async () => {
  using programs = programOf('echo "$#: $2"', "cat", "echo no >&2", "exit 3");
  assert.deepEqual(await programs.run("ip", ["-batch", "a b"], "one\ntwö\n", 60_000), {
    ...{ code: 3, stdout: "2: a b\none\ntwö\n", stderr: "no\n", isLate: false },
  });
});

Deno.test("runProgram() gives a program no variables but PATH and the locale", async () => {
  using programs = programOf("tr '\\0' '\\n' < /proc/$$/environ");
  assert.ok(Object.keys(Deno.env.toObject()).length > 2);
  const { stdout } = await programs.run("ip", [], "", 60_000);
  assert.deepEqual(stdout.trim().split("\n").sort(), ["LC_ALL=C", `PATH=${programs.folder}`]);
});

Deno.test("runProgram() takes a program that does not read all of its input", async () => {
  using programs = programOf("read line", "echo $line");
  const input = "a line\n".repeat(200_000);
  const { code, stdout } = await programs.run("ip", [], input, 60_000);
  assert.deepEqual([code, stdout], [0, "a line\n"]);
});

Deno.test("runProgram() keeps what a terminal sends to this program from those that it runs", async () => {
  // Its fields are the process id, the name, the state, the parent, the process group, and the session.
  using programs = programOf("read line < /proc/$$/stat", "echo $line");
  const streams = [Deno.stdin, Deno.stdout, Deno.stderr];
  using stack = new DisposableStack();
  for (const stream of streams) {
    const { isTerminal } = stream;
    stack.defer(() => Object.assign(stream, { isTerminal }));
  }
  for (const terminals of [0, 1, 3]) {
    for (const [at, stream] of streams.entries()) Object.assign(stream, { isTerminal: () => at < terminals });
    const [pid, , , parent, group, session] = (await programs.run("ip", [], "", 60_000)).stdout.split(" ");
    assert.equal(Number(parent), Deno.pid);
    assert.deepEqual([group === pid, session === pid], terminals > 0 ? [true, true] : [false, false]);
  }
});

Deno.test("runProgram() kills a program that takes too long", async () => {
  using programs = programOf("exec sleep 1000");
  const { code, isLate } = await programs.run("ip", [], "", 100);
  assert.deepEqual([code === 0, isLate], [false, true]);
});

/** What a process says that has no PATH, and whose folder is gone. @param code has `runProgram` and `hasProgram` */
async function alone(code: string): Promise<string> {
  const module = new URL("../../lib/run_program.ts", import.meta.url);
  const script = `
    const { runProgram, hasProgram } = await import("${module}");
    const lost = Deno.makeTempDirSync({ prefix: "ipipou-lost-" });
    Deno.chdir(lost);
    Deno.removeSync(lost);
    Deno.env.delete("PATH");
    ${code}`;
  const args = ["eval", "--no-check", "--quiet", script];
  const { code: exit, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const [said, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.deepEqual([exit, errors], [0, ""]);
  return said!.trim();
}

Deno.test("runProgram() starts programs also where the current folder is gone, and there is no PATH", async () => {
  assert.equal(
    await alone('console.log((await runProgram("sh", ["-c", "pwd; echo $PATH"], "", 60_000)).stdout)'),
    "/proc\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  );
});

Deno.test("hasProgram() finds what can be run in a folder of the path, or in the usual ones", async () => {
  using programs = programOf("true");
  programs.write("nft", ["true"], 0o644);
  Deno.mkdirSync(`${programs.folder}/ss`, { mode: 0o755 });
  const path = `/nonexistent:${programs.folder}`;
  const found = (["ip", "nft", "ss", "modprobe"] as const).filter((program) => hasProgram(program, path));
  assert.deepEqual(found, ["ip"]);
  assert.equal(await alone('console.log(hasProgram("sh"), hasProgram("no-such-program"))'), "true false");
});
