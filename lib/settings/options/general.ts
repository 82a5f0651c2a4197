import { type OptionGroup, optionsOf } from "../option.ts";
import { integer, turnsOff, turnsOn } from "./kinds.ts";

export const GENERAL: OptionGroup = {
  title: "General",
  options: optionsOf({
    "-h, --help": { kind: "command", command: "help", help: "Show this text and exit" },
    "--version": { kind: "command", command: "version", help: "Show the version and exit" },
    "--config NAME": {
      kind: "config",
      help: "Read a configuration file, see Files; may be repeated: later files override earlier ones, " +
        "and the command line overrides them all",
    },
    "-c, --client": { ...turnsOff("server"), help: "Run as a client (the default)" },
    "-s, --server": { ...turnsOn("server"), help: "Run as a server" },
    "-n, --number N": {
      ...integer("number", 0, 65_535),
      help: "Instance number, from which other defaults are derived",
      default: "a server's --queue-number if it is 1-999, else 0",
    },
    "--wait": {
      ...turnsOn("wait"),
      neverAbbreviated: true,
      help: "At the start, wait for the network device and address of --fou-local, as a service does",
    },
    "--dry-run": {
      kind: "command",
      command: "dryRun",
      neverAbbreviated: true,
      help:
        "Print the commands that a start would run, for root's shell, and exit; only what is not in the kernel yet",
    },
    "-v": { kind: "count", slot: "verbose", help: "Log more; may be repeated up to three times" },
    "--verb LEVEL": {
      ...integer("verb", 0, 99),
      help: "Log more, like -v repeated LEVEL times",
      default: "0",
    },
    "--no-log-time": { ...turnsOff("logTime"), help: "Leave the time out of log lines" },
    "--no-log-pid": { ...turnsOff("logPid"), help: "Leave the process ID out of log lines" },
    "--log-format FORMAT": {
      kind: "word",
      slot: "logFormat",
      choices: ["text", "json"],
      neverAbbreviated: true,
      help:
        "Log lines of text, or JSON objects with level, message and the pairs that text has at its end (docs/log.md)",
      default: "text",
    },
    "--no-log-addresses": {
      ...turnsOff("logAddresses"),
      neverAbbreviated: true,
      help: "Log something else in place of each IPv4 address, the same as long as the program runs",
    },
  }),
};
