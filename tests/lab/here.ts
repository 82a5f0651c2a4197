import { run } from "../../tools/command.ts";
import { commandLine, type Job, shellQuote } from "./guest.ts";

/** What the kernel must be able to do, each tried in a network namespace of its own, with the module behind it. */
const ABILITIES = [
  { module: "fou", attempt: "ip fou add port 5555 ipproto 4" },
  { module: "ipip", attempt: "ip link add name probe type ipip local 192.0.2.1 remote 192.0.2.2" },
  { module: "nft_queue", attempt: "echo 'table ip probe { chain c { queue num 0; }; }' | nft -f -" },
  { module: "nfnetlink_queue", attempt: "cat /proc/net/netfilter/nfnetlink_queue" },
];

/** Throws an Error that says what is missing when tunnels cannot be tried on this machine's own kernel. */
export async function requireOwnKernel(): Promise<void> {
  if (Deno.uid() !== 0) throw new Error("Cannot use this machine's own kernel: not root");
  const modules = ABILITIES.map(({ module }) => module);
  // Its failure is no verdict: what a kernel has built in needs no module.
  await run(["modprobe", "--all", "--quiet", ...modules]);
  const missing: string[] = [];
  for (const { module, attempt } of ABILITIES) {
    const { code, stderr } = await run(["unshare", "--net", "sh", "-c", attempt]);
    if (code !== 0) missing.push(`${module} (${stderr.split("\n", 1)[0]})`);
  }
  if (missing.length > 0) {
    throw new Error(`Cannot use this machine's own kernel, it lacks ${missing.join(", ")}; leave out --here`);
  }
}

/**
 * The command that runs a job in network, mount, process and host name namespaces of its own, all of which end with it.
 */
export function hereCommand(job: Job): string[] {
  const script = `set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/lock
echo lab > /proc/sys/kernel/hostname
ip link set lo up
cd ${shellQuote(job.cwd)}
exec ${commandLine(job)} 2>&1`;
  const namespaces = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
  return ["unshare", ...namespaces, "sh", "-c", script];
}
