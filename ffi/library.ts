import { type ExitCode, IpipouError } from "../lib/errors.ts";

/** Where to find a C library, and what to say when it is missing. */
export interface LibrarySource {
  /** Its name in errors. */
  readonly name: string;
  /** Sonames or paths, tried in this order. */
  readonly files: readonly string[];
  /** Environment variable with the only file to try instead. */
  readonly override: string;
  /** How to get the library, to end a sentence. */
  readonly cure: string;
  /** Exit code of the program when it is missing. */
  readonly exitCode: ExitCode;
}

/**
 * Loads a C library.
 *
 * @throws {IpipouError} naming every file tried, the cure and the override; its cause holds the loader's reasons
 */
export function openLibrary<Symbols extends Deno.ForeignLibraryInterface>(
  source: LibrarySource,
  symbols: Symbols,
): Deno.DynamicLibrary<Symbols> {
  const override = Deno.env.get(source.override);
  const files = override ? [override] : source.files;
  const reasons: unknown[] = [];
  for (const file of files) {
    try {
      return Deno.dlopen(file, symbols);
    } catch (reason) {
      reasons.push(reason);
    }
  }
  const cure = override
    ? `${source.override} names no usable library, correct or unset it`
    : `${source.cure}, or name its file in ${source.override}`;
  throw new IpipouError(`Cannot load ${source.name}, tried ${files.join(", ")}: ${cure}`, source.exitCode, {
    cause: new AggregateError(reasons),
  });
}
