import { run } from "./command.ts";

/**
 * Names what a checkout's files are: the first 7 digits of the commit, with "-dirty" when one of `paths` differs from
 * it or is new; "unknown" where `root` is no checkout of its own.
 */
export async function describeCommit(root: string, paths: readonly string[]): Promise<string> {
  // Without this, git status would write to a repository that may be another's.
  const git = ["git", "--no-optional-locks", "-C", root];
  const top = await run([...git, "rev-parse", "--show-prefix", "HEAD"]);
  // What was unpacked somewhere below another checkout is not of that one's commit: it has a prefix.
  const head = /^\n([0-9a-f]{7})/.exec(top.stdout)?.[1];
  if (top.code !== 0 || head === undefined) return "unknown";
  const { code, stdout } = await run([...git, "status", "--porcelain", "--", ...paths]);
  return head + (code === 0 && stdout === "" ? "" : "-dirty");
}
