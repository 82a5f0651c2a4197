import { COMMAND_LINES, type CommandLine, type Offer, type Offered } from "./offers.ts";

const COMMANDS = COMMAND_LINES.flatMap(({ name }) => name ?? []);

/** The completions for fish 3. @param folder where configuration lies, ending in `/` */
export function fishCompletions(folder: string): string {
  return `# fish completion for ipipou

# Whether the command line is that of this command; of none: ''
function __ipipou_is
    set -l words (commandline -opc)
    contains -- "$words[2]" ${COMMANDS.join(" ")}; or set words[2] ''
    test "$words[2]" = "$argv[1]"
end

function __ipipou_names
    if string match -qr '^\\.{0,2}/' -- (commandline -ct)
        __fish_complete_path (commandline -ct)
        return
    end
    for file in ${folder}*.$argv[1]
        string replace -r '.*/(.*)\\..*' '$1' -- $file
    end
end

function __ipipou_devices
    string replace -r '.*/' '' -- /sys/class/net/*
end

function __ipipou_local
    set -l before (string replace -r '@.*' '' -- (commandline -ct))
    for device in (__ipipou_devices)
        echo $before@$device
    end
end

complete -c ipipou -f
${COMMAND_LINES.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ name, options, operands }: CommandLine): string[] {
  const start = `complete -c ipipou -n ${quote(`__ipipou_is '${name ?? ""}'`)}`;
  return [
    ...name === null ? COMMAND_LINES.flatMap(firstWord) : [`${start} -a ${quote(choices(operands))}`],
    ...options.map((option) => `${start} ${optionWords(option)}`),
  ];
}

function firstWord({ name, help }: CommandLine): string[] {
  return name === null
    ? []
    : [`complete -c ipipou -n 'test (count (commandline -opc)) = 1' -a ${name} -d ${quote(help)}`];
}

function optionWords({ short, long, help, value }: Offered): string {
  return [
    ...short === null ? [] : [`-s ${short}`],
    ...long === null ? [] : [`-l ${long}`],
    ...value === null ? [] : [valueWords(value.offer)],
    `-d ${quote(help)}`,
  ].join(" ");
}

function valueWords(offer: Offer): string {
  if (offer.kind === "files") return "-r -F";
  return offer.kind === "nothing" ? "-x" : `-x -a ${quote(choices(offer))}`;
}

function choices(offer: Offer): string {
  switch (offer.kind) {
    case "names":
      return `(__ipipou_names ${offer.extension})`;
    case "words":
      return offer.words.join(" ");
    default:
      return `(__ipipou_${offer.kind})`;
  }
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
