"""Reports in a real browser: the table sorts and filters, pictures open, nothing is asked for."""

import json
import shutil
from math import inf, nan

import numpy as np
import pytest

from labelnoise.cli._report import Picture, Report, page
from labelnoise.cli._table import TITLES

webdriver = pytest.importorskip("selenium.webdriver")
Wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
if not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("no chromium and chromedriver", allow_module_level=True)
SWITCHES = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
)
SQUARE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'%3E"
    "%3Crect width='9' height='9'/%3E%3C/svg%3E"
)
GROUPS = "worst", "worst", "median", "median", "best", "best"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Start Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in SWITCHES:
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()
    service.stop()


def report(cases=60):
    """Make a report with a label of a name that is too long, and scores that are not finite."""
    rng = np.random.default_rng(0)
    rows = []
    for case in range(cases):
        for label in (1, 2):
            scores = dict(zip(TITLES, rng.random(len(TITLES)).tolist(), strict=True))
            rows.append({"case": f"case_{case}", "label": label, **scores, "unit": "mm"})
    rows[3] |= {"hd95": inf, "assd": nan, "volume_difference": -inf}
    pictures = [Picture(group, f"case_{at}", 4, 9, 0.5, SQUARE) for at, group in enumerate(GROUPS)]
    failed = {100 * "long": "is damaged"}
    return Report("clean", 60 * "noisy", rows, failed, None, {1: 50 * "liver"}, {1: pictures})


@pytest.fixture
def opened(browser, tmp_path):
    """Return what opens a report, in a width and a scheme of colours."""

    def opened(made=None, width=1300, scheme="light"):
        browser.get_log("browser"), browser.get_log("performance")
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        path = tmp_path / "report.html"
        path.write_text(page(made or report()), encoding="utf-8")
        browser.get(path.as_uri())
        return browser

    return opened


def column(driver, number):
    """Return what a column shows."""
    script = (
        "return [...document.querySelectorAll('#table tbody tr')].map(r => r.cells[%d].innerText)"
    )
    return driver.execute_script(script % number)


def click(driver, selector):
    """Click an element, as a person does."""
    element = driver.find_element("css selector", selector)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def choose(driver, name, text):
    """Choose an option."""
    click(driver, f"#{name}")
    for option in driver.find_elements("css selector", f"#{name} option"):
        if option.text == text:
            option.click()


def numbers(texts):
    """Return numbers that are written."""
    return [float(text.split()[0].replace("\u2212", "-")) for text in texts]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1300])
def test_it_shows_all_and_asks_nothing(opened, width, scheme):
    """Pictures are there, the page does not scroll sideways, no error, no request."""
    driver = opened(width=width, scheme=scheme)
    shown = driver.execute_script(
        "return [...document.querySelectorAll('.pictures img')].map("
        "image => image.complete && image.naturalWidth > 0 && image.clientWidth > 150)"
    )
    assert shown == [True] * 6
    script = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    inside, outside = driver.execute_script(script)
    assert inside <= outside
    colour = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(numbers(colour[4:-1].replace(",", " ").split())) < 200) == (scheme == "dark")
    click(driver, ".pictures button")
    click(driver, "#close")
    assert driver.get_log("browser") == []
    events = [json.loads(each["message"])["message"] for each in driver.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        and event["params"]["documentURL"] == driver.current_url
    ]
    assert [address for address in asked if not address.startswith("data:")] == [driver.current_url]


def test_the_policy_holds(opened):
    """Nothing can be loaded or run, even if it got onto the page."""
    driver = opened()
    driver.execute_async_script(
        """
        const done = arguments[0];
        const image = new Image();
        image.onerror = () => done();
        image.src = "http://localhost:9/x.png";
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(image, script);
        """
    )
    assert not driver.execute_script("return window.ran")
    logged = [each["message"] for each in driver.get_log("browser")]
    assert len(logged) >= 2
    assert all("Content Security Policy" in message for message in logged)


def test_the_table_sorts(opened):
    """By numbers, by keyboard, and names with numbers in them; what is not defined comes last."""
    driver = opened()
    assert column(driver, 0)[:5] == ["case_0", "case_0", "case_1", "case_1", "case_2"]
    choose(driver, "size", "all")
    headers = driver.find_elements("css selector", "#table th")
    assert len(column(driver, 0)) == 120
    headers[2].find_element("css selector", "button").send_keys("\ue007")  # Enter
    ascending = numbers(column(driver, 2))
    assert ascending == sorted(ascending)
    assert headers[2].get_attribute("aria-sort") == "ascending"
    assert headers[0].get_attribute("aria-sort") == "none"
    headers[2].find_element("css selector", "button").send_keys(" ")
    assert numbers(column(driver, 2)) == ascending[::-1]
    assert headers[2].get_attribute("aria-sort") == "descending"
    for first, last in (-1, "\u221e"), (0, "\u221e"):
        click(driver, "#table th:nth-child(6) button")
        assert column(driver, 5)[first] == last
    for _ in range(2):
        click(driver, "#table th:nth-child(7) button")
        assert column(driver, 6)[-1] == "\u2013"
    click(driver, "#table th:nth-child(8) button")
    assert column(driver, 7)[0] == "\u2212\u221e"


def test_the_table_filters(opened):
    """By a part of the name, by label, and in pages."""
    driver = opened()
    status = driver.find_element("css selector", "#shown")
    assert status.text == "Rows 1 to 25 of 120"
    click(driver, "#next")
    assert status.text == "Rows 26 to 50 of 120"
    driver.find_element("css selector", "#text").send_keys("CASE_1")
    assert status.text == "Rows 1 to 22 of 22"
    choose(driver, "label", "2")
    assert set(column(driver, 1)) == {"2"}
    assert status.text == "Rows 1 to 11 of 11"
    driver.find_element("css selector", "#text").send_keys("x")
    assert status.text == "No row fits; change the filter"
    assert column(driver, 0) == []


def test_pictures_become_large(opened):
    """By a click; arrows go on, Escape closes, and the focus comes back."""
    driver = opened()
    click(driver, ".pictures figure:nth-child(6) button")
    large = driver.find_element("css selector", "#large")
    assert large.get_attribute("open")
    assert "Best: Dice 0.500" in driver.find_element("css selector", "#large-caption").text
    assert driver.find_element("css selector", "#large img").size["width"] > 600
    driver.switch_to.active_element.send_keys("\ue014")  # to the right
    caption = driver.find_element("css selector", "#large-caption").text
    assert "Worst: Dice 0.500" in caption
    assert "case_0, slice 5 of 9" in caption
    driver.switch_to.active_element.send_keys("\ue00c")  # Escape
    assert not large.get_attribute("open")
    script = "return document.activeElement.querySelector('img')?.alt.includes('case_0')"
    Wait(driver, 30).until(lambda driver: driver.execute_script(script))  # the browser tells later


def test_paper_gets_all_rows(opened):
    """Whatever page is shown."""
    driver = opened()
    driver.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert len(column(driver, 0)) == 120
    driver.execute_script("dispatchEvent(new Event('afterprint'))")
    assert len(column(driver, 0)) == 25


def test_a_large_table_shows_a_page(opened):
    """Of twenty thousand rows the browser lays out 25, also after they are sorted."""
    driver = opened(report(cases=10_000))
    click(driver, "#table th:nth-child(4) button")
    shown = numbers(column(driver, 3))
    assert len(shown) == 25
    assert shown == sorted(shown)
