/** Manual pages in the man(7) macros, clean by groff and mandoc alike. */

/** One part of a section; what stands between backquotes in a text is literal, and shown as such. */
export type Block =
  /** A paragraph. */
  | string
  /** What is explained, and one or more paragraphs about it. `tag` is roff, see `bold` and `italic`. */
  | { readonly tag: string; readonly text: readonly string[] }
  /** Lines shown as they are. */
  | { readonly lines: string }
  | { readonly heading: string };

/** A whole page. */
export interface Page {
  /** Without the section's number. */
  readonly name: string;
  readonly section: number;
  readonly version: string;
  /** When it was last changed, `YYYY-MM-DD`. */
  readonly date: string;
  readonly sections: readonly { readonly title: string; readonly blocks: readonly Block[] }[];
}

/** What mandoc asks lines of text to stay within, in bytes. */
const LINE_LENGTH = 80;

const ESCAPES: Record<string, string> = {
  "\\": "\\(rs",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
};

/** The page's source. */
export function roff(page: Page): string {
  const { name, section, version, date, sections } = page;
  return [
    `.TH ${name.toUpperCase()} ${section} ${date} "ipipou ${version}"`,
    // No word is broken, nor spaced out: much of it is to be typed.
    ".nh",
    ".ad l",
    ...sections.flatMap(({ title, blocks }) => [`.SH ${quoted(title)}`, ...renderBlocks(blocks)]),
  ].join("\n") + "\n";
}

/** Text as it is. */
export function plain(text: string): string {
  return text.replace(/[\\'`^~"-]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[^\0-\x7f]/gu, (character) => `\\[u${hexadecimal(character)}]`);
}

/** Text to be typed as it is. */
export function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

/** A word that stands for a value. */
export function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`;
}

function renderBlocks(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block, index) => {
    const previous = blocks[index - 1];
    const isFirst = previous === undefined || typeof previous === "object" && "heading" in previous;
    return renderBlock(block, isFirst ? [] : [".PP"]);
  });
}

function renderBlock(block: Block, gap: readonly string[]): string[] {
  if (typeof block === "string") return [...gap, ...lines(block)];
  if ("heading" in block) return [`.SS ${quoted(block.heading)}`];
  if ("lines" in block) {
    const shown = block.lines.split("\n").map((line) => protect(plain(line)));
    return [...gap, ".RS 4", ".nf", ...shown, ".fi", ".RE"];
  }
  const [first = "", ...more] = block.text;
  return [".TP", protect(block.tag), ...lines(first), ...more.flatMap((text) => [".IP", ...lines(text)])];
}

/** A paragraph as lines of roff. */
function lines(text: string): string[] {
  const parts = text.split("`").map((part, index) => index % 2 === 0 ? emphasized(part) : bold(part));
  const all: string[] = [];
  for (const word of parts.join("").split(" ")) {
    const line = all.at(-1);
    if (line === undefined || line.length + 1 + word.length > LINE_LENGTH) all.push(word);
    else all.splice(-1, 1, `${line} ${word}`);
  }
  return all.map(protect);
}

/** Text in which options are literal without more ado. */
function emphasized(text: string): string {
  return text.split(/((?<![\w-])--?[a-z][\w-]*)/i)
    .map((part, index) => index % 2 === 0 ? plain(part) : bold(part)).join("");
}

/** A line that is none of roff's requests. */
function protect(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function quoted(text: string): string {
  return `"${plain(text)}"`;
}

function hexadecimal(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
}
