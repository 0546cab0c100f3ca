# SPDX-License-Identifier: Apache-2.0
"""The documentation's pages, and the commands in them."""

import pathlib
import re
import textwrap

PAGES = pathlib.Path(__file__).parents[2] / 'doc/source'

_BLOCK = re.compile(r'^( *)\.\. code-block:: sh\n\n((?:\1 +.*\n|\n)+)',
                    re.MULTILINE)


def shell_blocks(page: str) -> list[str]:
    """Return the shell scripts of a page, in their order.

    :param page: its name, without the ending
    """
    text = (PAGES / f'{page}.rst').read_text()
    return [textwrap.dedent(block) for _, block in _BLOCK.findall(text)]
