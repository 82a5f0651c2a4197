import { O_CLOEXEC, O_RDONLY, openFile } from "./descriptors.ts";
import { Libc } from "./libc.ts";

/** Most bytes that are read of one. */
const LIMIT = 1024 * 1024;
const PART = 16 * 1024;

/** Reads a file of /proc or /sys, for which the runtime asks for all permissions there are. @throws {SysError} */
export function procText(path: string): string {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const fd = openFile(libc, path, O_RDONLY | O_CLOEXEC, resources);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(PART);
  let text = "";
  for (let left = LIMIT; left > 0;) {
    const length = libc.check(`read ${path}`, "read", libc.symbols.read(fd, buffer, BigInt(buffer.length)));
    if (length === 0) break;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
    left -= length;
  }
  return text + decoder.decode();
}

/** Whether a file or folder of /proc or /sys is there, and this user may open it. */
export function isProcFile(path: string): boolean {
  using resources = new DisposableStack();
  try {
    openFile(resources.use(new Libc()), path, O_RDONLY | O_CLOEXEC, resources);
    return true;
  } catch {
    return false;
  }
}
