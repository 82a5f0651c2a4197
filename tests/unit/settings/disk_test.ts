import assert from "node:assert/strict";
import { DISK, removeFromDisk, writeToDisk, writeWithFolder } from "../../../lib/settings/disk.ts";

function withFolder(test: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("DISK reads a file's text and its permission bits", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "пароль\n");
    Deno.chmodSync(`${folder}/a`, 0o604);
    const file = DISK.read(`${folder}/a`);
    assert.ok(file.ok);
    assert.equal(file.text, "пароль\n");
    assert.equal(file.mode & 0o777, 0o604);
  });
});

Deno.test("DISK drops a byte order mark", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "\ufeffserver = true");
    const file = DISK.read(`${folder}/a`);
    assert.equal(file.ok && file.text, "server = true");
  });
});

Deno.test("DISK distinguishes a missing file from an unreadable one", () => {
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/latin`, Uint8Array.of(0xe9));
    assert.deepEqual(DISK.read(`${folder}/none`), {
      ok: false,
      missing: true,
      reason: "No such file or directory",
    });
    assert.deepEqual(DISK.read(folder), { ok: false, missing: false, reason: "Is a directory" });
    assert.deepEqual(DISK.read(`${folder}/latin/x`), {
      ok: false,
      missing: false,
      reason: "Not a directory",
    });
    const latin = DISK.read(`${folder}/latin`);
    assert.ok(!latin.ok && !latin.missing);
    assert.equal(latin.reason, "it is not UTF-8 text, in line 1");
    Deno.writeFileSync(`${folder}/third`, Uint8Array.of(0x61, 0x0a, 0x0a, 0x62, 0xff, 0x0a, 0xff));
    const third = DISK.read(`${folder}/third`);
    assert.equal(!third.ok && third.reason, "it is not UTF-8 text, in line 3");
    assert.equal(DISK.read("a\0\nb").ok, false);
  });
});

Deno.test("DISK reads a pipe to its end, and of what has no end no more than a configuration file can have", async () => {
  assert.deepEqual(DISK.read("/dev/zero"), {
    ok: false,
    missing: false,
    reason: "it is larger than 8 MiB",
  });
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "a".repeat(2 ** 20));
    const pipe = new Deno.Command("sh", {
      args: [
        "-c",
        `cat ${path} | "$0" eval '
      const { DISK } = await import("${new URL("../../../lib/settings/disk.ts", import.meta.url)}");
      console.log(DISK.read("/dev/stdin").text.length)'`,
        Deno.execPath(),
      ],
    });
    assert.equal(new TextDecoder().decode((await pipe.output()).stdout), `${2 ** 20}\n`);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("DISK does not wait for somebody to write into a named pipe", () => {
  withFolder((folder) => {
    assert.ok(new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).outputSync().success);
    Deno.symlinkSync("pipe", `${folder}/link`);
    for (const name of ["pipe", "link"]) {
      assert.deepEqual(DISK.read(`${folder}/${name}`), {
        ok: false,
        missing: false,
        reason: "it is a named pipe",
      });
    }
  });
});

Deno.test("DISK lists a folder's names, and distinguishes a missing folder from an unreadable one", () => {
  withFolder((folder) => {
    assert.deepEqual(DISK.list(folder), { ok: true, names: [] });
    Deno.writeTextFileSync(`${folder}/.a.swp`, "");
    Deno.mkdirSync(`${folder}/b`);
    const found = DISK.list(folder);
    assert.deepEqual(found.ok && found.names.toSorted(), [".a.swp", "b"]);
    const missing = { ok: false, missing: true, reason: "No such file or directory" };
    assert.deepEqual(DISK.list(`${folder}/none`), missing);
    const notOne = { ok: false, missing: false, reason: "Not a directory" };
    assert.deepEqual(DISK.list(`${folder}/.a.swp`), notOne);
  });
});

Deno.test("writeToDisk() writes a whole file with its permissions, and leaves no other file", () => {
  withFolder((folder) => {
    assert.equal(writeToDisk(`${folder}/a`, "пароль\n", { mode: 0o600, replace: false }), true);
    assert.equal(writeToDisk(`${folder}/b`, "", { mode: 0o644, replace: true }), true);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "пароль\n");
    assert.equal(Deno.statSync(`${folder}/a`).mode! & 0o777, 0o600);
    assert.equal(Deno.statSync(`${folder}/b`).mode! & 0o777, 0o644);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a", "b"]);
  });
});

Deno.test("writeToDisk() replaces a file, or a dangling link, only when told to", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "old");
    Deno.symlinkSync("nowhere", `${folder}/link`);
    assert.equal(writeToDisk(`${folder}/a`, "new", { mode: 0o600, replace: false }), false);
    assert.equal(writeToDisk(`${folder}/link`, "new", { mode: 0o600, replace: false }), false);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "old");
    assert.equal(writeToDisk(`${folder}/a`, "new", { mode: 0o600, replace: true }), true);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "new");
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a", "link"]);
  });
});

Deno.test("writeToDisk() reports a failure in one line", () => {
  withFolder((folder) => {
    assert.throws(() => writeToDisk(`${folder}/none/a`, "", { mode: 0o600, replace: true }), {
      message: `Cannot write ${folder}/none/a: No such file or directory`,
      exitCode: 2,
    });
    Deno.mkdirSync(`${folder}/a`);
    assert.throws(() => writeToDisk(`${folder}/a`, "", { mode: 0o600, replace: true }), {
      message: `Cannot write ${folder}/a: Is a directory`,
    });
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
  });
});

Deno.test("writeWithFolder() creates the missing folder, readable for everyone, or nothing at all", () => {
  withFolder((folder) => {
    const options = { mode: 0o600, replace: false };
    assert.equal(writeWithFolder(`${folder}/new/a`, "text", options), true);
    assert.equal(writeWithFolder(`${folder}/new/a`, "other", options), false);
    assert.equal(writeWithFolder(`${folder}/new/b`, "text", options), true);
    assert.equal(Deno.readTextFileSync(`${folder}/new/a`), "text");
    assert.equal(Deno.statSync(`${folder}/new`).mode! & 0o777, 0o755);
    assert.throws(() => writeWithFolder(`${folder}/other/..`, "", { mode: 0o600, replace: true }), {
      message: new RegExp(`^Cannot write ${folder}/other/\\.\\.: `),
    });
    assert.throws(() => writeWithFolder(`${folder}/none/new/a`, "", options), {
      message: `Cannot create ${folder}/none/new: No such file or directory`,
      exitCode: 2,
    });
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["new"]);
  });
});

Deno.test("removeFromDisk() removes a file, or reports why it cannot", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "");
    removeFromDisk(`${folder}/a`);
    assert.throws(() => removeFromDisk(`${folder}/a`), {
      message: `Cannot remove ${folder}/a: No such file or directory`,
      exitCode: 2,
    });
  });
});

Deno.test("removeFromDisk() says who may do what this user may not", () => {
  const message = "Cannot remove /proc/uptime: Operation not permitted; run as root";
  assert.throws(() => removeFromDisk("/proc/uptime"), { message });
});
