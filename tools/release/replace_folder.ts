import { must } from "../command.ts";
import { cleanUpOnInterrupt } from "../interrupt.ts";

/**
 * Puts a folder in the place of another one, or where there is none. At any moment one of them is there, and whole.
 *
 * @param next beside it
 * @throws {Error} when it cannot; then the folder is as it was
 */
export async function replaceFolder(folder: string, next: string): Promise<void> {
  const last = `${folder}.old`;
  // A signal that is listened to waits for the end of swap(); by default it would not.
  using _listening = cleanUpOnInterrupt(() => {});
  // What a run that was killed left.
  await must(["rm", "-rf", last]);
  swap(folder, next, last);
  await must(["rm", "-rf", last]);
}

function swap(folder: string, next: string, last: string): void {
  const isThere = renameIfThere(folder, last);
  try {
    Deno.renameSync(next, folder);
  } catch (error) {
    if (isThere) Deno.renameSync(last, folder);
    throw error;
  }
}

function renameIfThere(from: string, to: string): boolean {
  try {
    Deno.renameSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
