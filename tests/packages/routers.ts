import { must } from "../../tools/command.ts";
import { unpackPackages } from "../../tools/packages.ts";
import { addLibraries, makeBareRouter, onRouter, OWN_LOADER } from "../lab/router.ts";
import { MADE } from "./made.ts";

const DIST = new URL("../../dist", import.meta.url).pathname;

/** Root folders of a system with OpenWrt's package, and of one with Alpine's. Neither has glibc in its usual place. */
export const OPENWRT = `${DIST}/tested/openwrt`;
export const ALPINE = `${DIST}/tested/alpine`;

/** Makes both systems, with the packages installed as far as possible without opkg and apk. */
export async function makeRouters(): Promise<void> {
  await makeBareRouter(OPENWRT);
  await must(unpackIpk(MADE.ipk));
  await makeBareRouter(ALPINE);
  await addOpenrc(ALPINE);
  await must(unpackApk(MADE.apk));
}

/** Where opkg keeps a package's scripts. */
const OPKG_INFO = "/usr/lib/opkg/info";

/** The path of a script of the package installed on OpenWrt. @param name such as "preinst" or "prerm" */
export function scriptOfIpk(name: string): string {
  return `${OPKG_INFO}/${name}`;
}

/** Where Alpine's installed package has its removal script. */
export const PRE_DEINSTALL = "/.pre-deinstall";

/** The command that installs the files of an ipk as opkg does. @param path on this machine */
export function unpackIpk(path: string): string[] {
  const script = `mkdir -p ${OPKG_INFO}
cd /tmp
tar -xzf package
tar -xz -C / -f data.tar.gz
tar -xz -C ${OPKG_INFO} -f control.tar.gz`;
  return unpack(path, OPENWRT, script);
}

/** The command that installs the files of Alpine's apk as apk does. @param path as above */
export function unpackApk(path: string): string[] {
  return unpack(path, ALPINE, "tar -xz -C / -f /tmp/package");
}

/** Runs a script on a package with the router's own programs. */
function unpack(path: string, root: string, script: string): string[] {
  const inside = onRouter(["sh", "-ec", `${script}; rm /tmp/*`], root);
  return ["sh", "-ec", 'cp "$0" "$1/tmp/package"; shift; exec "$@"', path, root, ...inside];
}

/** Adds Debian's OpenRC, which uses its own loader and believes that it has booted the system. */
async function addOpenrc(root: string): Promise<void> {
  const unpacked = `${DIST}/tested/openrc`;
  await must(["rm", "-rf", unpacked]);
  await unpackPackages(["openrc", "libeinfo1", "librc1"], unpacked);
  const states = ["starting", "started", "stopping", "exclusive", "daemons", "options"];
  const folders = ["lib", "var/log", "etc/insserv.conf.d", ...states.map((state) => `run/openrc/${state}`)];
  await must(["mkdir", "-p", ...folders.map((folder) => `${root}/${folder}`)]);
  await Deno.symlink("../run", `${root}/var/run`);
  await must(["sh", "-ec", 'cp "$0"/usr/lib/*/lib*.so.1 "$1/own/lib"', unpacked, root]);
  await must(["cp", "-r", `${unpacked}/usr/lib/rc`, `${root}/lib`]);
  await must(["cp", "-r", `${unpacked}/sbin/.`, `${root}/sbin`]);
  await must(["cp", `${unpacked}/etc/rc.conf`, `${root}/etc`]);
  const programs = ["sbin", "lib/rc/bin", "lib/rc/sbin"].map((folder) => `${root}/${folder}`);
  const patch = ["--set-interpreter", OWN_LOADER, "--force-rpath", "--set-rpath", "/own/lib"];
  const files = (await must(["find", ...programs, "-type", "f"])).trim().split("\n");
  for (const file of files) {
    if (new TextDecoder().decode((await Deno.readFile(file)).subarray(1, 4)) !== "ELF") continue;
    await addLibraries(root, file);
    await must(["patchelf", ...patch, file]);
  }
  await Deno.writeTextFile(`${root}/run/openrc/softlevel`, "default\n");
  // Debian's OpenRC requires this file.
  await Deno.writeTextFile(`${root}/etc/insserv.conf`, "");
  // No service brings up the network.
  await Deno.writeTextFile(`${root}/etc/rc.conf`, 'rc_need="!net"\n', { append: true });
}
