import assert from "node:assert/strict";
import { formatMetrics, METRICS_TYPES, type MetricsForm } from "../../lib/status/metrics.ts";
import { run } from "../../tools/command.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "../unit/status/samples.ts";
import { Prometheus, PROMTOOL } from "./prometheus.ts";

interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly Target[] }[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[];
  };
}

const DASHBOARD: Dashboard = JSON.parse(
  await Deno.readTextFile(new URL("../../docs/grafana.json", import.meta.url)),
);
const FORMS = Object.keys(METRICS_TYPES) as MetricsForm[];

/** Between two fetches, and of the dashboard's graphs, in seconds. */
const INTERVAL = { fetch: 1, graph: 20 } as const;
/** How often each form is fetched before there is something to see of its growth. */
const FETCHES = 3;

/** The metrics of a hub and of a client to which much happens. @param count how often they were asked for */
function metricsOf(count: number, form: MetricsForm): string {
  const counts = { bytes: 1_000 * count, packets: 10 * count };
  const fields = { moves: count, stats64: { rx: counts, tx: counts } };
  const refused = { count, last: null };
  const time = Date.now() / 1_000;
  const silent = samplePeerStatus("b", { ...fields, state: "silent", ok: false });
  return formatMetrics(
    [
      {
        instance: sampleHub({ time, heals: count, refused }),
        tunnels: [samplePeerStatus("a", fields), silent],
      },
      { instance: sampleInstance({ time, heals: count }), tunnels: [sampleTunnel(fields)] },
    ],
    form,
  );
}

/** Answers who fetches metrics, each form at a path of its name. */
class Exporter implements AsyncDisposable {
  readonly #counts = new Map<string, number>();
  readonly #enough = Promise.withResolvers<void>();
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    const form = new URL(url).pathname.slice(1) as MetricsForm;
    const count = (this.#counts.get(form) ?? 0) + 1;
    this.#counts.set(form, count);
    if (FORMS.every((form) => this.#counts.get(form)! > FETCHES)) this.#enough.resolve();
    return new Response(metricsOf(count, form), { headers: { "content-type": METRICS_TYPES[form] } });
  });

  /** Prometheus' configuration, by which it fetches each form as if it were of a host of that name. */
  get config(): string {
    const jobs = FORMS.map((form) => ({
      ...{ job_name: form, metrics_path: `/${form}` },
      static_configs: [{ targets: [`127.0.0.1:${this.#server.addr.port}`], labels: { instance: form } }],
    }));
    // JSON is YAML.
    return JSON.stringify({
      global: { scrape_interval: `${INTERVAL.fetch}s`, scrape_timeout: `${INTERVAL.fetch}s` },
      scrape_configs: jobs,
    });
  }

  /** Resolves when enough was fetched. */
  get enough(): Promise<void> {
    return this.#enough.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Puts values in the place of the dashboard's variables, as Grafana does where all are chosen. */
function filledIn(text: string, values: ReadonlyMap<string, readonly string[]>): string {
  return text.replaceAll("$__rate_interval", `${INTERVAL.graph}s`)
    .replace(/\$(\w+)/g, (_, name) => `(${values.get(name)!.join("|")})`);
}

async function chooseAll(prometheus: Prometheus): Promise<Map<string, string[]>> {
  const values = new Map<string, string[]>();
  for (const { name, query } of DASHBOARD.templating.list) {
    if (typeof query === "string") continue;
    const [, series, label] = /^label_values\((.*), (\w+)\)$/.exec(filledIn(query.query, values))!;
    values.set(name, await prometheus.labelValues(series!, label!));
  }
  return values;
}

Deno.test("promtool finds nothing wrong with metrics, and would", async () => {
  const check = (stdin: string) => run([PROMTOOL, "check", "metrics"], { stdin });
  assert.deepEqual(await check(metricsOf(1, "text")), { code: 0, stdout: "", stderr: "" });
  const { code, stderr } = await check(metricsOf(1, "text").replaceAll("_moves_total", "_moves"));
  assert.deepEqual([code, /ipipou_tunnel_moves counter metrics should have "_total" suffix/.test(stderr)], [
    3,
    true,
  ], stderr);
});

Deno.test("Prometheus fetches metrics in both forms, and has an answer to each question of the dashboard", async () => {
  await using exporter = new Exporter();
  await using prometheus = await Prometheus.start(exporter.config);
  await exporter.enough;
  const values = await chooseAll(prometheus);
  assert.deepEqual(
    [...values],
    [["instance", FORMS.toSorted()], ["name", ["hub", "ipipou1"]], ["tunnel", ["a", "b", "ipipou1"]]],
  );
  for (const { title, targets = [] } of DASHBOARD.panels) {
    for (const { expr, instant = false, legendFormat = "" } of targets) {
      const query = filledIn(expr, values);
      const found = instant
        ? await prometheus.query(query)
        : await prometheus.queryRange(query, INTERVAL.graph);
      assert.ok(found.length > 0, `${title}: nothing by ${query}`);
      const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      for (const { metric } of found) {
        assert.ok(
          labels.every((label) => label in metric),
          `${title}: no ${labels} in ${JSON.stringify(metric)}`,
        );
      }
    }
  }
  await assert.rejects(prometheus.query("sum by (state) ipipou_tunnel_state)"), /parse error/);
  assert.deepEqual(await prometheus.query("ipipou_tunnel_other"), []);
});
