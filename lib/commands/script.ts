import { showInvisible } from "../errors.ts";

/** What a shell takes as it stands. */
const PLAIN_REGEXP = /^[\w.,:/@%+=-]+$/;
/** No line of `nft` is like it. */
const END = "END";

/** Commands for a root shell, in order. */
export class Script {
  readonly #lines: string[] = [];
  #isComment = false;

  /** The lines, with a newline after each. */
  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  comment(text: string): void {
    this.#lines.push(`# ${showInvisible(text)}`);
  }

  /** All commands from here on are comments. */
  commentOut(): void {
    this.#isComment = true;
  }

  /** @param line as `ip -batch` takes it */
  ip(line: string): void {
    this.#add(`ip ${line.split(" ").map(quoted).join(" ")}`);
  }

  /** One transaction. @param lines as `nft -f` takes them */
  nft(lines: readonly string[]): void {
    this.#add(`nft -f - <<'${END}'`, ...lines, END);
  }

  modprobe(args: readonly string[]): void {
    this.#add(["modprobe", ...args].join(" "));
  }

  #add(...lines: readonly string[]): void {
    this.#lines.push(...lines.map((line) => this.#isComment ? `#${line}` : line));
  }
}

function quoted(word: string): string {
  return PLAIN_REGEXP.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
