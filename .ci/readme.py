"""Print the README's shell and Python blocks as one script, in order.

`make test` is left out: what calls this has run it.
"""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"

for language, block in re.findall(r"^```(bash|python)\n(.*?)^```", README.read_text(), re.M | re.S):
    if language == "python":
        block = f".venv/bin/python - <<'END'\n{block}END\n"
    block = re.sub(r"^make test\b.*\n", "", block, flags=re.M)
    print(f"cat <<'SHOWN'\n{block}SHOWN\n{block}")
