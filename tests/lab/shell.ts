import { say } from "../../tools/say.ts";
import { ADDRESS, Network } from "./network.ts";

/** An administrator's shell in the demo's network; runs inside the lab. */

const RCFILE = "/run/lab.bashrc";

/** Programs of this checkout and the Deno that runs this, found by their names. */
const PROGRAMS = [new URL("../../dist", import.meta.url).pathname, Deno.execPath().replace(/\/[^/]*$/, "")];

const BASHRC = `
[ -e ~/.bashrc ] && . ~/.bashrc
ns() {
  local host=$1
  shift
  [ $# = 0 ] && set -- bash --rcfile ${RCFILE}
  LAB_HOST=$host ip netns exec "$host" "$@"
}
PATH=${PROGRAMS.join(":")}:$PATH
PS1='\${LAB_HOST:-lab}:\\w# '
HISTFILE=
`;

await using network = await Network.create({ client2: true, direct: true });
await Deno.writeTextFile(RCFILE, BASHRC);
say(`
You are root on Linux ${Deno.osRelease()}. Files are this machine's; what you change is gone when you leave.

  server ${ADDRESS.server} --- router --- nat ${ADDRESS.nat} --- client ${ADDRESS.client}, client2 ${ADDRESS.client2}
                           \`---- direct ${ADDRESS.direct}

Hosts (each a network namespace): ${network.hosts.join(", ")}

  ns client                       a shell on a host
  ns client ping ${ADDRESS.server}        one command on it
  ns nat conntrack -L             what the NAT remembers
  exit                            leave; the machine goes with you
`);
const shell = new Deno.Command("bash", { args: ["--rcfile", RCFILE, "-i"] }).spawn();
await shell.status;
