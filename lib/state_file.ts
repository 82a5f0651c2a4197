import { env } from "node:process";
import type { StateFile } from "./ports.ts";

/** Folder of what instances keep between runs. A service manager may name another one. */
const STATE_FOLDER = "/var/lib/ipipou";
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** A file for what one run leaves to the next. Nothing is made before it is written. */
export function stateFile(name: string): StateFile {
  // A unit may be given more folders; its own comes first.
  const folder = env["STATE_DIRECTORY"]?.split(":")[0] || STATE_FOLDER;
  const path = `${folder}/${name}`;
  return { path, read: () => readIfThere(path), write: (text) => replaceFile(folder, path, text) };
}

function readIfThere(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/** Replaces a file in one step: whenever the program or the host stops, it has the old or the new text. */
async function replaceFile(folder: string, path: string, text: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  await Deno.writeTextFile(`${path}.new`, text, { mode: FILE_MODE });
  await Deno.rename(`${path}.new`, path);
}
