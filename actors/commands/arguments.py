"""What is typed, in the form that the command line's library understands."""

COMMANDS = (
    "paper", "live", "status", "stop", "halt", "lift", "wal", "recover", "config", "doctor", "keystore",
    "devnet", "demo", "backtest", "sweep", "walk-forward", "report", "record", "train",
)  # fmt: skip
HELP = ("--help", "--install-completion", "--show-completion")
SEVERAL = ("--recording", "--strategy", "--over")


def completed(words: list[str]) -> list[str]:
    """Without a command it is `paper`; `--recording a b` is `--recording a --recording b`."""
    if not words or (words[0].startswith("-") and words[0] not in HELP):
        words = ["paper", *words]
    complete: list[str] = []
    repeated = ""
    for word in words:
        if word in SEVERAL:
            repeated = word
            continue
        if word.startswith("-"):
            complete.extend([repeated] if repeated and complete[-2:-1] != [repeated] else [])
            repeated = ""
        complete.extend([repeated, word] if repeated else [word])
    return [*complete, repeated] if repeated and complete[-2:-1] != [repeated] else complete
