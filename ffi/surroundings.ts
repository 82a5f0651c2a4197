import { Libc } from "./libc.ts";
import { procText } from "./proc_files.ts";

/** Where each kernel has its modules, in a folder named after its release. */
const MODULES = "/lib/modules";
/** `struct utsname`: six texts; the third is the release. */
const UTSNAME_FIELD = 65;

/** Whether this is another user namespace than the first; see {@linkcode Surroundings}. */
export function isInnerUserNamespace(): boolean {
  try {
    return !isIdentity(procText("/proc/self/uid_map"));
  } catch {
    // A kernel without user namespaces, or no /proc.
    return false;
  }
}

/** Whether a uid_map has all users of the machine, each as itself. */
export function isIdentity(map: string): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/**
 * The running kernel's release if its modules are gone; see {@linkcode Surroundings}.
 *
 * @param folder of all kernels' modules: MODULES except in tests
 */
export function releaseWithoutModules(folder = MODULES): string | null {
  const release = kernelRelease();
  try {
    const releases = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    return releases.length === 0 || releases.includes(release) ? null : release;
  } catch {
    // None are installed, as in a container, or this program may not see them, as a service.
    return null;
  }
}

/** What `uname -r` prints. */
export function kernelRelease(): string {
  using libc = new Libc();
  const names = new Uint8Array(6 * UTSNAME_FIELD);
  libc.check("read the kernel's release", "uname", libc.symbols.uname(names));
  const release = names.subarray(2 * UTSNAME_FIELD, 3 * UTSNAME_FIELD);
  return new TextDecoder().decode(release.subarray(0, release.indexOf(0)));
}
