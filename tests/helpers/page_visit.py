"""The page in a browser: what a person sees of it and does with it."""

import base64
import time
from typing import Any

from page_client import PATIENCE

# What a drop by the mouse, or a paste, is to the page: files in a DataTransfer.
GIVE = """
const [kind, names, contents] = arguments, transfer = new DataTransfer();
names.forEach((name, index) => {
  const bytes = Uint8Array.from(atob(contents[index]), letter => letter.charCodeAt(0));
  transfer.items.add(new File([bytes], name));
});
const options = { bubbles: true, cancelable: true };
document.getElementById("stage").dispatchEvent(
  kind === "drop" ? new DragEvent(kind, { dataTransfer: transfer, ...options })
  : new ClipboardEvent(kind, { clipboardData: transfer, ...options }));
"""

# The colour of the stage's canvas at a share of its width and height.
COLOUR = """
const canvas = document.getElementById("canvas"), [x, y] = arguments;
return [...canvas.getContext("2d").getImageData(canvas.width * x, canvas.height * y, 1, 1).data];
"""


class Visit:
    """The page, as a person sees it."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        browser.get_log("browser")  # what earlier visits left in it is gone with this
        browser.get(address)
        self.until(lambda: self.find("body").get_attribute("data-ready") == "yes")

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def until(self, happened) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := happened()):
            assert time.monotonic() < deadline, (self.states(), self.browser.get_log("browser"))
            time.sleep(0.05)
        return found

    def drop(self, **files: bytes) -> None:
        self._give("drop", files)

    def paste(self, **files: bytes) -> None:
        self._give("paste", files)

    def _give(self, kind: str, files: dict[str, bytes]) -> None:
        names = [name.replace("_", ".") for name in files]
        self.browser.execute_script(GIVE, kind, names, [base64.b64encode(f).decode() for f in files.values()])

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Fingers on the stage, ``points`` from its middle."""
        box = self.find("#canvas").rect
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        touches = [{"x": middle[0] + x, "y": middle[1] + y, "id": n} for n, (x, y) in enumerate(points)]
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def states(self) -> list[str]:
        return [state.text for state in self.all("#queue .state")]

    def first_state(self) -> str:
        """That of the first picture, nothing while there is none."""
        return next(iter(self.states()), "")

    def wait_for(self, *states: str) -> None:
        self.until(lambda: self.states() == list(states))

    def choose(self, select: str, value: str) -> None:
        from selenium.webdriver.support.ui import Select

        Select(self.find(select)).select_by_value(value)

    def type(self, field: str, text: str) -> None:
        from selenium.webdriver.common.keys import Keys

        self.find(field).send_keys(Keys.CONTROL + "a")
        self.find(field).send_keys(text, Keys.ENTER)

    def press(self, *keys: str) -> None:
        """Keys, with the stage in focus."""
        self.find("#canvas").send_keys(*keys)

    def image(self, canvas: str) -> bytes:
        """What is drawn on ``canvas``, as PNG."""
        script = "return document.querySelector(arguments[0]).toDataURL('image/png')"
        return base64.b64decode(self.browser.execute_script(script, canvas).partition(",")[2])

    def colour(self, x: float, y: float) -> tuple[int, ...]:
        return tuple(self.browser.execute_script(COLOUR, x, y))

    def zoom(self) -> int:
        return int(self.find("#zoom").text.removesuffix(" %"))
