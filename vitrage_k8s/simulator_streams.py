# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Scripts of what the simulator answers, and streams written by hand."""

import collections
from collections.abc import Callable

from vitrage_k8s.simulator_http import Answer
from vitrage_k8s.simulator_http import CLOSE
from vitrage_k8s.simulator_http import Request
from vitrage_k8s.simulator_http import RESET
from vitrage_k8s.simulator_outlet import LOOK_SECONDS
from vitrage_k8s.simulator_outlet import Outlet

# What a stream is made of; of a callable, the bytes that it returns.
Part = bytes | float | Callable[[], bytes | None]


class Stream:
    """An answer of status 200 in chunks, sent part by part.

    :param parts: bytes, sent at once as they are, wherever a line may end;
        seconds of silence; CLOSE or RESET, which break off there; or what is
        called then, in the thread of the connection
    :param end: whether the stream ends in good order after the last, or else
        stays open and silent until the server stops or the client leaves
    """

    def __init__(self, *parts: Part, end: bool = True) -> None:
        self.parts = parts
        self.end = end

    def __call__(self, outlet: Outlet) -> None:
        # An API server sends the head before there is anything to tell.
        outlet.send(b'')
        for part in self.parts:
            data = part() if callable(part) else part
            if isinstance(data, bytes):
                outlet.send(data)
            elif data == CLOSE:
                raise ConnectionAbortedError
            elif data == RESET:
                outlet.reset()
            elif data:
                outlet.wait(data)
        while not self.end:
            outlet.wait(LOOK_SECONDS)


# What a script is made of; None is the normal answer.
Step = (Answer | Stream | Callable[[Request], Answer | Stream | None]
        | None)


def next_answer(script: collections.deque[Step],
                request: Request) -> Answer | None:
    """Take the next step of a script; None if there is nothing in it."""
    try:
        step = script.popleft()
    except IndexError:
        return None
    if callable(step) and not isinstance(step, Stream):
        step = step(request)
    return Answer(stream=step) if isinstance(step, Stream) else step
