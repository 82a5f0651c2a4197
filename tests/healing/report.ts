/**
 * Makes the table and the picture of docs/healing.md from the output of a test run:
 *
 *     deno task test --only healing | tee run.txt; deno run -A tests/healing/report.ts < run.txt
 *
 * The table goes to standard output, the picture to docs/healing.svg.
 */
import { type Figures, readFigures } from "./figures.ts";

const PICTURE = new URL("../../docs/healing.svg", import.meta.url);

const WIDTH = 1000;
const LABELS = 400;
const RIGHT = 30;
const TOP = 70;
const LANE = 26;
/** What the left and right end of the scale stand for, in milliseconds since the event began. */
const FROM = 10;
const TO = 30_000;
const TICKS = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000];

function x(ms: number): number {
  const share = Math.log(Math.max(FROM, Math.min(TO, ms)) / FROM) / Math.log(TO / FROM);
  return Math.round(LABELS + share * (WIDTH - LABELS - RIGHT));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function text(at: number, y: number, words: string, extra = ""): string {
  return `<text x="${at}" y="${y}" ${extra}>${escape(words)}</text>`;
}

function bar(from: number, to: number, y: number, kind: string): string {
  return `<rect class="${kind}" x="${x(from)}" y="${y - 6}" width="${
    Math.max(2, x(to) - x(from))
  }" height="12"/>`;
}

const MARKS = {
  seen: (at: number, y: number) => `<circle class="seen" cx="${x(at)}" cy="${y}" r="5"/>`,
  repaired: (at: number, y: number) => `<path class="repaired" d="M${x(at)} ${y - 6} l6 11 h-12 z"/>`,
  first: (at: number, y: number) => `<circle class="first" cx="${x(at)}" cy="${y}" r="5"/>`,
} as const;

function lane(figures: Figures, y: number): string {
  const { what, tool, first, outage, opened, open } = figures;
  const parts = [text(LABELS - 14, y + 4, `${what}`, 'text-anchor="end"'), `<title>${escape(tool)}</title>`];
  parts.push(`<line class="lane" x1="${LABELS}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>`);
  if (first !== null) parts.push(bar(first - outage, first, y, "outage"));
  if (opened !== null) parts.push(bar(opened, opened + open, y, "open"));
  for (const mark of ["seen", "repaired", "first"] as const) {
    if (figures[mark] !== null) parts.push(MARKS[mark](figures[mark], y));
  }
  return `<g>${parts.join("")}</g>`;
}

function legend(): string {
  const y = 24;
  const words = [
    [LABELS, MARKS.seen, "the program looks at its kernel"],
    [LABELS + 215, MARKS.repaired, "its last change"],
    [LABELS + 335, MARKS.first, "first packet"],
  ] as const;
  const marks = words.map(([at, mark, label]) =>
    `<g transform="translate(${at - x(FROM) + 6} 0)">${mark(FROM, y)}</g>${text(at + 18, y + 4, label)}`
  );
  return [
    ...marks,
    `<rect class="outage" x="${LABELS + 435}" y="${y - 6}" width="24" height="12"/>`,
    text(LABELS + 465, y + 4, "no answer"),
    `<rect class="open" x="${LABELS + 535}" y="${y - 6}" width="24" height="12"/>`,
    text(LABELS + 565, y + 4, "open"),
    text(14, y + 4, "Each tunnel is in use. From the event on:"),
  ].join("\n");
}

/** The picture: a lane for each row, with a logarithmic scale of time. */
export function picture(rows: readonly Figures[]): string {
  const height = TOP + rows.length * LANE + 40;
  const ticks = TICKS.map((ms) => {
    const label = ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
    return `<line class="tick" x1="${x(ms)}" x2="${x(ms)}" y1="${TOP - 16}" y2="${height - 34}"/>` +
      text(x(ms), height - 16, label, 'text-anchor="middle"');
  });
  const lanes = rows.map((figures, index) => lane(figures, TOP + index * LANE));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>
text { font: 12px sans-serif; fill: #222 }
.lane { stroke: #ddd } .tick { stroke: #eee }
.outage { fill: #b9c3cc } .open { fill: #d9534f }
.seen { fill: #fff; stroke: #2466a8; stroke-width: 2 } .repaired { fill: #e08a1e } .first { fill: #2e8b57 }
</style>
<rect width="100%" height="100%" fill="#fff"/>
${[legend(), ...ticks, ...lanes].join("\n")}
</svg>
`;
}

/** The table, in Markdown. */
export function table(rows: readonly Figures[]): string {
  const seconds = (ms: number) => ms === 0 ? "0" : `${(ms / 1000).toFixed(2)} s`;
  const lines = rows.map(({ what, tool, took, outage, healed, open, lost }) =>
    [what, `\`${tool}\``, seconds(took), seconds(healed), seconds(outage), lost, seconds(open)].join(" | ")
  );
  const head = [
    "what happens",
    "by",
    "takes",
    "first packet after it",
    "without answer",
    "lost",
    "open to strangers",
  ];
  return [head.join(" | "), head.map(() => "---").join(" | "), ...lines].map((line) => `| ${line} |\n`).join(
    "",
  );
}

if (import.meta.main) {
  const rows = readFigures(await new Response(Deno.stdin.readable).text());
  if (rows.length === 0) throw new Error("There are no figures in this output");
  Deno.stdout.writeSync(new TextEncoder().encode(table(rows)));
  await Deno.writeTextFile(PICTURE, picture(rows));
}
