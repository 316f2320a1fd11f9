"""The `ollama` command itself: create, run, list, show, ps, cp and rm.

A run says neither temperature nor seed (its model does), so that only /all in its base URL makes
it replay.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

MODEL, ASK, OLLAMA = os.environ["MODEL"], os.environ["ASK"], os.environ["OLLAMA"]
SHORT, COPY = "refrain-short", "refrain-copy"
MODELFILE = f"FROM {MODEL}\nPARAMETER temperature 0\nPARAMETER num_predict 12\n"


def ollama(*arguments):
    """What the command prints, which has to end well."""
    done = subprocess.run(
        [OLLAMA, *arguments],
        env={**os.environ, "OLLAMA_HOST": os.environ["BASE_URL"], "HOME": home, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def names(table):
    """The first column of a table that has a line of headings."""
    return sorted(line.split()[0] for line in table.splitlines()[1:])


with tempfile.TemporaryDirectory(prefix="refrain-command-") as home:
    modelfile = Path(home, "Modelfile")
    modelfile.write_text(MODELFILE, encoding="utf-8")
    ollama("create", SHORT, "-f", str(modelfile))
    ollama("cp", SHORT, COPY)
    listed = names(ollama("list"))
    text = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", ollama("run", SHORT, ASK)).strip()
    again = ollama("run", "--format", "json", "--verbose", COPY, ASK)
    shown = ollama("show", SHORT, "--parameters")
    ollama("rm", SHORT, COPY)
    print(
        json.dumps(
            {
                "texts": {"run": text, "format": again.strip()},
                "through": {
                    "list": listed,
                    "show": shown.split(),
                    "ps": ollama("ps").split()[0],
                    "left": names(ollama("list")),
                },
            }
        )
    )
