import { must } from "../../tools/command.ts";
import { eventually, IPIPOU, PATIENCE } from "../e2e/scenario.ts";
import { Process } from "../lab/process.ts";

/** The unit file that is released. */
export const UNIT_FILE = new URL("../../ipipou@.service", import.meta.url).pathname;
const UNITS = "/run/systemd/system";
const SETTINGS = "/etc/ipipou";

/** Addresses of this machine and of the far host, on their network and on one that is plugged in later. */
export const NEAR = { ip: "192.0.2.1", laterIp: "192.0.3.1" } as const;
export const FAR = { ip: "192.0.2.2", laterIp: "192.0.3.2" } as const;

/** A message in the journal. */
interface Entry {
  readonly MESSAGE: string;
  /** A priority of syslog(3). */
  readonly PRIORITY: string;
}

/** This machine, set up as by an administrator, and a far host, which is a network namespace. */
export class Machine implements AsyncDisposable {
  readonly #processes: Process[] = [];

  /** Installs the executable and its unit. The lab discards them when it ends. */
  static async create(): Promise<Machine> {
    // A symbolic link would point to where the unit's sandbox has no access.
    await must(["install", "-m755", "/dev/null", "/usr/local/bin/ipipou"]);
    await must(["mount", "--bind", IPIPOU, "/usr/local/bin/ipipou"]);
    await must(["install", "-m644", UNIT_FILE, UNITS]);
    await must(["install", "-d", SETTINGS]);
    await must(["systemctl", "daemon-reload"]);
    await must(["ip", "netns", "add", "far"]);
    await must(["ip", "-n", "far", "link", "set", "lo", "up"]);
    const machine = new Machine();
    await machine.plug("eth0");
    await machine.address("eth0", NEAR.ip, FAR.ip);
    return machine;
  }

  /** Connects this machine with the far host, by a device of this name on either end. */
  async plug(device: string): Promise<void> {
    await must(["ip", "link", "add", device, "type", "veth", "peer", device, "netns", "far"]);
    for (const where of [[], ["-n", "far"]]) {
      await must(["ip", ...where, "link", "set", "dev", device, "addrgenmode", "none", "up"]);
    }
  }

  /** Gives both ends of a connection their addresses. */
  async address(device: string, near: string, far: string): Promise<void> {
    await must(["ip", "-n", "far", "address", "add", `${far}/24`, "dev", device]);
    await must(["ip", "address", "add", `${near}/24`, "dev", device]);
  }

  /** Starts a program on the far host. */
  spawnFar(argv: readonly string[]): Process {
    const process = new Process(["ip", "netns", "exec", "far", ...argv]);
    this.#processes.push(process);
    return process;
  }

  /** Starts a program on this machine. */
  spawn(argv: readonly string[]): Process {
    const process = new Process(argv);
    this.#processes.push(process);
    return process;
  }

  /** Writes a file in /etc/ipipou, owned by root. */
  async write(name: string, text: string, mode: 0o644 | 0o600): Promise<void> {
    await Deno.writeTextFile(`${SETTINGS}/${name}`, text, { mode });
  }

  /** Changes the unit of one instance, as `systemctl edit` does. */
  async edit(instance: string, lines: string, file = "override.conf"): Promise<void> {
    const directory = `${UNITS}/ipipou@${instance}.service.d`;
    await Deno.mkdir(directory, { recursive: true });
    await Deno.writeTextFile(`${directory}/${file}`, lines);
    await must(["systemctl", "daemon-reload"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill("SIGKILL")));
  }
}

/** One instance of the unit. */
export class Instance {
  /** Its unit's name. */
  readonly unit: string;
  /** The journal of the unit, a line of JSON for each message. */
  readonly #journal: Process;

  constructor(machine: Machine, name: string) {
    this.unit = `ipipou@${name}.service`;
    const matches = [`_SYSTEMD_UNIT=${this.unit}`, "+", `UNIT=${this.unit}`];
    const format = ["--output=json", "--output-fields=MESSAGE,PRIORITY"];
    this.#journal = machine.spawn(["journalctl", "--follow", ...format, ...matches]);
  }

  /** Waits for the next message that matches, after the last one waited for. */
  async waitForMessage(pattern: RegExp): Promise<Entry> {
    return JSON.parse(await this.#journal.waitForLine(pattern, PATIENCE));
  }

  /** Waits until systemd shows a property with a value that matches. */
  async waitForProperty(property: string, pattern: RegExp): Promise<void> {
    await eventually(`${property} of ${this.unit} is ${pattern}`, async () => {
      return pattern.test(await this.property(property));
    });
  }

  async property(name: string): Promise<string> {
    return (await must(["systemctl", "show", "--value", `--property=${name}`, this.unit])).trimEnd();
  }

  /** Sends its main process a signal. */
  async signal(signal: Deno.Signal): Promise<void> {
    await must(["systemctl", "kill", "--kill-whom=main", `--signal=${signal}`, this.unit]);
  }
}
