import { formatMetrics, METRICS_TYPES, type MetricsForm } from "../status/metrics.ts";
import { collectReports, describeNothing, type Findings } from "./status.ts";
import type { StatusSystem } from "./status_system.ts";

const PATH = "/metrics";

/** What an HTTP request is answered. */
export interface MetricsAnswer {
  readonly status: 200 | 404 | 405 | 500;
  readonly type: string;
  readonly text: string;
}

/** Makes metrics of instances. Who asks while they are made gets the same ones. */
export class Metrics {
  readonly #name: string | null;
  readonly #system: StatusSystem;
  #collecting: Promise<Findings> | null = null;

  /** @param name of an instance or its file; null: of all */
  constructor(name: string | null, system: StatusSystem) {
    this.#name = name;
    this.#system = system;
  }

  /** @throws {IpipouError} when no instance may be asked */
  async make(form: MetricsForm = "text"): Promise<string> {
    const { reports } = await this.#collect();
    // Several network namespaces may have one of a name each, and whoever reads metrics takes each only once.
    const byName = new Map(reports.toReversed().map((report) => [report.instance.name, report]));
    return formatMetrics([...byName.values()].reverse(), form);
  }

  /** Makes them for somebody who reads. @returns with what is to be said beside them @throws {IpipouError} as `make()` */
  async show(): Promise<{ readonly text: string; readonly notes: readonly string[] }> {
    const text = await this.make();
    return { text, notes: text === "" ? [describeNothing({ name: this.#name })] : [] };
  }

  /** Answers an HTTP request. @param accept the header of this name, or "" */
  async answer(method: string, path: string, accept: string): Promise<MetricsAnswer> {
    const plain = (status: MetricsAnswer["status"], text: string) => ({ status, type: "text/plain", text });
    if (path !== PATH) return plain(404, `Metrics are at ${PATH}\n`);
    if (method !== "GET" && method !== "HEAD") return plain(405, "GET them\n");
    const form = accept.includes("application/openmetrics-text") ? "openMetrics" : "text";
    try {
      return { status: 200, type: METRICS_TYPES[form], text: await this.make(form) };
    } catch (error) {
      return plain(500, `${(error as Error).message}\n`);
    }
  }

  async #collect(): Promise<Findings> {
    this.#collecting ??= collectReports({ name: this.#name, peer: null }, this.#system)
      .finally(() => this.#collecting = null);
    return await this.#collecting;
  }
}
