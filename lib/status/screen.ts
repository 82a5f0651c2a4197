import {
  alignColumns,
  byState,
  countUp,
  describeFailedReload,
  describeInstance,
  nameInstance,
  type Rate,
  rateKey,
  type Rates,
  showBytes,
  stateOf,
} from "./format.ts";
import type { Report, TunnelStatus } from "./snapshot.ts";

/** Columns from which there is room for sparklines beside what is wrong with a tunnel. */
const ROOMY = 100;
/** How many rates a sparkline shows. */
const SPARK_LENGTH = 12;
const SPARKS = "▁▂▃▄▅▆▇█";
const HELP = "q quit   / show only";

/** Size of a terminal, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What `--watch` shows in a terminal: told of reports and keys, it says what stands there. */
export class Screen {
  #reports: readonly Report[] = [];
  #rates: Rates = new Map();
  readonly #history = new Map<string, Rate[]>();
  #filter = "";
  #isTyping = false;
  #isOver = false;
  readonly #isPart: boolean;

  /** @param isPart whether only some of a hub's peers are shown */
  constructor(isPart = false) {
    this.#isPart = isPart;
  }

  /** Whether somebody asked it to end. */
  get isOver(): boolean {
    return this.#isOver;
  }

  show(reports: readonly Report[], rates: Rates): void {
    this.#reports = reports;
    this.#rates = rates;
    for (const key of this.#history.keys()) if (!rates.has(key)) this.#history.delete(key);
    for (const [key, rate] of rates) {
      this.#history.set(key, [...this.#history.get(key) ?? [], rate].slice(-SPARK_LENGTH));
    }
  }

  /** @param keys as a terminal in raw mode sends them */
  press(keys: string): void {
    for (const key of keys) {
      if (key === "\x03" || key === "\x04") this.#isOver = true;
      else if (this.#isTyping) this.#type(key);
      else if (key === "q") this.#isOver = true;
      else if (key === "/") [this.#isTyping, this.#filter] = [true, ""];
      else if (key === "\x1b") this.#filter = "";
    }
  }

  /** The lines of the whole screen, none longer than it is wide. */
  lines({ columns, rows }: Size): string[] {
    const body = this.#reports.flatMap((report) => this.#linesOf(report, columns));
    const room = Math.max(1, rows - 1);
    const shown = body.length <= room
      ? body
      : [...body.slice(0, room - 1), `… ${body.length - room + 1} more lines`];
    return [...shown, this.#footer()].map((line) => [...line].slice(0, columns).join(""));
  }

  #type(key: string): void {
    if (key === "\r" || key === "\n") this.#isTyping = false;
    else if (key === "\x1b") [this.#isTyping, this.#filter] = [false, ""];
    else if (key === "\x7f" || key === "\b") this.#filter = this.#filter.slice(0, -1);
    else if (key >= " ") this.#filter += key;
  }

  #footer(): string {
    if (this.#isTyping) return `/${this.#filter}_`;
    return this.#filter === "" ? HELP : `${HELP}   only: ${this.#filter}   Esc: all`;
  }

  #linesOf(report: Report, columns: number): string[] {
    const { instance, tunnels } = report;
    const fitting = byState(tunnels).filter((tunnel) => this.#fits(tunnel, instance.name));
    if (fitting.length === 0 && this.#filter !== "") return [];
    const rows = fitting.map((tunnel) => [
      ...[tunnel.name, tunnel.state, this.#traffic(report, tunnel, columns >= ROOMY), tunnel.why ?? ""],
    ]);
    return [
      ...this.#heading(report, columns),
      ...instance.ok ? [] : [`  ${stateOf(instance)}`],
      ...describeFailedReload(instance),
      ...rows.length === 0 ? [] : alignColumns(rows).map((line) => `  ${line}`),
    ];
  }

  /** Has the number of peers in a line of its own where it would be cut off. */
  #heading(report: Report, columns: number): string[] {
    const whole = describeInstance(report, this.#isPart);
    const count = this.#isPart ? null : countUp(report);
    return whole.length <= columns || count === null
      ? [whole]
      : [nameInstance(report.instance), `  ${count}`];
  }

  #traffic({ instance }: Report, tunnel: TunnelStatus, isDrawn: boolean): string {
    const key = rateKey(instance, tunnel);
    const rate = this.#rates.get(key);
    const history = this.#history.get(key) ?? [];
    return (["rx", "tx"] as const).map((way) => {
      const speed = rate === undefined ? "-" : `${showBytes(rate[way])}/s`;
      const bars = isDrawn ? ` ${sparkline(history.map((rate) => rate[way]))}` : "";
      return `${way} ${speed.padStart(10)}${bars}`;
    }).join("  ");
  }

  #fits(tunnel: TunnelStatus, instance: string): boolean {
    const text = [instance, tunnel.name, tunnel.ifname, stateOf(tunnel), tunnel.peer, tunnel.remote?.address];
    return text.some((part) => part?.toLowerCase().includes(this.#filter.toLowerCase()));
  }
}

/** Draws numbers as bars, of which the highest is full; 0 is the lowest bar. The latest number is at the right end. */
export function sparkline(numbers: readonly number[], length = SPARK_LENGTH): string {
  const most = Math.max(1, ...numbers);
  const bars = numbers.slice(-length).map((number) => SPARKS[Math.ceil(number / most * (SPARKS.length - 1))]);
  return bars.join("").padStart(length);
}
