import { type Finding, fine, unseen } from "./finding.ts";

/** What a check of an instance's files found, a line each. */
export interface ConfigurationFacts {
  readonly path: string;
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
  /** What this user cannot read. */
  readonly unread: readonly string[];
}

/** Judges an instance's files as `ipipou check` does. */
export function judgeConfiguration({ path, mistakes, warnings, unread }: ConfigurationFacts): Finding[] {
  const found = [
    ...mistakes.map((what) => ({ level: "fault", what, why: "no start or reload accepts it" } as const)),
    ...warnings.map((what) => ({ level: "warning", what, why: "it starts all the same" } as const)),
  ];
  const cure = `mend it, then ipipou check ${path}`;
  return [
    ...found.map((finding): Finding => ({ topic: "settings", ...finding, cure })),
    ...unread.map((what) =>
      unseen("settings", what, "it is for root alone, as it should be", "run it as root")
    ),
    ...mistakes.length > 0 ? [] : [fine("settings", `${path}: no mistakes`)],
  ];
}
