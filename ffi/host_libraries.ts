import { use } from "../lib/use.ts";
import { openLibrary } from "./library.ts";
import { procText } from "./proc_files.ts";
import { LIBC_SOURCE } from "./libc.ts";
import { QUEUE_SOURCE } from "./libnetfilter_queue.ts";

/** Calls that only a look at the host needs: a start does not pay for them. */
const SYMBOLS = {
  adjtimex: {
    parameters: [
      "buffer", // struct timex *buf
    ],
    result: "i32",
  },
  gnu_get_libc_version: {
    parameters: [],
    result: "pointer", // const char *
    optional: true, // glibc alone has it
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Bytes of `struct timex` on 64-bit systems, and where `status` is in it. */
const TIMEX_LENGTH = 208;
const TIMEX_STATUS = 40;
const STA_UNSYNC = 0x40;

/** Whether some program keeps the clock in step, as the kernel was told; null: it does not say. */
export function isClockKept(): boolean | null {
  const timex = new Uint8Array(TIMEX_LENGTH); // modes is 0: it only asks
  if (use(open(), ({ symbols }) => symbols.adjtimex(timex)) < 0) return null;
  return (new DataView(timex.buffer).getInt32(TIMEX_STATUS, true) & STA_UNSYNC) === 0;
}

/** "glibc 2.36"; "musl" where it has no version to ask for. */
export function cLibraryVersion(): string {
  return use(open(), ({ symbols }) => {
    const version = symbols.gnu_get_libc_version?.() ?? null;
    return version === null ? "musl" : `glibc ${Deno.UnsafePointerView.getCString(version)}`;
  });
}

/** Loads libnetfilter_queue for a moment. @returns the name of its file, which tells its version, or why it cannot */
export function queueLibrary(): { readonly file: string } | { readonly problem: string } {
  try {
    const library = openLibrary(QUEUE_SOURCE, {});
    const maps = procText("/proc/self/maps");
    library.close();
    const file = /\/(libnetfilter_queue\.so[\w.]*)$/m.exec(maps)?.[1];
    return { file: file ?? QUEUE_SOURCE.name };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

function open() {
  const library = openLibrary(LIBC_SOURCE, SYMBOLS);
  return { symbols: library.symbols, [Symbol.dispose]: () => library.close() };
}
