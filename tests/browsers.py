"Headless Chromium for tests."
import json
import os
import shutil

import pytest


def chromium(profile, **capabilities):
    "A driver of headless Chromium that records its console and its requests; the test is skipped where there is none, and fails in CI."
    program, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    if not (program and driver):
        message = "chromium and chromium-driver are not installed: apt-get install chromium chromium-driver"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", "--no-first-run", "--window-size=1400,1000", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for name, value in capabilities.items():
        options.set_capability(name, value)
    return webdriver.Chrome(options=options, service=Service(driver))


def until(browser, what):
    "Waits until it is so; what it gives."
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda _: what())


def press(browser, *keys: str) -> None:
    "Sends keys to whatever has the focus; one that begins with Shift or Control is held down with the rest."
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    for key in keys:
        chain = ActionChains(browser)
        if key[0] in (Keys.SHIFT, Keys.CONTROL):
            chain.key_down(key[0]).send_keys(key[1:]).key_up(key[0]).perform()
        else:
            chain.send_keys(key).perform()


def tab_to(browser, script: str) -> None:
    "Presses Tab until the focus is where the script says."
    from selenium.webdriver.common.keys import Keys

    for _ in range(120):
        if browser.execute_script(f"const at = document.activeElement; return {script}"):
            return
        press(browser, Keys.TAB)
    raise AssertionError(f"Tab never comes to where {script}")


def assert_quiet(browser, *own: str) -> None:
    "Since the logs were last read nothing was complained of in the console, and nothing was asked for but what begins with an address of its own."
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith((*own, "blob:"))] == []


# which words of the page have less contrast than WCAG AA asks for
CONTRAST = """
const parts = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
const over = (top, below) => top.slice(0, 3).map((one, index) => one * top[3] + below[index] * (1 - top[3]));
const ground = (one) => one ? over(parts(getComputedStyle(one).backgroundColor), ground(one.parentElement)) : [255, 255, 255];
const opacity = (one) => one ? Number(getComputedStyle(one).opacity) * opacity(one.parentElement) : 1;
const light = (colour) => colour.map(one => one / 255).map(one => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4).reduce((sum, one, index) => sum + one * [.2126, .7152, .0722][index], 0);
const bad = [];
for (const one of document.querySelectorAll('.review *')) {
  const words = [...one.childNodes].filter(node => node.nodeType === 3 && node.data.trim());
  if (!words.length || !one.getClientRects().length) continue;
  const [r, g, b, a] = parts(getComputedStyle(one).color), below = ground(one), [high, low] = [light(over([r, g, b, a * opacity(one)], below)), light(below)].sort((x, y) => y - x);
  if ((high + .05) / (low + .05) < 4.5) bad.push([one.className, words[0].data.slice(0, 20), (high + .05) / (low + .05)]);
}
return bad;"""
