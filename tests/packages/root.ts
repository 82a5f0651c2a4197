import { must, type Outcome, run } from "../../tools/command.ts";
import { archiveOf, type Release } from "../lab/roots.ts";

const FOLDER = new URL("../../dist/tested/roots", import.meta.url).pathname;

/** A root file system of its own, to install in. */
export class Root implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(release: Release): Promise<Root> {
    await must(["mkdir", "-p", FOLDER]);
    const path = await Deno.makeTempDir({ dir: FOLDER, prefix: `${release}-` });
    await must(["tar", "-xf", archiveOf(release), "-C", path]);
    await must(["chmod", "755", path]);
    // The options that it was made with.
    await must(["rm", "-f", `${path}/etc/apt/apt.conf.d/99mmdebstrap`]);
    return new Root(path);
  }

  /** Runs a program in it. */
  run(...argv: string[]): Promise<Outcome> {
    return run(this.#inside(argv), { env: { DEBIAN_FRONTEND: "noninteractive" } });
  }

  /** Runs a program that must succeed. @returns its standard output @throws {CommandError} */
  must(...argv: string[]): Promise<string> {
    return must(this.#inside(argv), { env: { DEBIAN_FRONTEND: "noninteractive" } });
  }

  /** Nothing that was started there outlives the program. rpm's scripts want a root that something is mounted on. */
  #inside(argv: readonly string[]): string[] {
    const script = 'mount --bind "$0" "$0"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"';
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script, this.path, ...argv];
  }

  async write(path: string, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    await Deno.writeFile(`${this.path}${path}`, bytes);
  }

  /** All its files but what packet managers note down, one a line. */
  async files(): Promise<string[]> {
    const noted = [
      ...[
        "./var/lib/*",
        "./var/cache/*",
        "./var/log/*",
        "./tmp/*",
        "./root/*",
        "./run/*",
        "./etc/ld.so.cache",
      ],
      "./usr/lib/sysimage*",
    ];
    const left = noted.flatMap((path) => ["-not", "-path", path]);
    return (await must(["find", ".", "-xdev", ...left], { cwd: this.path })).trim().split("\n").sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await must(["rm", "-rf", this.path]);
  }
}
