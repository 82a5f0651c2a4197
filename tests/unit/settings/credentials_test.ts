import assert from "node:assert/strict";
import { type FileRead, type ReadFile, readText } from "../../../lib/settings/files.ts";
import { withCredentials } from "../../../lib/settings/credentials.ts";
import { filesInMemory } from "./memory_files.ts";

const FILES = {
  "/etc/ipipou/office.key": "old",
  "/etc/ipipou/office.secret": "from the file",
  "/run/credentials/unit/office.key": "new",
  "/run/credentials/unit/office.secret": "\n",
};

function read(path: string, folder: string | undefined): string {
  const file = withCredentials(filesInMemory(FILES).read, folder, false)(path);
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

Deno.test("withCredentials() says of a file that a service may not read how it gets it as a credential", () => {
  const denied = { ok: false, missing: false, reason: "Permission denied" } as const;
  const readOf = (folder: string | undefined, isService: boolean, file: FileRead = denied) => {
    const blank = { ok: true, text: "\n", mode: 0o400 } as const;
    return withCredentials((path) => path.startsWith("/run/") ? blank : file, folder, isService);
  };
  const error = (read: ReadFile, path: string) => {
    try {
      return readText(read, path, "--auth-key-file").text;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const words =
    "Cannot read /etc/ipipou/office.key (--auth-key-file): Permission denied; a service gets it as a " +
    "credential, and systemd handed none over: restart the service if the file is new; if a drop-in empties " +
    "LoadCredential= (systemctl cat), as in images for LXC, put LoadCredential=office.key:/etc/ipipou/office.key, or " +
    "else DynamicUser=no, into a drop-in that sorts after that";
  for (
    const [folder, isService] of [["/run/credentials/unit", true], ["/run/credentials/unit", false], [
      undefined,
      true,
    ]] as const
  ) {
    assert.equal(error(readOf(folder, isService), "/etc/ipipou/office.key"), words);
  }
  assert.match(
    error(readOf(undefined, false), "/etc/ipipou/office.key"),
    /^Cannot read .*: Permission denied; run as root, or as a user who may read it$/,
  );
  assert.match(
    error(readOf(undefined, true), "/etc/ipipou/office.toml"),
    /^Cannot read .*: Permission denied; a service's user reads it: chmod o\+r \/etc\/ipipou\/office\.toml, and put secrets into files of their own$/,
  );
  const folder = { ok: false, missing: false, reason: "Is a directory" } as const;
  assert.match(
    error(readOf(undefined, true, folder), "/etc/ipipou/office.key"),
    /; make it a UTF-8 text file/,
  );
});
