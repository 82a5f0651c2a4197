import assert from "node:assert/strict";
import { withCredentials } from "../../../lib/settings/credentials.ts";
import { filesInMemory } from "./memory_files.ts";

const FILES = {
  "/etc/ipipou/office.key": "old",
  "/etc/ipipou/office.secret": "from the file",
  "/run/credentials/unit/office.key": "new",
  "/run/credentials/unit/office.secret": "\n",
};

function read(path: string, folder: string | undefined): string {
  const file = withCredentials(filesInMemory(FILES).read, folder)(path);
  return file.ok ? file.text : file.reason;
}

Deno.test("withCredentials() reads a credential instead of the file of that name, unless it is blank", () => {
  const folder = "/run/credentials/unit";
  assert.equal(read("/etc/ipipou/office.key", folder), "new");
  assert.equal(read("/elsewhere/office.key", folder), "new");
  assert.equal(read("/etc/ipipou/office.secret", folder), "from the file");
  assert.equal(read("/elsewhere/office.secret", folder), "No such file or directory");
});

Deno.test("withCredentials() reads the file if there are no credentials", () => {
  for (const folder of [undefined, "", "/run/credentials/other"]) {
    assert.equal(read("/etc/ipipou/office.key", folder), "old");
  }
});
