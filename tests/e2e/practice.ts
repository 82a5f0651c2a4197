import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import { IPIPOU, Scenario } from "./scenario.ts";

/** A finding, as `--json` prints it. */
export interface Finding {
  readonly instance: string | null;
  readonly topic: string;
  readonly level: string;
  readonly what: string;
  readonly why: string | null;
  readonly cure: string | null;
}

/** What doctor says of a host. */
export class Practice {
  readonly scenario: Scenario;
  /** Folder of the programs that it finds. */
  programs = "/usr/sbin:/usr/bin:/sbin:/bin";
  readonly outputs: string[] = [];

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  /** Examines a host: the client's, unless another is named. @param prefix the command that runs it */
  async examine(
    settings: string,
    { host = "client", prefix = [], env = [], args = [] }: {
      readonly host?: Host;
      readonly prefix?: readonly string[];
      readonly env?: readonly string[];
      readonly args?: readonly string[];
    } = {},
  ): Promise<{ code: number; findings: readonly Finding[]; of: (topic: string) => readonly string[] }> {
    await this.scenario.write("office.token", "hunter2\n");
    const file = await this.scenario.write("office.toml", settings);
    await Deno.chmod(this.scenario.directory, 0o755);
    await Deno.chmod(file, 0o644);
    const argv = [
      ...prefix,
      "/usr/bin/env",
      "-i",
      `PATH=${this.programs}`,
      `RUNTIME_DIRECTORY=${this.scenario.runtime}`,
      ...env,
      IPIPOU,
      "doctor",
      file,
      "--json",
      ...args,
    ];
    const { code, stdout, stderr } = await this.scenario.network.run(host, argv);
    this.outputs.push(stdout, stderr);
    assert.ok(stdout.startsWith("{"), stdout + stderr);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const of = (topic: string) =>
      findings.filter((finding) => finding.topic === topic).map(({ level, what }) => `${level}: ${what}`);
    return { code, findings, of };
  }

  async must(...words: string[]): Promise<string> {
    return await this.scenario.network.must("client", words.flatMap((word) => word.split(" ")));
  }
}
