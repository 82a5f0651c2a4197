import { COMMAND_LINES, type CommandLine, type Offer, typed } from "./offers.ts";

/** The completions for bash 4.4 or later. @param folder where configuration lies, ending in `/` */
export function bashCompletions(folder: string): string {
  return `# bash completion for ipipou

_ipipou_names() {
  local file
  for file in ${folder}*."$1"; do
    [[ -e $file ]] || continue
    file=\${file##*/}
    echo "\${file%.*}"
  done
}

# What is offered for the word in $word: KIND [WORDS]
_ipipou_offer() {
  case $1 in
    names)
      if [[ $word == ?(.|..)/* ]]; then _ipipou_offer files; return; fi
      mapfile -t COMPREPLY < <(compgen -W "$(_ipipou_names "$2")" -- "$word") ;;
    files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    devices) mapfile -t COMPREPLY < <(compgen -W "$(command ls /sys/class/net)" -- "$word") ;;
    local) mapfile -t COMPREPLY < <(compgen -P @ -W "$(command ls /sys/class/net)" -- "\${word#@}") ;;
    words) mapfile -t COMPREPLY < <(compgen -W "$2" -- "$word") ;;
  esac
}

_ipipou() {
  local word=$2 before=$3 options operands
  COMPREPLY=()
  # Readline takes "@" for the beginning of a word, and "=" for a word.
  if [[ $word == @* ]]; then _ipipou_offer local; return; fi
  if [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  case $before in
${values().map(([names, offer]) => `    ${names.join("|")}) ${offerCall(offer)}; return ;;`).join("\n")}
  esac
  case \${COMP_WORDS[COMP_CWORD > 1 ? 1 : 0]} in
${COMMAND_LINES.filter(({ name }) => name !== null).map(commandCase).join("\n")}
    *)
${commandBody(COMMAND_LINES[0]!)}
      if ((COMP_CWORD > 1)); then operands=(nothing); fi ;;
  esac
  if [[ $word == -* ]]; then _ipipou_offer words "$options"; else _ipipou_offer "\${operands[@]}"; fi
}

complete -F _ipipou ipipou
`;
}

/** Options that take a value, by what is offered for it. */
function values(): [string[], Offer][] {
  const byOffer = new Map<string, [string[], Offer]>();
  for (const option of COMMAND_LINES.flatMap(({ options }) => options)) {
    if (option.value === null) continue;
    const { offer } = option.value;
    const known = byOffer.get(offerCall(offer))?.[0] ?? [];
    byOffer.set(offerCall(offer), [[...new Set([...known, ...typed(option)])], offer]);
  }
  return [...byOffer.values()];
}

function offerCall(offer: Offer): string {
  return offer.kind === "nothing" ? ":" : `_ipipou_offer ${offerWords(offer)}`;
}

function offerWords(offer: Offer): string {
  if (offer.kind === "names") return `names ${offer.extension}`;
  return offer.kind === "words" ? `words '${offer.words.join(" ")}'` : offer.kind;
}

function commandCase(line: CommandLine): string {
  return `    ${line.name})\n${commandBody(line)} ;;`;
}

function commandBody({ options, operands }: CommandLine): string {
  const names = options.map((option) => typed(option).at(-1));
  return `      options='${names.join(" ")}'\n      operands=(${offerWords(operands)})`;
}
