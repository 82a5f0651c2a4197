import assert from "node:assert/strict";
import { readFromDisk } from "../../../lib/settings/disk.ts";

function withFolder(test: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("readFromDisk() gives the text and the permissions", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "пароль\n");
    Deno.chmodSync(`${folder}/a`, 0o604);
    const file = readFromDisk(`${folder}/a`);
    assert.ok(file.ok);
    assert.equal(file.text, "пароль\n");
    assert.equal(file.mode & 0o777, 0o604);
  });
});

Deno.test("readFromDisk() drops a byte order mark", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "\ufeffserver = true");
    const file = readFromDisk(`${folder}/a`);
    assert.equal(file.ok && file.text, "server = true");
  });
});

Deno.test("readFromDisk() tells a missing file from one that cannot be read", () => {
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/latin`, Uint8Array.of(0xe9));
    assert.deepEqual(readFromDisk(`${folder}/none`), {
      ok: false,
      missing: true,
      reason: "No such file or directory",
    });
    assert.deepEqual(readFromDisk(folder), { ok: false, missing: false, reason: "Is a directory" });
    assert.deepEqual(readFromDisk(`${folder}/latin/x`), {
      ok: false,
      missing: false,
      reason: "Not a directory",
    });
    const latin = readFromDisk(`${folder}/latin`);
    assert.ok(!latin.ok && !latin.missing);
    assert.match(latin.reason, /encoded data/);
    assert.equal(readFromDisk("a\0\nb").ok, false);
  });
});
