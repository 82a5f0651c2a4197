import { nameOf } from "./option.ts";
import { OPTIONS } from "./options.ts";
import type { Setting } from "./words.ts";

/** What to say of a command line that is good, a line each. @param settings in the order they are given */
export function warnOfWords(settings: readonly Setting[]): string[] {
  return [...warnOfSecrets(settings), ...warnOfContradictions(settings)];
}

/** Secrets on the command line are visible to everyone. */
function warnOfSecrets(settings: readonly Setting[]): string[] {
  const secrets = new Set(settings.map(({ option }) => option).filter(({ secret }) => secret));
  return [...secrets].map((option) => {
    const files = OPTIONS.filter((other) =>
      other.kind === "secretFile" && "slot" in option && other.slot === option.slot
    );
    const cures = [...files.map(nameOf), "a configuration file"].join(" or ");
    const shown = `The value of ${nameOf(option)}`;
    return `${shown} is visible to every user of this host in the process list: use ${cures}`;
  });
}

/** As in version 0.1, the last of -s and -c counts. */
function warnOfContradictions(settings: readonly Setting[]): string[] {
  const flags = settings.flatMap(({ option }) => option.kind === "flag" ? [option] : []);
  const lost = flags.flatMap((flag, index) => {
    const last = flags.findLast(({ slot }) => slot === flag.slot)!;
    return last.gives === flag.gives || flags.indexOf(flag) < index ? [] : [{ flag, last }];
  });
  return lost.map(({ flag, last }) => `${nameOf(flag)} has no effect, as ${nameOf(last)} comes after it`);
}
