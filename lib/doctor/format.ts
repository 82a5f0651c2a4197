import { EXIT, type ExitCode, showInvisible } from "../errors.ts";
import { DOCTOR_VERSION, type Examined, type Finding, type Level } from "./finding.ts";

const LABELS: Readonly<Record<Level, string>> = {
  ...{ fault: "FAULT", warning: "warning", unseen: "unseen", ok: "ok" },
};
const LABEL_WIDTH = 9;
const TOPIC_WIDTH = 14;
const INDENT = " ".repeat(LABEL_WIDTH + TOPIC_WIDTH + 2);

/** Formats what was found for people. */
export function formatExamined(examined: readonly Examined[]): string {
  return [...examined.map(formatPart), `${summarize(examined)}\n`].join("\n");
}

function formatPart({ instance, about, findings }: Examined): string {
  const title = instance === null ? "this host" : instance;
  const lines = [about === "" ? title : `${title}: ${about}`, ...findings.flatMap(formatFinding)];
  // Programs have names of their own choice.
  return lines.map((line) => `${showInvisible(line)}\n`).join("");
}

function formatFinding({ level, topic, what, why, cure }: Finding): string[] {
  return [
    `  ${LABELS[level].padEnd(LABEL_WIDTH)}${topic.padEnd(TOPIC_WIDTH)}${what}`,
    ...why === null ? [] : [`${INDENT}why: ${why}`],
    ...cure === null ? [] : [`${INDENT}cure: ${cure}`],
  ];
}

function summarize(examined: readonly Examined[]): string {
  const count = (level: Level, one: string, several: string) => {
    const { length } = examined.flatMap(({ findings }) => findings).filter((finding) =>
      finding.level === level
    );
    return length === 0 ? [] : [`${length} ${length === 1 ? one : several}`];
  };
  const wrong = [...count("fault", "fault", "faults"), ...count("warning", "warning", "warnings")];
  const blind = count("unseen", "thing could not be looked at", "things could not be looked at");
  return [wrong.length === 0 ? "nothing wrong was found" : wrong.join(", "), ...blind].join("; ");
}

/** What `--json` prints; docs/doctor.md describes it. */
export function examinedAsJson(examined: readonly Examined[]): string {
  const findings = examined.flatMap(({ instance, findings }) =>
    findings.map((finding) => ({ instance, ...finding }))
  );
  const ok = findings.every(({ level }) => level === "ok" || level === "unseen");
  return `${JSON.stringify({ version: DOCTOR_VERSION, ok, findings })}\n`;
}

/** How the command ends: by the worst that was found. */
export function exitCodeOf(examined: readonly Examined[]): ExitCode {
  const findings = examined.flatMap(({ findings }) => findings);
  const faults = findings.filter(({ level }) => level === "fault");
  if (faults.some(({ topic }) => topic === "settings")) return EXIT.usage;
  if (faults.length > 0) return EXIT.notRunning;
  return findings.some(({ level }) => level === "warning") ? EXIT.degraded : EXIT.ok;
}
