import assert from "node:assert/strict";
import { env } from "node:process";
import { connectStatusSocket, listStatusSockets, openStatusSocket } from "../../lib/status_socket.ts";

/** Runs a test with a runtime directory of its own, as a service manager makes one. */
async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  env["RUNTIME_DIRECTORY"] = `${folder}/own:${folder}/more`;
  try {
    await test(`${folder}/own`);
  } finally {
    delete env["RUNTIME_DIRECTORY"];
    await Deno.remove(folder, { recursive: true });
  }
}

/** Leaves a socket as a killed run does. */
function leaveSocket(path: string): void {
  Deno.listen({ transport: "unix", path }).close();
}

Deno.test("openStatusSocket() makes a socket for owner and group, which goes when it is disposed of", async () => {
  await withFolder(async (folder) => {
    const socket = await openStatusSocket("office");
    assert.deepEqual(listStatusSockets(), [`${folder}/status.sock`]);
    assert.equal((await Deno.stat(`${folder}/status.sock`)).mode! & 0o777, 0o660);
    assert.equal((await Deno.stat(folder)).mode! & 0o777, 0o755);
    const accepted = socket.accept();
    using there = (await connectStatusSocket(`${folder}/status.sock`))!;
    using here = (await accepted)!;
    assert.equal(await here.write(Uint8Array.of(1, 2)), 2);
    assert.equal(await there.read(new Uint8Array(9)), 2);
    here[Symbol.dispose]();
    const next = socket.accept();
    socket[Symbol.dispose]();
    assert.equal(await next, null);
    assert.deepEqual(listStatusSockets(), []);
  });
});

Deno.test("openStatusSocket() replaces what a killed run left, and leaves a living one its place", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(folder);
    leaveSocket(`${folder}/status.sock`);
    assert.equal(await connectStatusSocket(`${folder}/status.sock`), null);
    using first = await openStatusSocket("office");
    using second = await openStatusSocket("office");
    assert.deepEqual(listStatusSockets(), [`${folder}/status-1.sock`, `${folder}/status.sock`]);
    for (const [socket, name] of [[first, "status"], [second, "status-1"]] as const) {
      const accepted = socket.accept();
      using _there = (await connectStatusSocket(`${folder}/${name}.sock`))!;
      using _here = (await accepted)!;
    }
  });
});

Deno.test("openStatusSocket() leaves what is no socket, and listStatusSockets() what is not called like one", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(folder);
    const names = ["lock", "status-100.sock", "status.sock", "status.sock.old"];
    for (const name of names) await Deno.writeTextFile(`${folder}/${name}`, name);
    leaveSocket(`${folder}/elsewhere`);
    await Deno.symlink("elsewhere", `${folder}/status-1.sock`);
    using _socket = await openStatusSocket("office");
    assert.deepEqual(
      listStatusSockets(),
      ["status-1", "status-2", "status"].map((name) => `${folder}/${name}.sock`),
    );
    assert.equal(await Deno.readLink(`${folder}/status-1.sock`), "elsewhere");
    for (const name of names) assert.equal(await Deno.readTextFile(`${folder}/${name}`), name);
    assert.equal(await connectStatusSocket(`${folder}/status.sock`), null);
  });
});

Deno.test("openStatusSocket() finds room for 64 instances of one name, and says when there is no more", async () => {
  await withFolder(async (folder) => {
    using sockets = new DisposableStack();
    for (let count = 0; count < 64; count++) sockets.use(await openStatusSocket("office"));
    assert.equal(listStatusSockets().length, 64);
    await assert.rejects(openStatusSocket("office"), {
      message: `Cannot make a socket in ${folder}: other instances have 64 there`,
    });
  });
});

Deno.test({
  name: "openStatusSocket() gives its socket to the group that has the folder",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.mkdir(folder);
      await Deno.chown(folder, null, 12_345);
      using _socket = await openStatusSocket("office");
      assert.equal((await Deno.stat(`${folder}/status.sock`)).gid, 12_345);
    }),
});
