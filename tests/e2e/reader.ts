import assert from "node:assert/strict";
import { blocksIn, TRIED } from "../documents.ts";
import { LAB_PATH } from "../lab/lab.ts";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

const ROOT = new URL("../../", import.meta.url);

/** What each host has for itself, in a folder of that name. */
const OWN = { settings: "/etc/ipipou", state: "/var/lib/ipipou", runtime: "/run/ipipou" } as const;

/** A document whose blocks are run. */
export class Document {
  readonly #path: string;
  readonly #texts: readonly string[];
  #left: string[];

  private constructor(path: string, markdown: string) {
    this.#path = path;
    this.#texts = blocksIn(path, markdown).map(({ text }) => text);
    this.#left = Object.entries(TRIED[path]!).flatMap(([begins, way]) => way === "lab" ? [begins] : []);
  }

  /** @param path below the root */
  static async read(path: string): Promise<Document> {
    return new Document(path, await Deno.readTextFile(new URL(path, ROOT)));
  }

  /** The block that tests/documents.ts has under this beginning, with placeholders filled in. */
  block(begins: string, values: Readonly<Record<string, string>> = {}): string {
    assert.equal(TRIED[this.#path]![begins], "lab", `${this.#path}: ${begins}`);
    const text = this.#texts.find((text) => text.startsWith(begins))!;
    this.#left = this.#left.filter((other) => other !== begins);
    return Object.entries(values).reduce((text, [placeholder, value]) => {
      assert.ok(text.includes(placeholder), placeholder);
      return text.replaceAll(placeholder, value);
    }, text);
  }

  /** Checks that each of its blocks that the lab can run was run. */
  assertDone(): void {
    assert.deepEqual(this.#left, [], `${this.#path}: not run`);
  }
}

/**
 * Somebody who types what the documents say into root's shell: the program is in /usr/local/bin, each host has folders of
 * its own for settings and what programs leave, and server.example and hub.example are the server.
 */
export class Reader implements AsyncDisposable {
  readonly scenario: Scenario;

  private constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  static async create(options: { readonly direct?: boolean } = {}): Promise<Reader> {
    await using resources = new AsyncDisposableStack();
    const scenario = resources.use(await Scenario.create(options));
    await Deno.mkdir(`${scenario.directory}/bin`);
    await Deno.symlink(IPIPOU, `${scenario.directory}/bin/ipipou`);
    const hosts = await Deno.readTextFile("/etc/hosts");
    await scenario.write("hosts", `${hosts}\n192.0.2.1 server.example hub.example\n`);
    for (const [name, path] of Object.entries(OWN)) {
      await Deno.mkdir(path, { recursive: true });
      for (const host of scenario.network.hosts) {
        await Deno.mkdir(`${scenario.directory}/${host}/${name}`, { recursive: true });
      }
    }
    resources.move();
    return new Reader(scenario);
  }

  /** Writes a file in a host's /etc/ipipou, for root alone. */
  async write(host: Host, name: string, text: string): Promise<void> {
    await this.scenario.write(`${host}/settings/${name}`, text);
  }

  /** Has all hosts find a script instead of a program that the lab cannot run. */
  async standIn(program: string, script: string): Promise<void> {
    await Deno.chmod(await this.scenario.write(`bin/${program}`, `#!/bin/sh\n${script}\n`), 0o755);
  }

  /** Runs lines to their end. @returns what they print @throws {CommandError} */
  async run(host: Host, lines: string): Promise<string> {
    return await this.scenario.network.must(host, this.#shell(host, lines));
  }

  /** Starts lines of which the last one goes on, and waits for what it then says. */
  async start(host: Host, lines: string, says: RegExp): Promise<Process> {
    const process = this.scenario.network.spawn(host, this.#shell(host, lines));
    await process.waitForLine(says, PATIENCE);
    return process;
  }

  #shell(host: Host, lines: string): string[] {
    const { directory } = this.scenario;
    const own = Object.entries(OWN).map(([name, path]) =>
      `mount --bind ${directory}/${host}/${name} ${path}`
    );
    const prepare = [
      ...own,
      `mount --bind ${directory}/hosts /etc/hosts`,
      `mount --bind ${directory}/bin /usr/local/bin`,
      // Whatever PATH the tests have, what stands in for a program comes first in this one.
      `export PATH=${LAB_PATH}`,
      `cd ${directory}/${host}`,
    ];
    return ["sh", "-ec", `${prepare.join("\n")}\nexec bash -ec "$0"`, lines];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]();
  }
}
