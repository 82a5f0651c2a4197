import assert from "node:assert/strict";
import { run } from "../../../tools/command.ts";

// deno-lint-ignore no-explicit-any
type Dashboard = any;

const ROOT = new URL("../../../", import.meta.url).pathname;
const TEXT = Deno.readTextFileSync(`${ROOT}docs/grafana.json`);

/** Each makes the dashboard one that Grafana would not show as it is meant. Panel 1 is a row, 2 a stat, 8 a graph. */
const BREAKS: Readonly<Record<string, (dashboard: Dashboard) => void>> = {
  "a panel of a type that there is not": ({ panels }) => panels[1].type = "stats",
  "an option of another type of panel": ({ panels }) => panels[1].options.legend = panels[7].options.legend,
  "an option without which there is no panel": ({ panels }) => delete panels[1].options.reduceOptions,
  "a word that an option does not know": ({ panels }) => panels[1].options.colorMode = "bright",
  "a word that a graph's lines do not know": ({ panels }) =>
    panels[7].fieldConfig.defaults.custom.lineInterpolation = "steps",
  "a text for a number": ({ panels }) => panels[1].gridPos.h = "5",
  "a query without a name": ({ panels }) => delete panels[1].targets[0].refId,
  "a row that does not say whether it is open": ({ panels }) => delete panels[0].collapsed,
  "a variable of a type that there is not": ({ templating }) => templating.list[1].type = "list",
};

function broken(by: (dashboard: Dashboard) => void): string {
  const dashboard = JSON.parse(TEXT);
  by(dashboard);
  return JSON.stringify(dashboard);
}

Deno.test("the dashboard fits the schemas of Grafana 11 and 13, and would not with any of some mistakes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-dashboard-" });
  const texts = Object.entries({ "as it is": TEXT })
    .concat(Object.entries(BREAKS).map(([name, by]) => [name, broken(by)]));
  try {
    const files = new Map<string, string>();
    for (const [name, text] of texts) {
      for (const version of [11, 13]) {
        const path = `${folder}/${files.size}.ts`;
        const type = `import("${ROOT}tests/unit/status/dashboard_schema.ts").Dashboard${version}`;
        await Deno.writeTextFile(path, `(${text}) satisfies ${type};\n`);
        files.set(path, `${version}: ${name}`);
      }
    }
    const check = [Deno.execPath(), "check", "--config", `${ROOT}deno.json`, ...files.keys()];
    const { stderr } = await run(check, { env: { NO_COLOR: "1" } });
    const faulty = new Set([...stderr.matchAll(/ at file:\/\/(.*\/\d+\.ts):/g)].map(([, path]) => path!));
    assert.deepEqual(
      [...files].flatMap(([path, name]) => faulty.has(path) ? [] : [name]),
      ["11: as it is", "13: as it is"],
      stderr,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
