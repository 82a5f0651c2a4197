import { bundle } from "../../tools/bundle.ts";
import { must } from "../../tools/command.ts";
import { unpackPackages } from "../../tools/packages.ts";

const DIST = new URL("../../dist", import.meta.url).pathname;

/** The files of a router without glibc, to `chroot` into; {@linkcode makeRouter} makes them. */
export const ROUTER = `${DIST}/router`;

/** What the shell there finds: busybox, and the two programs. */
export const ROUTER_PATH = "/usr/bin:/sbin:/bin";

/** Where on its disk the bundle was unpacked. */
const DISK = "/mnt/usb";

/** Programs of this machine that stand in for the router's own, with a loader of theirs that nothing else finds. */
const PROGRAMS = ["ip", "nft"];

/**
 * As much of OpenWrt's /etc/rc.common and procd as tells what an init script asks of them: it prints the calls.
 */
const RC_COMMON = `#!/bin/sh
for call in open_instance set_param close_instance send_signal; do
  eval "procd_$call() { echo \\"$call \\$*\\"; }"
done
. "$1"
case $2 in
  start | reload) "$2_service" $3 ;;
esac
`;

/** Makes the files of a router, on which the bundle was unpacked and installed as its README says. */
export async function makeRouter(): Promise<void> {
  const archive = await bundle();
  const busybox = await findBusybox();
  await must(["rm", "-rf", "--one-file-system", ROUTER]);
  const folders = [
    "bin",
    "sbin",
    "etc/ipipou",
    "usr/bin",
    "proc",
    "sys",
    "dev",
    "tmp",
    `own/lib`,
    DISK.slice(1),
  ];
  await must(["mkdir", "-p", ...folders.map((folder) => `${ROUTER}/${folder}`)]);
  await must(["cp", busybox, `${ROUTER}/bin/busybox`]);
  await must(["chroot", ROUTER, "/bin/busybox", "--install", "-s", "/bin"]);
  for (const program of PROGRAMS) await addProgram(program);
  await Deno.writeTextFile(`${ROUTER}/etc/rc.common`, RC_COMMON, { mode: 0o755 });
  await Deno.copyFile(archive, `${ROUTER}/tmp/bundle.tar.gz`);
  const install = `tar -xzf /tmp/bundle.tar.gz -C ${DISK} && rm /tmp/bundle.tar.gz && ${DISK}/ipipou/install`;
  await must(onRouter(["sh", "-c", install]));
}

/** The command that runs another on the router, whose /proc, /sys and /dev are this machine's. */
export function onRouter(argv: readonly string[]): string[] {
  const mounts = ["proc", "sys", "dev"].map((name) => `mount --rbind /${name} ${ROUTER}/${name}`);
  const script = `${mounts.join(" && ")} && exec chroot ${ROUTER} env -i PATH=${ROUTER_PATH} "$@"`;
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
async function addProgram(name: string): Promise<void> {
  const path = (await must(["sh", "-c", `command -v ${name}`])).trim();
  const libraries = (await must(["ldd", path])).matchAll(/(\/\S+) \(0x/g);
  await must(["cp", "-L", path, `${ROUTER}/own/${name}`]);
  await must(["cp", "-L", ...Array.from(libraries, ([, library]) => library!), `${ROUTER}/own/lib`]);
  const run = `exec /own/lib/ld-linux-x86-64.so.2 --library-path /own/lib /own/${name} "$@"`;
  await Deno.writeTextFile(`${ROUTER}/sbin/${name}`, `#!/bin/sh\n${run}\n`, { mode: 0o755 });
}
