import { must } from "../../tools/command.ts";
import { unpackPackages } from "../../tools/packages.ts";
import { say } from "../../tools/say.ts";
import { Process } from "../lab/process.ts";

const DIST = new URL("../../dist", import.meta.url).pathname;
const FOLDER = `${DIST}/prometheus`;
const PATIENCE = 60_000;

/** Checks metrics; {@linkcode fetchPrometheus} fetches it. */
export const PROMTOOL = `${FOLDER}/usr/bin/promtool`;

/**
 * Fetches Prometheus, once. It is not installed, since its package starts a service.
 *
 * @throws {CommandError}
 */
export async function fetchPrometheus(): Promise<void> {
  if (await Deno.stat(PROMTOOL).catch(() => null) !== null) return say(`${FOLDER} is there`);
  await must(["mkdir", "-p", DIST]);
  const work = await Deno.makeTempDir({ dir: DIST, prefix: "new-" });
  try {
    await unpackPackages(["prometheus"], work);
    await Deno.rename(work, FOLDER);
  } catch (error) {
    await Deno.remove(work, { recursive: true });
    throw error;
  }
}

/** What Prometheus has of one set of labels. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
}

/** A Prometheus that runs. */
export class Prometheus implements AsyncDisposable {
  readonly #process: Process;
  readonly #folder: string;
  readonly #api: string;

  private constructor(process: Process, folder: string, address: string) {
    this.#process = process;
    this.#folder = folder;
    this.#api = `http://${address}/api/v1`;
  }

  /** Starts one at a loopback address. It answers when it fetches metrics. @param config text of its prometheus.yml */
  static async start(config: string): Promise<Prometheus> {
    const folder = await Deno.makeTempDir({ prefix: "ipipou-prometheus-" });
    await Deno.writeTextFile(`${folder}/prometheus.yml`, config);
    const process = new Process([
      `${FOLDER}/usr/bin/prometheus`,
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      "--web.listen-address=127.0.0.1:0",
    ]);
    try {
      const listens = await process.waitForLine(/"Listening on" address=/, PATIENCE);
      return new Prometheus(process, folder, listens.split("address=")[1]!);
    } catch (error) {
      await process.kill();
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Asks what a query gives now. @throws {Error} as Prometheus refuses it */
  async query(expr: string): Promise<Series[]> {
    return (await this.#get("query", { query: expr })).result;
  }

  /** Asks what a query gave in the last seconds, as a graph does. @throws {Error} as Prometheus refuses it */
  async queryRange(expr: string, seconds: number): Promise<Series[]> {
    const end = Date.now() / 1_000;
    const range = { start: `${end - seconds}`, end: `${end}`, step: `${seconds / 10}` };
    return (await this.#get("query_range", { query: expr, ...range })).result;
  }

  /** The values that a label of some series has. @throws {Error} as Prometheus refuses it */
  async labelValues(series: string, label: string): Promise<string[]> {
    return await this.#get(`label/${label}/values`, { "match[]": series });
  }

  // deno-lint-ignore no-explicit-any
  async #get(path: string, parameters: Record<string, string>): Promise<any> {
    const response = await fetch(`${this.#api}/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await response.json();
    if (status !== "success") throw new Error(`${JSON.stringify(parameters)}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
