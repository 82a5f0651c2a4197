import assert from "node:assert/strict";
import { formatMetrics } from "../../../lib/status/metrics.ts";
import { STATES } from "../../../lib/status/snapshot.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "./samples.ts";

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: Readonly<Record<"h" | "w" | "x" | "y", number>>;
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: {
    readonly overrides: readonly { readonly matcher: { readonly options: string } }[];
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[];
  };
}

const DASHBOARD: Dashboard = JSON.parse(
  Deno.readTextFileSync(new URL("../../../docs/grafana.json", import.meta.url)),
);
const METRICS = formatMetrics(
  [{ instance: sampleInstance(), tunnels: [sampleTunnel()] }, {
    instance: sampleHub(),
    tunnels: [samplePeerStatus("a")],
  }],
  "text",
);
/** Each metric's type by its name. */
const TYPES = new Map(
  [...METRICS.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
);
/** All labels, and the one that Prometheus gives what it scrapes. */
const LABELS = new Set(["instance", ...[...METRICS.matchAll(/(\w+)="/g)].map(([, label]) => label!)]);

const targets = DASHBOARD.panels.flatMap(({ targets = [] }) => targets);
const queries = targets.map(({ expr }) => expr);
const variables = DASHBOARD.templating.list.map(({ query }) =>
  typeof query === "string" ? query : query.query
);

function metricsIn(texts: readonly string[]): Set<string> {
  return new Set(texts.flatMap((text) => text.match(/\bipipou_\w+/g) ?? []));
}

Deno.test("the dashboard shows each metric, and none that there is not", () => {
  assert.deepEqual([...metricsIn(queries)].sort(), [...TYPES.keys()].sort());
  assert.deepEqual(metricsIn(variables).difference(new Set(TYPES.keys())), new Set());
});

Deno.test("the dashboard shows how fast counters grow, and gauges as they are", () => {
  for (const query of queries) {
    const [name] = metricsIn([query]);
    const isGrowth = /\b(rate|increase)\([^)]*\[\$__rate_interval\]\)/.test(query);
    assert.equal(isGrowth, TYPES.get(name!) === "counter", query);
  }
});

Deno.test("the dashboard has one colour for each state", () => {
  const panel = DASHBOARD.panels.find(({ title }) => title === "Tunnels by state")!;
  const patterns = panel.fieldConfig!.overrides.map(({ matcher }) => RegExp(matcher.options.slice(1, -1)));
  for (const state of STATES) {
    assert.equal(patterns.filter((pattern) => pattern.test(state)).length, 1, state);
  }
});

Deno.test("the dashboard asks for no labels and variables that there are not", () => {
  const names = new Set(DASHBOARD.templating.list.map(({ name }) => name));
  for (const text of [...queries, ...variables, ...targets.map(({ legendFormat = "" }) => legendFormat)]) {
    const inSelectors = [...text.matchAll(/(\w+)=~?"/g), ...text.matchAll(/\{\{(\w+)\}\}/g)];
    const others = [...text.matchAll(/\bby \((\w+)\)/g), ...text.matchAll(/, (\w+)\)$/g)];
    for (const [, label] of [...inSelectors, ...others]) assert.ok(LABELS.has(label!), `${label} in ${text}`);
    for (const [, name] of text.matchAll(/\$(?!__)(\w+)/g)) {
      assert.ok(names.has(name!), `$${name} in ${text}`);
    }
  }
});

Deno.test("the dashboard's panels have ids and places of their own, and the data source that is chosen", () => {
  const { panels } = DASHBOARD;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + cell % w} ${y + Math.floor(cell / w)}`)
  );
  assert.equal(new Set(cells).size, cells.length);
  assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
  for (const { type, title, datasource } of panels) {
    assert.equal(datasource?.uid, type === "row" ? undefined : "${datasource}", title);
  }
});
