import { median, print } from "../figures.ts";
import type { Contender } from "./contender.ts";

/** What is measured: its name in the table, and the unit of its values. */
export interface Figure {
  readonly name: string;
  readonly unit: "ms" | "MiB" | "programs";
}

/** Notes a value of one contender. */
export type Note = (figure: Figure, value: number) => void;

/** All measured values, by figure and contender. */
export class Results {
  readonly #values = new Map<Figure, Map<Contender, number[]>>();

  note(figure: Figure, contender: Contender, value: number): void {
    const row = this.#values.get(figure) ?? new Map<Contender, number[]>();
    this.#values.set(figure, row.set(contender, [...row.get(contender) ?? [], value]));
  }

  /**
   * Prints medians, with least and most in brackets, and after a colon the ratio of the median to the first
   * contender's. A foreign set's rows also have the ratio to the same contender's median without it.
   */
  print(contenders: readonly Contender[]): void {
    const alone = contenders.filter(({ foreign }) => foreign === 0);
    print(
      `\n| figure | ${alone.map(({ name }) => name).join(" | ")} |\n|${" --- |".repeat(alone.length + 1)}`,
    );
    for (const [{ name, unit }, row] of this.#values) {
      for (const foreign of new Set(contenders.map((contender) => contender.foreign))) {
        const columns = alone.map((one) => contenders.find((other) => isSame(one, other, foreign)));
        if (!columns.some((contender) => contender !== undefined && row.has(contender))) continue;
        const first = row.get(columns[0]!);
        const cells = columns.map((contender, index) => {
          const values = contender && row.get(contender);
          if (values === undefined) return "";
          const ratio = first === undefined || index === 0 ? "" : `: ${ratioOf(values, first)}`;
          const without = foreign === 0 ? undefined : row.get(alone[index]!);
          return `${summary(values)}${ratio}${
            without === undefined ? "" : `; ${ratioOf(values, without)} × without`
          }`;
        });
        const beside = foreign === 0 ? "" : `, beside ${foreign.toLocaleString("en")} elements`;
        print(`| ${name}${beside}, ${unit} | ${cells.join(" | ")} |`);
      }
    }
  }
}

function isSame(one: Contender, other: Contender, foreign: number): boolean {
  return other.foreign === foreign && other.name === one.name;
}

function ratioOf(values: readonly number[], others: readonly number[]): string {
  const [value, other] = [median(values), median(others)];
  return other === 0 ? (value === 0 ? "1.00" : "∞") : (value / other).toFixed(2);
}

function summary(values: readonly number[]): string {
  const middle = format(median(values));
  return values.length === 1
    ? middle
    : `${middle} (${format(Math.min(...values))}..${format(Math.max(...values))})`;
}

function format(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}
