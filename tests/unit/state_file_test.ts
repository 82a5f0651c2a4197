import assert from "node:assert/strict";
import { stateFile } from "../../lib/state_file.ts";

/** The path of a file where $STATE_DIRECTORY is this. */
function pathWith(folders: string | null): string {
  const before = Deno.env.get("STATE_DIRECTORY");
  if (folders === null) Deno.env.delete("STATE_DIRECTORY");
  else Deno.env.set("STATE_DIRECTORY", folders);
  try {
    return stateFile("x.json").path;
  } finally {
    if (before === undefined) Deno.env.delete("STATE_DIRECTORY");
    else Deno.env.set("STATE_DIRECTORY", before);
  }
}

Deno.test("stateFile() is in the first folder that the service manager names, or in its own", () => {
  assert.equal(pathWith(null), "/var/lib/ipipou/x.json");
  assert.equal(pathWith(""), "/var/lib/ipipou/x.json");
  assert.equal(pathWith("/var/lib/ipipou/office"), "/var/lib/ipipou/office/x.json");
  assert.equal(pathWith("/var/lib/ipipou/office:/var/lib/other"), "/var/lib/ipipou/office/x.json");
});
