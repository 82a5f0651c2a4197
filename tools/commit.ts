import { run } from "./command.ts";

/**
 * Names the version of a checkout's files: the first 7 digits of the commit, plus "-dirty" if one of `paths` differs or
 * is new; "unknown" if `root` is not the root of a checkout.
 */
export async function describeCommit(root: string, paths: readonly string[]): Promise<string> {
  // Without this option git status writes to the repository, which may belong to someone else.
  const git = ["git", "--no-optional-locks", "-C", root];
  const top = await run([...git, "rev-parse", "--show-prefix", "HEAD"]);
  // Files unpacked below another checkout do not belong to its commit: they have a prefix.
  const head = /^\n([0-9a-f]{7})/.exec(top.stdout)?.[1];
  if (top.code !== 0 || head === undefined) return "unknown";
  const { code, stdout } = await run([...git, "status", "--porcelain", "--", ...paths]);
  return head + (code === 0 && stdout === "" ? "" : "-dirty");
}
