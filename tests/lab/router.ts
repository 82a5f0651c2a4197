import { bundle } from "../../tools/bundle.ts";
import { must } from "../../tools/command.ts";
import { unpackPackages } from "../../tools/packages.ts";

const DIST = new URL("../../dist", import.meta.url).pathname;

/** The files of a router without glibc, to `chroot` into; {@linkcode makeRouter} makes them. */
export const ROUTER = `${DIST}/router`;

/** What the shell there finds: busybox, and the two programs. */
const ROUTER_PATH = "/usr/bin:/sbin:/bin";

/** Where on its disk the bundle was unpacked. */
const DISK = "/mnt/usb";

/** The loader that runs them. */
export const OWN_LOADER = "/own/lib/ld-linux-x86-64.so.2";

/** Programs of this machine that stand in for the router's own, with a loader of theirs that nothing else finds. */
const PROGRAMS = ["ip", "nft"];

/**
 * As much of OpenWrt's /etc/rc.common and procd as tells what an init script asks of them: it prints the calls, and what
 * it would do itself.
 */
const RC_COMMON = `#!/bin/sh
for call in open_instance set_param close_instance send_signal; do
  eval "procd_$call() { echo \\"$call \\$*\\"; }"
done
. "$1"
case $2 in
  start | reload) "$2_service" $3 ;;
  stop | enable | disable) echo "$2" ;;
esac
`;

/** Makes the files of a router, on which the bundle was unpacked and installed as its README says. */
export async function makeRouter(): Promise<void> {
  const archive = await bundle();
  await makeBareRouter(ROUTER);
  await must(["mkdir", "-p", `${ROUTER}${DISK}`]);
  await Deno.copyFile(archive, `${ROUTER}/tmp/bundle.tar.gz`);
  const install = `tar -xzf /tmp/bundle.tar.gz -C ${DISK} && rm /tmp/bundle.tar.gz && ${DISK}/ipipou/install`;
  await must(onRouter(["sh", "-c", install]));
}

/** Makes the files of a router that has no ipipou. @param root absolute path of the folder, which is made anew */
export async function makeBareRouter(root: string): Promise<void> {
  const busybox = await findBusybox();
  await must(["rm", "-rf", "--one-file-system", root]);
  const folders = ["bin", "sbin", "etc/ipipou", "usr/bin", "proc", "sys", "dev", "tmp", "own/lib"];
  await must(["mkdir", "-p", ...folders.map((folder) => `${root}/${folder}`)]);
  await must(["cp", busybox, `${root}/bin/busybox`]);
  await must(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"]);
  // An init system may look there first.
  await must(["rm", `${root}/bin/ip`]);
  for (const program of PROGRAMS) await addProgram(root, program);
  await Deno.writeTextFile(`${root}/etc/rc.common`, RC_COMMON, { mode: 0o755 });
}

/** The command that runs another on the router, whose /proc, /sys and /dev are this machine's. */
export function onRouter(argv: readonly string[], root = ROUTER): string[] {
  const mounts = ["proc", "sys", "dev"].map((name) => `mount --rbind /${name} ${root}/${name}`);
  const script = `${mounts.join(" && ")} && exec chroot ${root} env -i PATH=${ROUTER_PATH} "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, "sh", ...argv];
}

/** The path of a busybox that needs no libraries; it is not installed, since it would take another's place. */
async function findBusybox(): Promise<string> {
  const directory = `${DIST}/busybox`;
  const path = `${directory}/usr/bin/busybox`;
  if (await Deno.stat(path).then(() => true, () => false)) return path;
  await must(["rm", "-rf", directory]);
  await unpackPackages(["busybox-static"], directory);
  return path;
}

/** Copies a program with its libraries, and a script of its name that runs it by its own loader. */
async function addProgram(root: string, name: string): Promise<void> {
  const path = (await must(["sh", "-c", `command -v ${name}`])).trim();
  await must(["cp", "-L", path, `${root}/own/${name}`]);
  await addLibraries(root, path);
  const run = `exec ${OWN_LOADER} --library-path /own/lib /own/${name} "$@"`;
  await Deno.writeTextFile(`${root}/sbin/${name}`, `#!/bin/sh\n${run}\n`, { mode: 0o755 });
}

/** Copies the libraries that a program of this machine has, the loader too, to where nothing else finds them. */
export async function addLibraries(root: string, program: string): Promise<void> {
  const libraries = (await must(["ldd", program])).matchAll(/(\/\S+) \(0x/g);
  await must(["cp", "-L", ...Array.from(libraries, ([, library]) => library!), `${root}/own/lib`]);
}
